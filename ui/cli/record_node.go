package cli

import (
	"strings"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

// statusRecord is how the node is.
type statusRecord struct {
	Version   string    `json:"version"`
	Commit    string    `json:"commit,omitempty"`
	Home      string    `json:"home"`
	PID       uint32    `json:"pid"`
	Started   string    `json:"started"`
	Addresses []string  `json:"addresses"`
	Peers     uint32    `json:"peers"`
	NAT       string    `json:"nat"`
	DHT       string    `json:"dht"`
	DHTMode   string    `json:"dht_mode,omitempty"`
	DHTPeers  uint32    `json:"dht_peers"`
	MDNS      bool      `json:"mdns"`
	Relay     bool      `json:"relay"`
	StoreSize uint64    `json:"store_size"`
	Free      uint64    `json:"free"`
	Storage   string    `json:"storage"`
	Queued    uint64    `json:"queued"`
	Web       string    `json:"web,omitempty"`
	Vault     string    `json:"vault"`
	Traffic   []traffic `json:"traffic,omitempty"`

	startedMS int64
}

type traffic struct {
	Purpose string `json:"purpose"`
	In      uint64 `json:"in"`
	Out     uint64 `json:"out"`
}

func newStatus(s *apiv1.GetStatusResponse) statusRecord {
	r := statusRecord{
		Version: s.GetVersion(), Commit: s.GetCommit(), Home: s.GetHome(), PID: s.GetPid(), Started: ui.RFC3339(s.GetStartedMs()),
		Addresses: append([]string{}, s.GetAddresses()...), Peers: s.GetPeers(), NAT: s.GetNat(), DHT: s.GetDht(),
		DHTMode: s.GetDhtMode(), DHTPeers: s.GetDhtPeers(), MDNS: s.GetMdns(), Relay: s.GetRelay(), StoreSize: s.GetStoreBytes(),
		Free: s.GetFreeBytes(), Storage: s.GetStorage(), Queued: s.GetQueued(), Web: s.GetWeb(), Vault: s.GetVault(),
		startedMS: s.GetStartedMs(),
	}
	for _, t := range s.GetTraffic() {
		r.Traffic = append(r.Traffic, traffic{t.GetPurpose(), t.GetBytesIn(), t.GetBytesOut()})
	}
	return r
}

func (r statusRecord) lines(view) []ui.Text {
	out := []ui.Text{
		ui.F("running    since %s, process %d, version %s", ui.Stamp(r.startedMS), r.PID, r.Version),
		ui.F("home       %s", r.Home),
		ui.F("keys       %s", vaultWords(r.Vault)),
		ui.F("peers      %d connected", r.Peers),
		ui.F("nat        %s", r.NAT),
		ui.F("dht        %s, %d peers", strings.TrimSpace(r.DHT+" "+r.DHTMode), r.DHTPeers),
		ui.F("lan        %s", onOff(r.MDNS)),
		ui.F("relay      %s", onOff(r.Relay)),
		ui.F("store      %s, %s free, %s", ui.Size(r.StoreSize), ui.Size(r.Free), r.Storage),
		ui.F("outbox     %d waiting", r.Queued),
	}
	if r.Web != "" {
		out = append(out, ui.F("web        %s", r.Web))
	}
	for _, a := range r.Addresses {
		out = append(out, ui.F("address    %s", a))
	}
	for _, t := range r.Traffic {
		out = append(out, ui.F("traffic    %s: %s in, %s out", t.Purpose, ui.Size(t.In), ui.Size(t.Out)))
	}
	return out
}

func onOff(on bool) ui.Text {
	if on {
		return ui.F("on")
	}
	return ui.F("off")
}

// vaultWords says what guards the keys.
func vaultWords(kind string) ui.Text {
	switch kind {
	case "passphrase":
		return ui.F("sealed by your passphrase")
	case "keyring":
		return ui.F("sealed by a key in the keyring of this system")
	case "key file":
		return ui.F("sealed by a key file beside them: whoever can read your files can read them")
	}
	return ui.Line(kind)
}

func vaultLine(kind string) ui.Text { return ui.F("keys     %s", vaultWords(kind)) }

// phraseLines lay the words out in rows of six, numbered.
func phraseLines(phrase string) []ui.Text {
	var out []ui.Text
	var row []ui.Text
	for i, w := range strings.Fields(phrase) {
		row = append(row, ui.Pad(ui.F("%2d %s", i+1, w), 12))
		if len(row) == 6 {
			out = append(out, ui.F("  %s", strings.TrimRight(ui.Join("", row...).String(), " ")))
			row = nil
		}
	}
	if len(row) > 0 {
		out = append(out, ui.F("  %s", ui.Join("", row...)))
	}
	return out
}

// peerRecord is a connected machine.
type peerRecord struct {
	Device    string   `json:"device"`
	Person    *author  `json:"person,omitempty"`
	Addresses []string `json:"addresses"`
	Agent     string   `json:"agent,omitempty"`
	LAN       bool     `json:"lan"`
	Relayed   bool     `json:"relayed"`
	RTT       uint32   `json:"rtt_us,omitempty"`
	Security  string   `json:"security,omitempty"`
	Shares    []string `json:"shares,omitempty"`

	p *apiv1.Peer
}

func newPeer(p *apiv1.Peer) peerRecord {
	r := peerRecord{
		Device: p.GetDevice(), Addresses: append([]string{}, p.GetAddresses()...), Agent: p.GetAgent(), LAN: p.GetLan(),
		Relayed: p.GetRelayed(), RTT: p.GetRttUs(), Security: p.GetSecurity(), Shares: p.GetShares(), p: p,
	}
	if p.GetPerson() != nil {
		a := newAuthor(p.GetPerson())
		r.Person = &a
	}
	return r
}

func (r peerRecord) lines(v view) []ui.Text {
	who := ui.F("(has not said who it is)")
	if r.Person != nil {
		who = nameWithin(r.p.GetPerson(), v.columns)
	}
	way := ui.F("direct")
	switch {
	case r.Relayed:
		way = ui.F("through a relay")
	case r.LAN:
		way = ui.F("on the LAN")
	}
	parts := []ui.Text{who, way}
	if r.RTT > 0 {
		parts = append(parts, ui.F("%.1f ms", float64(r.RTT)/1000))
	}
	if r.Security != "" {
		parts = append(parts, ui.Truncate(ui.Line(r.Security), 20))
	}
	for _, s := range r.Shares {
		parts = append(parts, ui.Truncate(ui.Line(s), 40))
	}
	out := []ui.Text{ui.Join("  ", parts...), ui.F("      %s  %s", r.Device, ui.Truncate(ui.Line(r.Agent), 60))}
	for _, a := range r.Addresses {
		out = append(out, ui.F("      %s", a))
	}
	return out
}

// stepRecord is one step of meeting somebody.
type stepRecord struct {
	Step   string `json:"step"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
	Done   bool   `json:"done,omitempty"`
}

func newStep(s *apiv1.DiagnoseResponse) stepRecord {
	return stepRecord{s.GetStep(), s.GetOk(), s.GetDetail(), s.GetDone()}
}

func (r stepRecord) lines(v view) []ui.Text {
	verdict := ui.F("ok    ")
	if !r.OK {
		verdict = ui.F("failed")
	}
	head := ui.F("%s  %s", verdict, ui.Truncate(ui.Line(r.Step), 40))
	if r.Detail == "" {
		return []ui.Text{head}
	}
	return hanging(ui.F("%s:", head), r.Detail, v.columns)
}

// settingRecord is one setting in force.
type settingRecord struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	From  string `json:"from"`
}

func (r settingRecord) lines(view) []ui.Text {
	return []ui.Text{ui.F("%s = %s  (%s)", ui.Pad(ui.Line(r.Name), 16), r.Value, r.From)}
}

// storageRecord says that the store's state has changed.
type storageRecord struct {
	news
	State  string `json:"state"`
	Detail string `json:"detail,omitempty"`
}

func (r storageRecord) lines(view) []ui.Text {
	return []ui.Text{ui.F("* storage is %s: %s", r.State, r.Detail)}
}

// doneRecord confirms what has no other answer.
type doneRecord struct {
	Done string `json:"done"`           // what was done: "left", "blocked", …
	What string `json:"what,omitempty"` // to whom or to what

	text ui.Text
}

func (r doneRecord) lines(view) []ui.Text { return []ui.Text{r.text} }

// servingRecord says that the node is ready.
type servingRecord struct {
	Event     string   `json:"event"`
	Account   string   `json:"account"`
	Device    string   `json:"device"`
	Name      string   `json:"name"`
	Addresses []string `json:"addresses"`
	Socket    string   `json:"socket"`
	Web       string   `json:"web,omitempty"`
	Vault     string   `json:"vault"`
}

func (r servingRecord) lines(view) []ui.Text {
	out := []ui.Text{ui.F("kith is running as %s (%s)", r.Name, r.Account), ui.F("keys     %s", vaultWords(r.Vault))}
	for _, a := range r.Addresses {
		out = append(out, ui.F("address  %s", a))
	}
	if r.Web != "" {
		out = append(out, ui.F("web      %s", r.Web))
	}
	return append(out, ui.F("stop it with Ctrl-C or 'kith stop'"))
}
