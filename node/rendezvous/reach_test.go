package rendezvous

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"

	"github.com/kith-chat/kith/identity"
)

func contains(s, part string) bool { return strings.Contains(s, part) }

func TestKnownAddressFirst(t *testing.T) {
	t.Parallel()
	inWorld(t, 2, func(t *testing.T, p []*person, d *table) {
		ann, bob := p[0], p[1]
		ann.wish(Target{Account: bob.account(), Secret: bob.secret, Addresses: []peer.AddrInfo{bob.info()}})
		start := time.Now()
		got, err := ann.Trace(t.Context(), bob.account(), ann.take)
		if err != nil || got != bob.host.ID() {
			t.Fatalf("%v, %v", got, err)
		}
		if took := time.Since(start); took > 500*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		if _, asked := d.counts(); asked > 0 {
			t.Error("the DHT was asked although the known address is right")
		}
		if !ann.said("known address", true, "/ip4/1.0.0.2") {
			t.Errorf("steps: %v", ann.steps)
		}
		if _, err := ann.Trace(t.Context(), bob.account(), ann.take); err != nil || !ann.said("already connected", true, "1.0.0.2") {
			t.Errorf("%v, %v", err, ann.steps)
		}
	})
}

// Addresses that are no longer right, and somebody else who answers there, do
// not keep the DHT from being asked at once.
func TestStaleAddressesThenDHT(t *testing.T) {
	t.Parallel()
	inWorld(t, 3, func(t *testing.T, p []*person, _ *table) {
		ann, bob, other := p[0], p[1], p[2]
		bob.run(t)
		time.Sleep(time.Second)
		gone := device(t, 99).ID().Peer()
		ann.wish(Target{Account: bob.account(), Secret: bob.secret, Addresses: []peer.AddrInfo{
			{ID: gone, Addrs: []multiaddr.Multiaddr{multiaddr.StringCast("/ip4/1.0.0.77/udp/8000/quic-v1")}},
			other.info(),
			{ID: bob.host.ID()},
		}})
		start := time.Now()
		got, err := ann.Trace(t.Context(), bob.account(), ann.take)
		if err != nil || got != bob.host.ID() {
			t.Fatalf("%v, %v: %v", got, err, ann.steps)
		}
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("it took %v", took)
		}
		if !ann.said("known address", false, "somebody else") || !ann.said("address from the DHT", true, "1.0.0.2") ||
			!ann.said("local network", false, "switched off") {
			t.Errorf("steps: %v", ann.steps)
		}
	})
}

