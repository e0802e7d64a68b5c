package hello_test

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

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/x/simlibp2p"
	"github.com/marcopolo/simnet"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/node/hello"
	"github.com/kith-chat/kith/node/hello/pb"
	"github.com/kith-chat/kith/node/wire"
)

// device returns a person with one device; the keys follow from the seed.
func device(t testing.TB, seed byte) *identity.Device {
	t.Helper()
	account := identity.NewAccountKey([32]byte{seed, 9})
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

// person is one machine on a simulated network. It is the policy of its own
// service: it reveals itself to friends and to whoever proves its secret.
type person struct {
	t      *testing.T
	device *identity.Device
	host   host.Host
	hello  *hello.Service
	stop   func()

	mu      sync.Mutex
	secret  identity.DiscoverySecret
	friends map[identity.AccountID]bool
	owners  map[peer.ID]identity.AccountID // whom peers are thought to be
	secrets map[peer.ID]identity.DiscoverySecret
	lan     bool
	log     []string // meetings and partings, in order
}

func (p *person) Reveal(id peer.ID, a identity.AccountID, lan, proved bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a.IsZero() {
		a = p.owners[id]
	}
	return proved || lan || !a.IsZero() && p.friends[a]
}

func (p *person) Secret() identity.DiscoverySecret {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.secret
}

func (p *person) SecretOf(id peer.ID) (identity.DiscoverySecret, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, ok := p.secrets[id]
	return s, ok
}

func (p *person) Card() hello.Card {
	return hello.Card{
		Certificate: p.device.Certificate(), Name: "Ann\u202e " + p.device.ID().Short(), DeviceList: []byte("list"),
	}
}

func (p *person) events() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.log...)
}

// befriend makes others friends of p, known by their peer IDs.
func (p *person) befriend(others ...*person) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, o := range others {
		p.friends[o.device.Account()] = true
		p.owners[o.host.ID()] = o.device.Account()
	}
}

func (p *person) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.hello.Run(ctx) }()
	p.stop = func() {
		cancel()
		if err := <-done; err != nil {
			p.t.Error(err)
		}
		p.stop = func() {}
	}
}

func (p *person) dial(o *person) {
	p.t.Helper()
	if err := p.host.Connect(p.t.Context(), peer.AddrInfo{ID: o.host.ID(), Addrs: o.host.Addrs()}); err != nil {
		p.t.Fatal(err)
	}
}

func (p *person) knows(o *person) bool {
	known, ok := p.hello.Person(o.host.ID())
	return ok && known.Account() == o.device.Account()
}

// ask says m to o as an exchange would, and returns the answer.
func (p *person) ask(o *person, m *pb.Hello) (*pb.Hello, error) {
	st, err := p.host.NewStream(p.t.Context(), o.host.ID(), hello.Protocol)
	if err != nil {
		return nil, err
	}
	defer st.Close()
	w := wire.NewWriter(st, wire.MaxFrame)
	if err := errors.Join(w.WriteMessage(m), w.Flush()); err != nil {
		return nil, err
	}
	var answer pb.Hello
	return &answer, wire.NewReader(st, wire.MaxFrame).ReadMessage(&answer)
}

// inWorld runs a story among people who know nothing of each other, in virtual
// time. All but the last quiet of them speak hello.
func inWorld(t *testing.T, people, quiet int, story func(t *testing.T, p []*person)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		sim := &simnet.Simnet{LatencyFunc: simnet.StaticLatency(10 * time.Millisecond), Logger: slog.New(slog.DiscardHandler)}
		rate := simnet.LinkSettings{BitsPerSecond: 100 * simlibp2p.OneMbps}
		var all []*person
		for i := range people {
			p := &person{
				t: t, device: device(t, byte(i+1)), secret: identity.DiscoverySecret{1, byte(i)},
				friends: map[identity.AccountID]bool{}, owners: map[peer.ID]identity.AccountID{},
				secrets: map[peer.ID]identity.DiscoverySecret{}, stop: func() {},
			}
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
			p.hello = hello.New(hello.Config{
				Host: p.host, Policy: p, Capabilities: []string{"direct/1"},
				OnMeet: func(o hello.Person) { p.note("met", o) }, OnPart: func(o hello.Person) { p.note("parted", o) },
				OnLAN: func(network.Conn) bool { return p.lan },
			})
			all = append(all, p)
		}
		sim.Start()
		for _, p := range all[:people-quiet] {
			p.run()
		}
		synctest.Wait()
		story(t, all)
		for _, p := range all {
			p.stop()
			_ = p.host.Close()
		}
		sim.Close()
	})
}

func (p *person) note(what string, o hello.Person) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.log = append(p.log, what+" "+o.Certificate.Device.Short())
}
