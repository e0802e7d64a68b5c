package wire_test

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"

	"github.com/kith-chat/kith/node/wire"
)

const (
	testProtocol = "/kith/test/1"
	testService  = "kith.test"
	testMemory   = 64 << 10
)

// newHost returns a host on loopback whose test service may take memory bytes.
func newHost(t *testing.T, memory int64) (host.Host, network.ResourceManager) {
	t.Helper()
	limits := rcmgr.PartialLimitConfig{Service: map[string]rcmgr.ResourceLimits{
		testService: {Memory: rcmgr.LimitVal64(memory), Streams: rcmgr.Unlimited, StreamsInbound: rcmgr.Unlimited, StreamsOutbound: rcmgr.Unlimited},
	}}
	m, err := rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(limits.Build(rcmgr.InfiniteLimits)), rcmgr.WithMetricsDisabled())
	if err != nil {
		t.Fatal(err)
	}
	h, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.ResourceManager(m))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h, m
}

// joined returns two hosts with a connection from the first to the second.
func joined(t *testing.T, memory int64) (from, to host.Host, limits network.ResourceManager) {
	t.Helper()
	from, _ = newHost(t, 1<<20)
	to, limits = newHost(t, memory)
	if err := from.Connect(t.Context(), peer.AddrInfo{ID: to.ID(), Addrs: to.Addrs()}); err != nil {
		t.Fatal(err)
	}
	return from, to, limits
}

func memoryOf(t *testing.T, m network.ResourceManager) int64 {
	t.Helper()
	var taken int64
	if err := m.ViewService(testService, func(s network.ServiceScope) error {
		taken = s.Stat().Memory
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return taken
}

func TestAttachReservesAndReleases(t *testing.T) {
	t.Parallel()
	from, to, limits := joined(t, 1<<20)
	during, after := make(chan int64, 1), make(chan int64, 1)
	to.SetStreamHandler(testProtocol, func(s network.Stream) {
		done, err := wire.Attach(t.Context(), s, testService, testMemory, time.Minute)
		if err != nil {
			t.Error(err)
			return
		}
		during <- memoryOf(t, limits)
		raw, err := wire.NewReader(s, 100).Next()
		w := wire.NewWriter(s, 100)
		err = errors.Join(err, w.Write(raw), w.Flush())
		done(err)
		after <- memoryOf(t, limits)
	})
	s, err := from.NewStream(t.Context(), to.ID(), testProtocol)
	if err != nil {
		t.Fatal(err)
	}
	done, err := wire.Attach(t.Context(), s, testService, testMemory, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	w := wire.NewWriter(s, 100)
	if err := errors.Join(w.Write([]byte("echo")), w.Flush()); err != nil {
		t.Fatal(err)
	}
	got, err := wire.NewReader(s, 100).Next()
	done(err)
	if err != nil || string(got) != "echo" {
		t.Fatalf("%q, %v", got, err)
	}
	if n := <-during; n != testMemory {
		t.Errorf("%d bytes are reserved during a stream, not %d", n, testMemory)
	}
	if n := <-after; n != 0 {
		t.Errorf("%d bytes stay reserved after a stream", n)
	}
}

func TestAttachRefusesBeyondTheLimit(t *testing.T) {
	t.Parallel()
	from, to, _ := joined(t, testMemory-1)
	refused := make(chan error, 1)
	to.SetStreamHandler(testProtocol, func(s network.Stream) {
		_, err := wire.Attach(t.Context(), s, testService, testMemory, time.Minute)
		refused <- err
	})
	// The refusal may come while the protocol is still being agreed on.
	s, err := from.NewStream(t.Context(), to.ID(), testProtocol)
	if err == nil {
		_, _ = s.Write([]byte{0})
		_, err = wire.NewReader(s, 100).Next()
	}
	if !errors.Is(err, network.ErrReset) || errors.Is(err, wire.ErrMalformed) {
		t.Fatalf("the other side of a refused stream: %v", err)
	}
	if err := <-refused; !errors.Is(err, network.ErrResourceLimitExceeded) {
		t.Fatalf("taking more memory than there is: %v", err)
	}
}

func TestAttachEndsWithTheContext(t *testing.T) {
	t.Parallel()
	from, to, _ := joined(t, 1<<20)
	ctx, cancel := context.WithCancel(t.Context())
	to.SetStreamHandler(testProtocol, func(network.Stream) {}) // never answers
	s, err := from.NewStream(t.Context(), to.ID(), testProtocol)
	if err != nil {
		t.Fatal(err)
	}
	done, err := wire.Attach(ctx, s, testService, testMemory, 0)
	if err != nil {
		t.Fatal(err)
	}
	read := make(chan error, 1)
	go func() {
		_, err := wire.NewReader(s, 100).Next()
		read <- err
	}()
	cancel()
	err = <-read
	done(err)
	if err == nil {
		t.Fatal("a read went on after the context had ended")
	}
}

func TestDeadlineIsToldAsItIs(t *testing.T) {
	t.Parallel()
	ours, theirs := net.Pipe()
	defer theirs.Close()
	if err := ours.SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	_, err := wire.NewReader(ours, 100).Next()
	if !errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, wire.ErrMalformed) {
		t.Fatalf("a peer that says nothing: %v", err)
	}
}