func TestNobodyFound(t *testing.T) {
	t.Parallel()
	inWorld(t, 2, func(t *testing.T, p []*person, d *table) {
		ann, bob := p[0], p[1]
		ann.wish(Target{Account: bob.account(), Secret: bob.secret})
		if _, err := ann.Trace(t.Context(), bob.account(), ann.take); !errors.Is(err, ErrNotFound) {
			t.Fatal(err)
		}
		if !ann.said("DHT", false, "no record") || !ann.said("known addresses", false, "none") {
			t.Errorf("steps: %v", ann.steps)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := ann.Reach(ctx, bob.account()); !errors.Is(err, ErrNotFound) || !errors.Is(err, context.Canceled) {
			t.Errorf("a search that was given up: %v", err)
		}
		// Without the secret there is no key to ask for.
		_, before := d.counts()
		ann.wish()
		if _, err := ann.Trace(t.Context(), bob.account(), ann.take); !errors.Is(err, ErrNotFound) || !ann.said("DHT", false, "an invite is needed") {
			t.Errorf("%v, %v", err, ann.steps)
		}
		if _, after := d.counts(); after != before {
			t.Error("the DHT was asked for an account without a secret")
		}
	})
}

// A record may hold anything: many peers, addresses without end, ourselves.
func TestHostileRecords(t *testing.T) {
	t.Parallel()
	inWorld(t, 2, func(t *testing.T, p []*person, d *table) {
		ann, bob := p[0], p[1]
		k, err := Key(bob.secret, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		bad := peer.AddrInfo{ID: device(t, 90).ID().Peer()}
		for range 1000 {
			bad.Addrs = append(bad.Addrs, multiaddr.StringCast("/ip4/1.0.0.99/udp/8000/quic-v1"))
		}
		records := []peer.AddrInfo{ann.info(), bad}
		for i := range byte(100) {
			records = append(records, peer.AddrInfo{ID: device(t, 100+i).ID().Peer()})
		}
		d.records = map[keyType][]peer.AddrInfo{k: records}
		ann.wish(Target{Account: bob.account(), Secret: bob.secret})
		if _, err := ann.Trace(t.Context(), bob.account(), ann.take); !errors.Is(err, ErrNotFound) {
			t.Fatal(err)
		}
		for _, s := range ann.steps {
			if len(s.Detail) > maxDetail+len("…") {
				t.Errorf("a step says %q", s.Detail)
			}
		}
		if len(ann.steps) > 30 {
			t.Errorf("%d steps for one search", len(ann.steps))
		}
	})
}

func TestStepsArePrintable(t *testing.T) {
	t.Parallel()
	name := multiaddr.StringCast("/dns4/\x1b]52;c;AAAA\a\u202e/udp/1/quic-v1").String()
	for in, want := range map[string]string{
		name:                       "/dns4/ ]52;c;AAAA /udp/1/quic-v1",
		"two\nlines\tand\xff more": "two lines and more",
		strings.Repeat("é", 300):   strings.Repeat("é", maxDetail/2) + "…",
	} {
		if got := printable(in); got != want {
			t.Errorf("%q became %q", in, got)
		}
	}
}

// A friend who is away is looked for less and less often; when they are back
// they are found, and at once when there is something to say.
func TestSeekingSlowsDown(t *testing.T) {
	t.Parallel()
	inWorld(t, 2, func(t *testing.T, p []*person, d *table) {
		ann, bob := p[0], p[1]
		ann.wish(Target{Account: bob.account(), Secret: bob.secret})
		ann.run(t)
		time.Sleep(24 * time.Hour)
		if _, asked := d.counts(); asked < 60 || asked > 200 { // twice as many around midnight
			t.Errorf("a friend who is away was looked for %d times in a day", asked)
		}
		bob.run(t)
		time.Sleep(2 * time.Second)
		_ = bob.host.Network().ClosePeer(ann.host.ID())
		start := time.Now()
		ann.Seek(bob.account())
		for len(ann.Devices(bob.account())) == 0 && time.Since(start) < time.Minute {
			time.Sleep(50 * time.Millisecond)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("a friend who is wanted was found after %v", took)
		}
		time.Sleep(time.Minute)
		_, before := d.counts()
		time.Sleep(10 * time.Minute)
		if _, after := d.counts(); after != before {
			t.Errorf("a friend who is connected was looked for %d times", after-before)
		}
		_ = bob.host.Network().ClosePeer(ann.host.ID())
		time.Sleep(2 * time.Minute)
		if len(ann.Devices(bob.account())) == 0 {
			t.Error("a friend whose connection ended was not found again")
		}
		ann.wish()
		_ = bob.host.Network().ClosePeer(ann.host.ID())
		time.Sleep(time.Hour)
		if len(ann.Devices(bob.account())) > 0 {
			t.Error("somebody who is no longer wished for was looked for")
		}
	})
}

// Many friends who are away do not mean as many searches at once.
func TestSeekingIsBounded(t *testing.T) {
	t.Parallel()
	inWorld(t, 1, func(t *testing.T, p []*person, d *table) {
		ann := p[0]
		var all []Target
		for i := range byte(100) {
			all = append(all, Target{Account: device(t, i).Account(), Secret: identity.DiscoverySecret{9, i}, Addresses: []peer.AddrInfo{
				{ID: device(t, i).ID().Peer(), Addrs: []multiaddr.Multiaddr{multiaddr.StringCast("/ip4/1.0.0.200/udp/8000/quic-v1")}},
			}})
		}
		ann.wish(all...)
		ann.run(t)
		for range 100 {
			time.Sleep(time.Second)
			if n := len(ann.searches); n > maxSearches {
				t.Fatalf("%d searches at once", n)
			}
		}
		if _, asked := d.counts(); asked < 100 {
			t.Errorf("%d of 100 friends were looked for", asked)
		}
	})
}

func TestProviding(t *testing.T) {
	t.Parallel()
	inWorld(t, 1, func(t *testing.T, p []*person, d *table) {
		ann := p[0]
		d.down = true
		ann.run(t)
		time.Sleep(10 * time.Minute)
		provided, _ := d.counts()
		if provided < 10 || provided > 30 {
			t.Errorf("an empty DHT was tried %d times in ten minutes", provided)
		}
		d.mu.Lock()
		d.down = false
		d.mu.Unlock()
		time.Sleep(2 * time.Minute)
		want, err := Key(ann.secret, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		d.mu.Lock()
		if len(d.records[want]) != 1 {
			t.Error("the key of the day was not provided")
		}
		d.provided = nil
		d.mu.Unlock()

		// Three days: each key stands before its day begins.
		for range 72 {
			time.Sleep(time.Hour)
			for _, skew := range []time.Duration{-5 * time.Hour, 0, 5 * time.Hour} {
				k, err := Key(ann.secret, time.Now().Add(skew))
				d.mu.Lock()
				if err != nil || len(d.records[k]) != 1 {
					t.Errorf("at %v with a clock %v off: no record", time.Now(), skew)
				}
				d.mu.Unlock()
			}
		}
		if n, _ := d.counts(); n > 60 {
			t.Errorf("provided %d times in three days", n)
		}

		// A change of address, and one of the secret.
		emit, err := ann.host.EventBus().Emitter(new(addressesUpdated))
		if err != nil {
			t.Fatal(err)
		}
		defer emit.Close()
		before, _ := d.counts()
		for range 20 {
			if err := emit.Emit(addressesUpdated{}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		time.Sleep(time.Minute)
		if after, _ := d.counts(); after == before || after > before+4 {
			t.Errorf("provided %d times after a change of address", after-before)
		}
		ann.secret = identity.DiscoverySecret{7}
		ann.SecretChanged()
		time.Sleep(time.Second)
		k, err := Key(ann.secret, time.Now())
		d.mu.Lock()
		defer d.mu.Unlock()
		if err != nil || len(d.records[k]) != 1 {
			t.Error("the key of the new secret was not provided")
		}
	})
}

type addressesUpdated = event.EvtLocalAddressesUpdated

// Whoever moves to another network loses at once the connections that cannot
// work there, and looks for their friends anew.
func TestMoves(t *testing.T) {
	t.Parallel()
	inWorld(t, 2, func(t *testing.T, p []*person, d *table) {
		ann, bob := p[0], p[1]
		ann.where = []string{"1.0.0.1/24", "10.0.0.1/8"}
		ann.wish(Target{Account: bob.account(), Secret: bob.secret})
		ann.run(t)
		bob.run(t)
		time.Sleep(time.Hour)
		conns := ann.host.Network().ConnsToPeer(bob.host.ID())
		if len(conns) != 1 {
			t.Fatalf("%d connections", len(conns))
		}
		ann.mu.Lock()
		ann.where = []string{"1.0.0.1/24", "10.0.0.7/8"}
		ann.mu.Unlock()
		time.Sleep(3 * time.Second)
		if conns[0].IsClosed() {
			t.Error("a connection that works was ended by a move")
		}
		ann.mu.Lock()
		ann.where = []string{"1.0.0.8/24", "10.0.0.7/8"}
		ann.mu.Unlock()
		_, before := d.counts()
		time.Sleep(3 * time.Second)
		if !conns[0].IsClosed() {
			t.Error("a connection from an address that is gone was kept")
		}
		if _, after := d.counts(); after == before || len(ann.Devices(bob.account())) == 0 {
			t.Error("a friend was not looked for after a move")
		}
	})
}
