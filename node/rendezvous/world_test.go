package rendezvous

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/x/simlibp2p"
	"github.com/marcopolo/simnet"

	"github.com/kith-chat/kith/identity"
)

// device returns a person with one device; the keys follow from the seed.
func device(t testing.TB, seed byte) *identity.Device {
	t.Helper()
	account := identity.NewAccountKey([32]byte{seed, 5})
	priv := ed25519.NewKeyFromSeed(append(make([]byte, 31), seed))
	id, err := identity.ParseDeviceKey(priv.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	cert, err := identity.Certify(account, id, time.UnixMilli(1_700_000_000_000))
	if err != nil {
		t.Fatal(err)
	}
	d, err := identity.NewDevice(priv, cert)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// registry plays the hello: it knows whose the peers are, but tells it only of
// those that are connected.
type registry struct {
	mu     sync.Mutex
	owners map[peer.ID]identity.AccountID
}

func (r *registry) set(p peer.ID, a identity.AccountID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.owners == nil {
		r.owners = map[peer.ID]identity.AccountID{}
	}
	r.owners[p] = a
}

// person is one machine; it knows what contacts it has.
type person struct {
	*Service
	all    *registry
	device *identity.Device
	host   host.Host
	secret identity.DiscoverySecret
	stop   func()

	mu      sync.Mutex
	targets []Target
	steps   []Step
	where   []string // addresses of the machine
}

func (p *person) interfaces() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.where
}

func (p *person) account() identity.AccountID { return p.device.Account() }

func (p *person) wish(t ...Target) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.targets = t
}

func (p *person) Targets(context.Context) []Target {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Target(nil), p.targets...)
}

func (p *person) Target(_ context.Context, a identity.AccountID) (Target, bool) {
	for _, t := range p.Targets(context.Background()) {
		if t.Account == a {
			return t, true
		}
	}
	return Target{}, false
}

func (p *person) Devices(a identity.AccountID) []peer.ID {
	p.all.mu.Lock()
	defer p.all.mu.Unlock()
	var out []peer.ID
	for _, id := range p.host.Network().Peers() {
		if p.all.owners[id] == a {
			out = append(out, id)
		}
	}
	return out
}

func (p *person) Await(_ context.Context, id peer.ID) (identity.AccountID, bool) {
	p.all.mu.Lock()
	defer p.all.mu.Unlock()
	a, ok := p.all.owners[id]
	return a, ok
}

func (p *person) take(s Step) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.steps = append(p.steps, s)
}

// said returns whether a step was told that begins and ends so.
func (p *person) said(what string, ok bool, part string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.steps {
		if s.What == what && s.OK == ok && contains(s.Detail, part) {
			return true
		}
	}
	return false
}

func (p *person) info() peer.AddrInfo { return peer.AddrInfo{ID: p.host.ID(), Addrs: p.host.Addrs()} }

func (p *person) run(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	p.stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		p.stop = func() {}
	}
}

// table is a DHT without a network.
type table struct {
	mu       sync.Mutex
	down     bool
	records  map[cid.Cid][]peer.AddrInfo
	provided []use
	asked    []use
}

// use is one use of a table.
type use struct {
	key cid.Cid
	at  time.Time
}

var errDown = errors.New("no peers in the table")

// view is a table as one person sees it.
type view struct {
	*table
	p *person
}

func (v view) Provide(_ context.Context, k cid.Cid, _ bool) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.provided = append(v.provided, use{k, time.Now()})
	if v.down {
		return errDown
	}
	if v.records == nil {
		v.records = map[cid.Cid][]peer.AddrInfo{}
	}
	for _, have := range v.records[k] {
		if have.ID == v.p.host.ID() {
			return nil
		}
	}
	v.records[k] = append(v.records[k], v.p.info())
	return nil
}

func (v view) FindProvidersAsync(_ context.Context, k cid.Cid, limit int) <-chan peer.AddrInfo {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.asked = append(v.asked, use{k, time.Now()})
	found := v.records[k]
	out := make(chan peer.AddrInfo, len(found))
	for _, info := range found[:min(limit, len(found))] {
		out <- info
	}
	close(out)
	return out
}

func (d *table) counts() (provided, asked int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.provided), len(d.asked)
}

// inWorld runs a story among people on a simulated network, in virtual time,
// who share a DHT.
func inWorld(t *testing.T, people int, story func(t *testing.T, p []*person, d *table)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		sim := &simnet.Simnet{LatencyFunc: simnet.StaticLatency(10 * time.Millisecond), Logger: slog.New(slog.DiscardHandler)}
		rate := simnet.LinkSettings{BitsPerSecond: 100 * simlibp2p.OneMbps}
		all, d := &registry{}, &table{}
		var list []*person
		for i := range people {
			p := &person{all: all, device: device(t, byte(i+1)), secret: identity.DiscoverySecret{1, byte(i)}, stop: func() {}}
			key, err := p.device.HostKey()
			if err != nil {
				t.Fatal(err)
			}
			p.host, err = libp2p.New(
				libp2p.Identity(key),
				libp2p.ListenAddrStrings(fmt.Sprintf("/ip4/1.0.0.%d/udp/8000/quic-v1", i+1)),
				libp2p.DisableIdentifyAddressDiscovery(), libp2p.DisableRelay(),
				libp2p.ResourceManager(&network.NullResourceManager{}),
				simlibp2p.QUICSimnet(sim, simnet.NodeBiDiLinkSettings{Downlink: rate, Uplink: rate}),
			)
			if err != nil {
				t.Fatal(err)
			}
			all.set(p.host.ID(), p.account())
			p.Service = New(Config{
				Host: p.host, Contacts: p, Directory: p, DHT: view{d, p},
				Secret: func() identity.DiscoverySecret { return p.secret },
			})
			p.addresses = p.interfaces
			list = append(list, p)
		}
		sim.Start()
		synctest.Wait()
		story(t, list, d)
		for _, p := range list {
			p.stop()
			_ = p.host.Close()
		}
		sim.Close()
	})
}
