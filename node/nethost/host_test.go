package nethost_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/net/upgrader"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	"github.com/quic-go/quic-go"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/node/nethost"
)

func TestTransportsAndSecurity(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ listen, transport, security string }{
		{loopback, "tcp", libp2ptls.ID},
		{"/ip4/127.0.0.1/udp/0/quic-v1", "quic-v1", ""},
		{"/ip6/::1/tcp/0", "tcp", libp2ptls.ID},
	} {
		t.Run(c.listen, func(t *testing.T) {
			t.Parallel()
			a := newHost(t, 1, nethost.Config{Listen: []string{c.listen}})
			if len(a.Addrs()) == 0 {
				t.Skip("not to be had on this machine")
			}
			b := newHost(t, 2, nethost.Config{})
			if err := b.Connect(t.Context(), infoOf(a)); err != nil {
				t.Fatal(err)
			}
			conn := b.Network().ConnsToPeer(a.ID())[0]
			if s := conn.ConnState(); s.Transport != c.transport || string(s.Security) != c.security {
				t.Errorf("the connection is %+v", s)
			}
			var q *quic.Conn
			if conn.As(&q) && q.ConnectionState().TLS.CurveID != tls.X25519MLKEM768 {
				t.Errorf("QUIC has agreed on %v", q.ConnectionState().TLS.CurveID)
			}
			wait(t, "traffic", func() bool { return len(a.Traffic()) > 0 })
		})
	}
	t.Run("noise for those who lack TLS", func(t *testing.T) {
		t.Parallel()
		a := newHost(t, 1, nethost.Config{Listen: []string{loopback}})
		b := foreign(t, libp2p.NoListenAddrs, libp2p.Security(noise.ID, noise.New))
		if err := b.Connect(t.Context(), infoOf(a)); err != nil {
			t.Fatal(err)
		}
		if s := b.Network().ConnsToPeer(a.ID())[0].ConnState(); s.Security != noise.ID {
			t.Errorf("the connection is %+v", s)
		}
	})
}

// TCP with TLS agrees on a key in a way that a quantum computer does not undo.
// libp2p's connection does not show which, so libp2p's handshake is looked at
// by itself.
func TestTLSIsPostQuantum(t *testing.T) {
	t.Parallel()
	secure := func(seed byte) (*libp2ptls.Transport, peer.ID) {
		d := device(t, seed)
		key, err := d.HostKey()
		if err != nil {
			t.Fatal(err)
		}
		tr, err := libp2ptls.New(libp2ptls.ID, key, []upgrader.StreamMuxer{{ID: yamux.ID, Muxer: yamux.DefaultTransport}})
		if err != nil {
			t.Fatal(err)
		}
		return tr, d.ID().Peer()
	}
	a, _ := secure(1)
	b, bID := secure(2)
	left, right := net.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := b.SecureInbound(context.Background(), right, "")
		done <- err
	}()
	c, err := a.SecureOutbound(t.Context(), left, bID)
	if err := errors.Join(err, <-done); err != nil {
		t.Fatal(err)
	}
	state := c.(interface{ ConnectionState() tls.ConnectionState }).ConnectionState()
	if state.CurveID != tls.X25519MLKEM768 || state.Version != tls.VersionTLS13 {
		t.Errorf("TLS %x with %v", state.Version, state.CurveID)
	}
}

// A peer with an RSA key is refused, whoever dials; so is one that was blocked.
func TestLimits_KeysAndBlocks(t *testing.T) {
	t.Parallel()
	a := newHost(t, 1, nethost.Config{Listen: []string{loopback}})
	key, _, err := crypto.GenerateRSAKeyPair(2048, nil)
	if err != nil {
		t.Fatal(err)
	}
	rsa := foreignAs(t, key, libp2p.ListenAddrStrings(loopback))
	if err := a.Connect(t.Context(), infoOf(rsa)); err == nil {
		t.Error("a host with an RSA key was dialled")
	}
	_ = rsa.Connect(t.Context(), infoOf(a)) // its side may believe in it for a moment
	wait(t, "an RSA peer to be refused", func() bool {
		return len(rsa.Network().ConnsToPeer(a.ID())) == 0 && len(a.Network().ConnsToPeer(rsa.ID())) == 0
	})
	for _, typ := range []int{crypto.Secp256k1, crypto.ECDSA} {
		key, _, err := crypto.GenerateKeyPair(typ, 256)
		if err != nil {
			t.Fatal(err)
		}
		other := foreignAs(t, key, libp2p.NoListenAddrs)
		_ = other.Connect(t.Context(), infoOf(a))
		wait(t, "a peer with another key to be refused", func() bool { return len(other.Network().ConnsToPeer(a.ID())) == 0 })
	}

	b := newHost(t, 2, nethost.Config{Listen: []string{loopback}})
	if err := b.Connect(t.Context(), infoOf(a)); err != nil {
		t.Fatal(err)
	}
	if err := a.Block(b.ID()); err != nil {
		t.Fatal(err)
	}
	wait(t, "a blocked peer to be hung up on", func() bool { return len(b.Network().ConnsToPeer(a.ID())) == 0 })
	_ = b.Connect(t.Context(), infoOf(a))
	wait(t, "a blocked peer to be refused", func() bool { return len(b.Network().ConnsToPeer(a.ID())) == 0 })
	if err := a.Connect(t.Context(), infoOf(b)); err == nil {
		t.Error("a blocked peer was dialled")
	}
	a.Unblock(b.ID())
	wait(t, "an unblocked peer to be taken", func() bool { return a.Connect(t.Context(), infoOf(b)) == nil })
}

