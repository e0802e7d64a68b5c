package signal

import (
	"crypto/rand"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/signal/pb"
)

func newHost(t *testing.T) host.Host {
	t.Helper()
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	h, err := libp2p.New(libp2p.Identity(key), libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableRelay())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

func run(t *testing.T, cfg Config) *Service {
	t.Helper()
	s := New(cfg)
	var g errgroup.Group
	ctx := t.Context()
	g.Go(func() error { return s.Run(ctx) })
	t.Cleanup(func() {
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestSignal: a signal reaches a connected peer; one that may not be heard
// changes nothing.
func TestSignal(t *testing.T) {
	t.Parallel()
	a, b := newHost(t), newHost(t)
	got := make(chan Signal, 8)
	var deaf atomic.Bool
	sender := run(t, Config{Host: a, On: func(peer.ID, Signal) {}})
	run(t, Config{Host: b, May: func(peer.ID) bool { return !deaf.Load() }, On: func(from peer.ID, s Signal) {
		if from == a.ID() {
			got <- s
		}
	}})
	if err := a.Connect(t.Context(), peer.AddrInfo{ID: b.ID(), Addrs: b.Addrs()}); err != nil {
		t.Fatal(err)
	}
	want := Signal{Conversation: event.ConversationID{7}, Kind: Typing}
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	again := time.NewTicker(100 * time.Millisecond) // the handler may be registered a moment later
	defer again.Stop()
	for {
		select {
		case s := <-got:
			if s != want {
				t.Fatalf("got %+v", s)
			}
			return
		case <-again.C:
			sender.Send([]peer.ID{b.ID()}, want)
		case <-deadline.C:
			t.Fatal("the signal did not come")
		}
	}
}

// TestSignalFlood: one peer is heard a few times a second.
func TestSignalFlood(t *testing.T) {
	t.Parallel()
	s := New(Config{})
	now := time.Unix(1_000_000, 0)
	heard := 0
	for range 1000 {
		if s.admit("p", now) {
			heard++
		}
		now = now.Add(time.Millisecond)
	}
	if heard < 2 || heard > 5 {
		t.Fatalf("%d of 1,000 signals in a second were heard", heard)
	}
	if !s.admit("q", now) {
		t.Fatal("another peer is not heard")
	}
	for i := range 3 * maxPeers {
		s.admit(peer.ID(rune(i)), now)
	}
	if len(s.last) > maxPeers {
		t.Fatalf("%d peers are remembered", len(s.last))
	}
}

// FuzzDecode: nothing that a peer sends panics or gives a kind of no name.
func FuzzDecode(f *testing.F) {
	seed, err := proto.Marshal(&pb.Signal{Conversation: make([]byte, 32), Kind: pb.Kind_KIND_TYPING})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte{0xff})
	f.Fuzz(func(t *testing.T, raw []byte) {
		var m pb.Signal
		if proto.Unmarshal(raw, &m) != nil {
			return
		}
		if s, ok := decode(&m); ok && s.Kind != Typing && s.Kind != Stopped {
			t.Fatalf("kind %d", s.Kind)
		}
	})
}
