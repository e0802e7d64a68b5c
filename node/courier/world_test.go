package courier_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/rand/v2"
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
	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/courier"
)

// device returns a person with one device; the keys follow from the seed.
func device(t testing.TB, seed byte) *identity.Device {
	t.Helper()
	account := identity.NewAccountKey([32]byte{seed, 7})
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

// link is how the simulated network treats packets.
type link struct {
	latency time.Duration
	jitter  time.Duration // packets overtake each other
	loss    float64
}

// world is a few people on a simulated network, in virtual time.
type world struct {
	t     testing.TB
	sim   *simnet.Simnet
	nodes []*node

	mu   sync.Mutex
	cut  bool             // nobody reaches anybody
	mute map[peer.ID]bool // peers that may not know who we are
}

// node is one person's machine.
type node struct {
	*disk
	w    *world
	host host.Host
	c    *courier.Courier
	stop func()

	misled *node // whom Reach returns, whoever is asked for
}

// inWorld runs a story among people who know nothing of each other.
func inWorld(t *testing.T, l link, people int, story func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, l, people)
		defer w.close()
		story(t, w)
	})
}

func newWorld(t testing.TB, l link, people int) *world {
	rng := rand.New(rand.NewPCG(1, uint64(people)))
	var mu sync.Mutex
	w := &world{t: t, mute: map[peer.ID]bool{}}
	w.sim = &simnet.Simnet{LatencyFunc: func(*simnet.Packet) time.Duration {
		mu.Lock()
		defer mu.Unlock()
		if l.loss > 0 && rng.Float64() < l.loss {
			return time.Hour
		}
		if l.jitter > 0 {
			return l.latency + time.Duration(rng.Int64N(int64(l.jitter)))
		}
		return l.latency
	}}
	rate := simnet.LinkSettings{BitsPerSecond: 1000 * simlibp2p.OneMbps}
	for i := range people {
		dev := device(t, byte(i+1))
		key, err := dev.HostKey()
		if err != nil {
			t.Fatal(err)
		}
		h, err := libp2p.New(
			libp2p.Identity(key),
			libp2p.ListenAddrStrings(fmt.Sprintf("/ip4/1.0.0.%d/udp/8000/quic-v1", i+1)),
			libp2p.DisableIdentifyAddressDiscovery(),
			libp2p.DisableRelay(),
			libp2p.ResourceManager(&network.NullResourceManager{}),
			simlibp2p.QUICSimnet(w.sim, simnet.NodeBiDiLinkSettings{Downlink: rate, Uplink: rate}),
		)
		if err != nil {
			t.Fatal(err)
		}
		w.nodes = append(w.nodes, &node{disk: newDisk(dev), w: w, host: h})
	}
	w.sim.Start()
	return w
}

func (w *world) close() {
	for _, n := range w.nodes {
		n.halt()
		_ = n.host.Close()
	}
	w.sim.Close()
	time.Sleep(time.Hour) // virtual: packets that were lost arrive and are dropped
}

func (n *node) account() identity.AccountID { return n.dev.Account() }

// start runs a courier over what is on the disk.
func (n *node) start() {
	n.revive()
	c, err := courier.New(courier.Config{
		Host: n.host, Device: n.dev, Log: n.disk, Outbox: n.disk, Composer: n.disk,
		Contacts: n.disk, Self: n.disk, Devices: n.disk, Finder: n,
	})
	if err != nil {
		n.w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	n.c = c
	n.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, errDead) {
			n.w.t.Errorf("Run: %v", err)
		}
	})
}

// halt ends the courier, as a crash or an exit does.
func (n *node) halt() {
	if n.stop != nil {
		n.stop()
	}
}

// restart begins again with what is on the disk.
func (n *node) restart() {
	n.halt()
	n.start()
}

// tend restarts whoever has died.
func (w *world) tend() {
	for _, n := range w.nodes {
		n.mu.Lock()
		dead := n.dead
		n.mu.Unlock()
		if dead {
			n.restart()
		}
	}
}

var errOffline = errors.New("they are not online")

// Reach implements courier.Finder.
func (n *node) Reach(ctx context.Context, a identity.AccountID) (peer.ID, error) {
	n.w.mu.Lock()
	cut := n.w.cut
	n.w.mu.Unlock()
	for _, o := range n.w.nodes {
		if n.misled != nil {
			o = n.misled
		} else if o.account() != a {
			continue
		}
		if !cut {
			return o.host.ID(), n.host.Connect(ctx, peer.AddrInfo{ID: o.host.ID(), Addrs: o.host.Addrs()})
		}
	}
	return "", errOffline
}

// MayKnow implements courier.Finder.
func (n *node) MayKnow(_ context.Context, p peer.ID, _ identity.AccountID) bool {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	return !n.w.mute[p]
}

// drop ends every connection; with cut none comes back.
func (w *world) drop(cut bool) {
	w.mu.Lock()
	w.cut = cut
	w.mu.Unlock()
	for _, n := range w.nodes {
		for _, p := range n.host.Network().Peers() {
			_ = n.host.Network().ClosePeer(p)
		}
	}
}

// befriend makes two people friends, on the disks.
func befriend(a, b *node) {
	a.contacts[b.account()] = courier.Contact{Account: b.account(), State: courier.Friend}
	b.contacts[a.account()] = courier.Contact{Account: a.account(), State: courier.Friend}
}

// say puts a text into the outbox and wakes the courier. It never meets an
// armed crash: what a person was shown as queued is on the disk.
func (n *node) say(to *node, text string) event.ID { return n.put(to, event.Text{Text: text}) }

func (n *node) put(to *node, body event.Body) event.ID {
	n.w.t.Helper()
	n.mu.Lock()
	id, err := n.compose(to.account(), body)
	n.mu.Unlock()
	if err != nil {
		n.w.t.Fatal(err)
	}
	n.c.Wake(to.account())
	return id
}

// texts returns what has arrived from somebody, in order of arrival.
func (n *node) texts(from *node) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []string
	for _, id := range n.arrived {
		e := n.events[id]
		if e.Author() != from.account() {
			continue
		}
		if b, err := e.Body(); err == nil {
			if b, ok := b.(event.Text); ok {
				out = append(out, b.Text)
			}
		}
	}
	return out
}

func (n *node) state(of *node) courier.State {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.contacts[of.account()].State
}

func (n *node) waiting() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	sum := 0
	for _, rows := range n.outbox {
		sum += len(rows)
	}
	return sum
}

// until waits, in virtual time, for a condition.
func (w *world) until(what string, limit time.Duration, ok func() bool) {
	w.t.Helper()
	for end := time.Now().Add(limit); ; time.Sleep(5 * time.Millisecond) {
		synctest.Wait()
		w.tend()
		if ok() {
			return
		}
		if time.Now().After(end) {
			w.t.Fatalf("not within %v: %s", limit, what)
		}
	}
}
