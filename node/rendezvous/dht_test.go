package rendezvous

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/routing"
	"github.com/multiformats/go-multihash"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/node/nethost"
)

// watched notes the keys that are asked of a DHT.
type watched struct {
	routing.ContentRouting
	mu   sync.Mutex
	keys []cid.Cid
}

func (w *watched) FindProvidersAsync(ctx context.Context, k cid.Cid, n int) <-chan peer.AddrInfo {
	w.mu.Lock()
	w.keys = append(w.keys, k)
	w.mu.Unlock()
	return w.ContentRouting.FindProvidersAsync(ctx, k, n)
}

// newNode starts a host in a closed DHT on loopback.
func newNode(t *testing.T, seed byte, bootstrap ...peer.AddrInfo) *nethost.Host {
	t.Helper()
	h, err := nethost.New(t.Context(), nethost.Config{
		Device: device(t, seed), Listen: []string{"/ip4/127.0.0.1/tcp/0"}, DHT: "private", Bootstrap: bootstrap, Agent: "kith/test",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// Two nodes that share nothing but a closed DHT of four others find each other
// by the secret of an invite; a third who has the account ID, and all else that
// is public, does not.
func TestStranger_NoAddressInTheDHT(t *testing.T) {
	t.Parallel()
	all := &registry{}
	first := newNode(t, 200)
	entry := peer.AddrInfo{ID: first.ID(), Addrs: first.Addrs()}
	for i := range byte(3) {
		newNode(t, 201+i, entry)
	}
	join := func(seed byte, knows *registry) (*person, *watched) {
		h := newNode(t, seed, entry)
		p := &person{all: knows, device: device(t, seed), host: h, secret: identity.DiscoverySecret{3, seed}, stop: func() {}}
		w := &watched{ContentRouting: h.DHT}
		all.set(h.ID(), p.account())
		p.Service = New(Config{
			Host: h, Contacts: p, Directory: p, DHT: w, Secret: func() identity.DiscoverySecret { return p.secret },
		})
		t.Cleanup(func() { p.stop() })
		return p, w
	}
	ann, _ := join(1, all)
	bob, _ := join(2, all)
	eve, asked := join(3, &registry{}) // nobody says to her who they are
	ann.run(t)
	eve.run(t)
	bob.wish(Target{Account: ann.account(), Secret: ann.secret})
	bob.run(t)
	start := time.Now()
	wait(t, 60*time.Second, "bob to find ann", func() bool { return len(bob.Devices(ann.account())) > 0 })
	t.Logf("found by the secret after %v", time.Since(start).Round(time.Millisecond))

	eve.wish(Target{Account: ann.account()})
	if _, err := eve.Trace(t.Context(), ann.account(), eve.take); !errors.Is(err, ErrNotFound) {
		t.Fatalf("a stranger who knows the account: %v", err)
	}
	if !eve.said("DHT", false, "an invite is needed") {
		t.Errorf("steps: %v", eve.steps)
	}
	asked.mu.Lock()
	if len(asked.keys) > 0 {
		t.Errorf("a stranger asked for %v", asked.keys)
	}
	asked.mu.Unlock()
	for name, k := range publicKeys(t, ann) {
		find, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		for info := range eve.cfg.DHT.FindProvidersAsync(find, k, 10) {
			t.Errorf("%s leads to %s", name, info.ID)
		}
		cancel()
	}
}

// publicKeys are the keys that can be made of what everybody knows of a person.
func publicKeys(t *testing.T, p *person) map[string]cid.Cid {
	t.Helper()
	a, d := p.account(), p.device.ID()
	zero, err := Key(identity.DiscoverySecret{}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	asSecret, err := Key(identity.DiscoverySecret(a), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]cid.Cid{"no secret": zero, "the account for a secret": asSecret}
	for name, raw := range map[string][]byte{"the account": a[:], "its text": []byte(a.String()), "the device": d[:], "the peer": []byte(d.Peer())} {
		mh, err := multihash.Sum(raw, multihash.SHA2_256, -1)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = cid.NewCidV1(cid.Raw, mh)
	}
	return out
}

// wait waits until check holds.
func wait(t *testing.T, within time.Duration, what string, check func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !check() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited %v for %s", within, what)
		}
	}
}
