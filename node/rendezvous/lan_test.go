package rendezvous

import (
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
)

// runLAN keeps the neighbours of people without mDNS.
func runLAN(t *testing.T, p *person) {
	p.cfg.MDNS = false
	p.run(t)
	done := make(chan error, 1)
	ctx := t.Context()
	go func() { done <- p.lan.run(ctx) }()
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestNeighboursAreDialledAgain(t *testing.T) {
	t.Parallel()
	inWorld(t, 2, func(t *testing.T, p []*person, _ *table) {
		ann, bob := p[0], p[1]
		runLAN(t, ann)
		runLAN(t, bob)
		ann.lan.found(bob.info(), time.Now())
		bob.lan.found(ann.info(), time.Now())
		time.Sleep(time.Second)
		if n := len(ann.host.Network().ConnsToPeer(bob.host.ID())); n != 1 {
			t.Fatalf("%d connections", n)
		}
		for range 3 {
			time.Sleep(5 * time.Minute)
			_ = ann.host.Network().ClosePeer(bob.host.ID())
			time.Sleep(5 * time.Second)
			if len(ann.host.Network().ConnsToPeer(bob.host.ID())) == 0 {
				t.Fatal("a neighbour whose connection broke was not dialled again")
			}
		}
		_ = bob.host.Close()
		time.Sleep(time.Hour)
		if ann.lan.count() > 0 {
			t.Error("a neighbour who has left is still dialled")
		}
	})
}

// Whoever shouts on the local network does not make us dial without end, nor
// remember everything.
func TestLimits_NeighbourFlood(t *testing.T) {
	t.Parallel()
	inWorld(t, 1, func(t *testing.T, p []*person, _ *table) {
		ann := p[0]
		runLAN(t, ann)
		for i := range 5000 {
			id := device(t, byte(i%250+3)).ID().Peer()
			if i >= 250 {
				id = peer.ID(string(id[:len(id)-2]) + string([]byte{byte(i), byte(i >> 8)}))
			}
			ann.lan.found(peer.AddrInfo{ID: id, Addrs: []multiaddr.Multiaddr{
				multiaddr.StringCast("/ip4/1.0.0.99/udp/8000/quic-v1"), multiaddr.StringCast("/ip4/127.0.0.1/tcp/22"),
			}}, time.Now())
		}
		ann.lan.found(ann.info(), time.Now())
		ann.lan.found(peer.AddrInfo{ID: "x", Addrs: []multiaddr.Multiaddr{multiaddr.StringCast("/dns4/example.org/tcp/22")}}, time.Now())
		if n := ann.lan.count(); n != maxNeighbours {
			t.Fatalf("%d neighbours are remembered", n)
		}
		for range 60 {
			time.Sleep(time.Second)
			ann.lan.mu.Lock()
			if ann.lan.dials > maxLANDials {
				t.Errorf("%d dials at once", ann.lan.dials)
			}
			ann.lan.mu.Unlock()
		}
		time.Sleep(2 * time.Hour)
		if n := ann.lan.count(); n > 0 {
			t.Errorf("%d neighbours who never answered are remembered", n)
		}
	})
}