// In the public DHT, whose entry nodes have RSA keys, they are let in.
func TestRSAForThePublicDHT(t *testing.T) {
	t.Parallel()
	key, _, err := crypto.GenerateRSAKeyPair(2048, nil)
	if err != nil {
		t.Fatal(err)
	}
	rsa := foreignAs(t, key, libp2p.ListenAddrStrings(loopback))
	a := newHost(t, 1, nethost.Config{DHT: "public", Bootstrap: []peer.AddrInfo{infoOf(rsa)}})
	wait(t, "the bootstrap node", func() bool { return a.Network().Connectedness(rsa.ID()) == network.Connected })
	if kind, mode, _ := a.DHTState(); kind != "public" || mode != "client" {
		t.Errorf("the DHT is %s, %s", kind, mode)
	}
}

// listening returns where a host listens itself.
func listening(h *nethost.Host) []string {
	var out []string
	for _, a := range h.Network().ListenAddresses() {
		if manet.IsThinWaist(a) {
			out = append(out, a.String())
		}
	}
	return out
}

// Two nodes of one user share no port, although libp2p would let them.
func TestTakenPorts(t *testing.T) {
	t.Parallel()
	first := newHost(t, 1, nethost.Config{Listen: []string{loopback, "/ip4/127.0.0.1/udp/0/quic-v1"}})
	listen := listening(first)
	if len(listen) != 2 {
		t.Fatalf("listening at %v", listen)
	}
	second := newHost(t, 2, nethost.Config{Listen: listen})
	if got := listening(second); len(got) != 2 || slices.Contains(listen, got[0]) || slices.Contains(listen, got[1]) {
		t.Errorf("two nodes listen at %v and %v", listen, got)
	}
	addrs, err := peer.AddrInfosFromP2pAddrs(multiaddr.StringCast(listen[0] + "/p2p/" + first.ID().String()))
	if err != nil {
		t.Fatal(err)
	}
	for range 20 { // the kernel would share them out between the two
		c := foreign(t, libp2p.NoListenAddrs)
		if err := c.Connect(t.Context(), addrs[0]); err != nil {
			t.Fatal(err)
		}
	}
}

// A relay for chat carries more than libp2p's 128 KiB.
func TestRelayCarriesChat(t *testing.T) {
	t.Parallel()
	limits := nethost.ChatRelay(t)
	public := foreign(t, append(limits, libp2p.ListenAddrStrings(loopback), libp2p.ForceReachabilityPublic())...)
	a, b := newHost(t, 2, nethost.Config{}), newHost(t, 3, nethost.Config{})
	for _, h := range []*nethost.Host{a, b} {
		if err := h.Connect(t.Context(), infoOf(public)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client.Reserve(t.Context(), b, infoOf(public)); err != nil {
		t.Fatal(err)
	}
	const size = 1 << 20
	got := make(chan int64, 1)
	b.SetStreamHandler("/test", func(s network.Stream) {
		n, err := io.Copy(io.Discard, s)
		if err != nil {
			t.Error(err)
		}
		got <- n
	})
	via := multiaddr.StringCast("/p2p/" + public.ID().String() + "/p2p-circuit")
	ctx := network.WithAllowLimitedConn(t.Context(), "test")
	if err := a.Connect(ctx, peer.AddrInfo{ID: b.ID(), Addrs: []multiaddr.Multiaddr{via}}); err != nil {
		t.Fatal(err)
	}
	s, err := a.NewStream(ctx, b.ID(), "/test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	if err := s.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if n := <-got; n != size {
		t.Errorf("%d bytes came through", n)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []nethost.Config{
		{Device: device(t, 1), DHT: "secret"},
		{Device: device(t, 1), Listen: []string{"/ip4/127.0.0.1"}},
		{Device: device(t, 1), Listen: []string{"127.0.0.1:80"}},
		{Device: &identity.Device{}},
	} {
		h, err := nethost.New(t.Context(), c)
		if err == nil {
			_ = h.Close()
			t.Errorf("%q, %v was taken", c.DHT, c.Listen)
		} else if strings.Contains(err.Error(), "\n\n") {
			t.Errorf("%q", err)
		}
	}
	h := newHost(t, 1, nethost.Config{})
	if kind, _, _ := h.DHTState(); kind != "off" || h.NAT() != "unknown" {
		t.Errorf("the DHT is %s, the NAT %s", kind, h.NAT())
	}
	start := time.Now()
	if err := errors.Join(h.Close(), h.Close()); err != nil || time.Since(start) > 5*time.Second {
		t.Errorf("closing took %v: %v", time.Since(start), err)
	}
}
