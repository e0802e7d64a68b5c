package nethost_test

import (
	"context"
	"io"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"

	"github.com/kith-chat/kith/node/nethost"
)

// One peer gets a few streams, well enough for all protocols of kith, and no
// more than 64; one that floods loses its own connection, and nobody else
// theirs.
func TestLimits_OnePeer(t *testing.T) {
	t.Parallel()
	a := newHost(t, 1, nethost.Config{Listen: []string{loopback}})
	a.SetStreamHandler("/test", func(s network.Stream) { _, _ = s.Write([]byte{1}) }) // and holds it
	b, honest := foreign(t, libp2p.NoListenAddrs), foreign(t, libp2p.NoListenAddrs)
	for _, h := range []host.Host{b, honest} {
		if err := h.Connect(t.Context(), infoOf(a)); err != nil {
			t.Fatal(err)
		}
	}
	held := 0
	for ; held < 200 && answers(t, b, a); held++ {
		if n := streamsOf(a, b); n > 64 {
			t.Fatalf("one peer has %d streams", n)
		}
	}
	if held < 20 || held > 64 {
		t.Errorf("one peer could open %d streams", held)
	}
	for range 500 {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		if s, err := b.NewStream(ctx, a.ID(), "/test"); err == nil {
			_, _ = s.Write([]byte{1})
		}
		cancel()
		if n := streamsOf(a, b); n > 64 {
			t.Fatalf("a peer that floods has %d streams", n)
		}
	}
	if n := len(a.Network().ConnsToPeer(b.ID())); n > 4 {
		t.Errorf("one peer has %d connections", n)
	}
	if !answers(t, honest, a) {
		t.Error("another peer is not served during a flood")
	}
}

// answers opens a stream and reports whether it is served; it stays open.
func answers(t *testing.T, from, to host.Host) bool {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	s, err := from.NewStream(ctx, to.ID(), "/test")
	if err != nil {
		return false
	}
	_ = s.SetDeadline(time.Now().Add(5 * time.Second))
	_, err = io.ReadFull(s, make([]byte, 1))
	return err == nil
}

func streamsOf(h, remote host.Host) int {
	n := 0
	for _, c := range h.Network().ConnsToPeer(remote.ID()) {
		n += len(c.GetStreams())
	}
	return n
}

// A crowd of peers gets the connections that there are and no more; what it
// costs is bounded, and when it has gone there is room again.
func TestLimits_Crowd(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 300 hosts")
	}
	a := newHost(t, 1, nethost.Config{Listen: []string{loopback}})
	runtime.GC()
	before := runtime.NumGoroutine()
	var crowd []host.Host
	var wg sync.WaitGroup
	slots := make(chan struct{}, 8)
	for range 300 {
		h := foreign(t, libp2p.NoListenAddrs)
		crowd = append(crowd, h)
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			_ = h.Connect(ctx, infoOf(a))
		})
	}
	wg.Wait()
	if n := len(a.Network().Conns()); n > 256 {
		t.Errorf("%d connections at once", n)
	}
	t.Logf("%d peers are connected of %d", len(a.Network().Peers()), len(crowd))
	for _, h := range crowd {
		_ = h.Close()
	}
	wait(t, "the crowd to leave", func() bool { return len(a.Network().Conns()) == 0 })
	b := foreign(t, libp2p.NoListenAddrs)
	wait(t, "room for another", func() bool { return b.Connect(t.Context(), infoOf(a)) == nil })
	wait(t, "the goroutines to end", func() bool { return runtime.NumGoroutine() < before+200 })
}
