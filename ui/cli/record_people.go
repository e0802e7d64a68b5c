package cli

import (
	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

// idRecord is who the person is.
type idRecord struct {
	Account string         `json:"account"`
	Device  string         `json:"device"`
	Name    string         `json:"name"`
	Invite  string         `json:"invite"`
	Devices []deviceRecord `json:"devices,omitempty"`
}

func newID(r *apiv1.GetIdentityResponse) idRecord {
	rec := idRecord{Account: r.GetAccount(), Device: r.GetDevice(), Name: r.GetName(), Invite: r.GetInvite()}
	for _, d := range r.GetDevices() {
		rec.Devices = append(rec.Devices, newDevice(d))
	}
	return rec
}

func (r idRecord) lines(view) []ui.Text {
	out := []ui.Text{
		ui.F("name     %s", r.Name), ui.F("account  %s", r.Account), ui.F("device   %s", r.Device),
	}
	if r.Invite != "" {
		out = append(out, ui.F("invite   %s", r.Invite))
	}
	return out
}

// initRecord is a new profile.
type initRecord struct {
	Account string `json:"account"`
	Device  string `json:"device"`
	Name    string `json:"name"`
	Invite  string `json:"invite"`
	Phrase  string `json:"phrase,omitempty"`
	Vault   string `json:"vault"`
}

func (r initRecord) lines(v view) []ui.Text {
	out := idRecord{Account: r.Account, Device: r.Device, Name: r.Name, Invite: r.Invite}.lines(v)
	if r.Phrase != "" {
		out = append(out, ui.Text{},
			ui.F("These 24 words are the account. Write them down: they are shown this once,"),
			ui.F("and whoever has them is you."), ui.Text{})
		out = append(out, phraseLines(r.Phrase)...)
		out = append(out, ui.Text{})
	}
	return append(out, vaultLine(r.Vault))
}

// deviceRecord is one machine of the person.
type deviceRecord struct {
	Device string `json:"device"`
	Name   string `json:"name"`
	Added  string `json:"added"`
	This   bool   `json:"this,omitempty"`
	Online bool   `json:"online"`
}

func newDevice(d *apiv1.DeviceInfo) deviceRecord {
	return deviceRecord{d.GetDevice(), d.GetName(), ui.RFC3339(d.GetAddedMs()), d.GetThis(), d.GetOnline()}
}

func (r deviceRecord) lines(view) []ui.Text {
	if r.This {
		return []ui.Text{ui.F("%s  %s  added %s  (this one)", r.Device, r.Name, day(r.Added))}
	}
	if r.Online {
		return []ui.Text{ui.F("%s  %s  added %s  (online)", r.Device, r.Name, day(r.Added))}
	}
	return []ui.Text{ui.F("%s  %s  added %s", r.Device, r.Name, day(r.Added))}
}

// day cuts the time from a date of our own making.
func day(rfc string) ui.Text { return ui.Line(rfc[:min(len(rfc), 10)]) }

// inviteRecord is a link that was just made.
type inviteRecord struct {
	Invite string `json:"invite"`
	Token  string `json:"token,omitempty"`
}

func (r inviteRecord) lines(view) []ui.Text { return []ui.Text{ui.Line(r.Invite)} }

// inviteInfoRecord is a link that was made before.
type inviteInfoRecord struct {
	Token   string `json:"token"`
	Created string `json:"created"`
	Expires string `json:"expires,omitempty"`
	Revoked bool   `json:"revoked"`
}

func newInviteInfo(i *apiv1.InviteInfo) inviteInfoRecord {
	r := inviteInfoRecord{Token: i.GetToken(), Created: ui.RFC3339(i.GetCreatedMs()), Revoked: i.GetRevoked()}
	if i.GetExpiresMs() > 0 {
		r.Expires = ui.RFC3339(i.GetExpiresMs())
	}
	return r
}

func (r inviteInfoRecord) lines(view) []ui.Text {
	state := ui.F("does not expire")
	switch {
	case r.Revoked:
		state = ui.F("revoked")
	case r.Expires != "":
		state = ui.F("until %s", day(r.Expires))
	}
	return []ui.Text{ui.F("%s  made %s  %s", r.Token, day(r.Created), state)}
}

// friendRecord is somebody one has to do with.
type friendRecord struct {
	news
	Account      string `json:"account"`
	Name         string `json:"name"`
	State        string `json:"state"`
	Fingerprint  string `json:"fingerprint,omitempty"`
	Ambiguous    bool   `json:"ambiguous,omitempty"`
	Verified     bool   `json:"verified"`
	Online       bool   `json:"online"`
	Note         string `json:"note,omitempty"`
	OwnName      string `json:"own_name,omitempty"`
	LastSeen     string `json:"last_seen,omitempty"`
	Since        string `json:"since,omitempty"`
	SafetyNumber string `json:"safety_number,omitempty"`
	SafetyEmoji  string `json:"safety_emoji,omitempty"`

	f *apiv1.Friend
}

func newFriend(f *apiv1.Friend) friendRecord {
	p := f.GetPerson()
	r := friendRecord{
		Account: p.GetAccount(), Name: p.GetName(), State: ui.FriendCode(f.GetState()),
		Fingerprint: p.GetFingerprint(), Ambiguous: p.GetAmbiguous(), Verified: f.GetVerified(), Online: f.GetOnline(),
		Note: f.GetNote(), OwnName: f.GetOwnName(), SafetyNumber: f.GetSafetyNumber(), SafetyEmoji: f.GetSafetyEmoji(), f: f,
	}
	if f.GetLastSeenMs() > 0 {
		r.LastSeen = ui.RFC3339(f.GetLastSeenMs())
	}
	if f.GetSinceMs() > 0 {
		r.Since = ui.RFC3339(f.GetSinceMs())
	}
	return r
}

func (r friendRecord) lines(v view) []ui.Text {
	f := r.f
	name := nameWithin(f.GetPerson(), v.columns)
	if own := ui.Stranger(&apiv1.Person{Name: r.OwnName, Account: r.Account}); r.OwnName != "" && r.OwnName != r.Name {
		name = ui.F("%s (calls themselves %s)", name, own)
	}
	parts := []ui.Text{name, ui.F("%s", r.State)}
	switch {
	case f.GetState() == apiv1.FriendState_FRIEND_STATE_FRIEND && r.Online:
		parts = append(parts, ui.F("online"))
	case f.GetState() == apiv1.FriendState_FRIEND_STATE_FRIEND && f.GetLastSeenMs() > 0:
		parts = append(parts, ui.F("last seen %s", ui.Stamp(f.GetLastSeenMs())))
	}
	if r.Verified {
		parts = append(parts, ui.F("verified"))
	}
	out := []ui.Text{ui.Join("  ", parts...), ui.F("      %s", ui.Truncate(ui.Line(r.Account), 80))}
	if f.GetState() == apiv1.FriendState_FRIEND_STATE_INCOMING {
		if r.Note != "" {
			out = append(out, hanging(ui.F("      note:"), r.Note, v.columns)...)
		}
		out = append(out, safetyLines(f)...)
	}
	return out
}

// safetyLines show what two people compare.
func safetyLines(f *apiv1.Friend) []ui.Text {
	if f.GetSafetyNumber() == "" {
		return nil
	}
	return []ui.Text{
		ui.F("      safety number  %s", ui.Truncate(ui.Line(f.GetSafetyNumber()), 80)),
		ui.F("                     %s", ui.Truncate(ui.Line(f.GetSafetyEmoji()), 60)),
	}
}

// foundRecord is somebody who was seen near.
type foundRecord struct {
	Account     string `json:"account"`
	Name        string `json:"name"`
	Fingerprint string `json:"fingerprint,omitempty"`
	Where       string `json:"where"`
	Seen        string `json:"seen"`
	State       string `json:"state"`

	p *apiv1.FoundPerson
}

func newFound(p *apiv1.FoundPerson) foundRecord {
	return foundRecord{
		Account: p.GetPerson().GetAccount(), Name: p.GetPerson().GetName(), Fingerprint: p.GetPerson().GetFingerprint(),
		Where: p.GetWhere(), Seen: ui.RFC3339(p.GetSeenMs()), State: ui.FriendCode(p.GetState()), p: p,
	}
}

func (r foundRecord) lines(v view) []ui.Text {
	what := ui.F("not a friend yet")
	if r.p.GetState() != apiv1.FriendState_FRIEND_STATE_UNSPECIFIED {
		what = ui.F("%s", r.State)
	}
	return []ui.Text{
		ui.F("%s  %s  seen on %s at %s", nameWithin(r.p.GetPerson(), v.columns), what,
			ui.Truncate(ui.Line(r.Where), 40), ui.Clock(r.p.GetSeenMs())),
		ui.F("      %s", ui.Truncate(ui.Line(r.Account), 80)),
	}
}

// memberRecord is somebody of a group.
type memberRecord struct {
	news
	Account  string `json:"account"`
	Name     string `json:"name"`
	Online   bool   `json:"online"`
	LastSeen string `json:"last_seen,omitempty"`
	Device   string `json:"device,omitempty"`

	m *apiv1.Member
}

func newMember(m *apiv1.Member) memberRecord {
	r := memberRecord{
		Account: m.GetPerson().GetAccount(), Name: m.GetPerson().GetName(), Online: m.GetOnline(), Device: m.GetDevice(), m: m,
	}
	if m.GetLastSeenMs() > 0 {
		r.LastSeen = ui.RFC3339(m.GetLastSeenMs())
	}
	return r
}

func (r memberRecord) lines(v view) []ui.Text {
	state := ui.F("offline")
	switch {
	case r.Online:
		state = ui.F("online")
	case r.m.GetLastSeenMs() > 0:
		state = ui.F("last seen %s", ui.Stamp(r.m.GetLastSeenMs()))
	}
	return []ui.Text{ui.F("%s  %s", nameWithin(r.m.GetPerson(), v.columns), state)}
}
