package hello_test

import (
	"context"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	"github.com/multiformats/go-multiaddr"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/node/hello"
)

// open is a policy that reveals us to everybody but the LAN.
type open struct{ device *identity.Device }

func (o open) Reveal(_ peer.ID, _ identity.AccountID, lan, _ bool) bool { return !lan }
func (o open) Secret() identity.DiscoverySecret                         { return identity.DiscoverySecret{} }

func (o open) SecretOf(peer.ID) (identity.DiscoverySecret, bool) {
	return identity.DiscoverySecret{}, false
}

func (o open) Card() hello.Card { return hello.Card{Certificate: o.device.Certificate(), Name: "Ann"} }

// Two peers that meet through a relay say hello there, over a connection that
// is limited, and are not taken for neighbours although the relay is one.
func TestHelloOverARelay(t *testing.T) {
	t.Parallel()
	relay, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.EnableRelayService(), libp2p.ForceReachabilityPublic())
	if err != nil {
		t.Fatal(err)
	}
	defer relay.Close()
	met := make(chan hello.Person, 10)
	newOne := func(seed byte) host.Host {
		d := device(t, seed)
		key, err := d.HostKey()
		if err != nil {
			t.Fatal(err)
		}
		h, err := libp2p.New(libp2p.Identity(key), libp2p.NoListenAddrs, libp2p.EnableRelay())
		if err != nil {
			t.Fatal(err)
		}
		s := hello.New(hello.Config{Host: h, Policy: open{d}, OnMeet: func(p hello.Person) { met <- p }})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		t.Cleanup(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
			_ = h.Close()
		})
		if err := h.Connect(t.Context(), peer.AddrInfo{ID: relay.ID(), Addrs: relay.Addrs()}); err != nil {
			t.Fatal(err)
		}
		return h
	}
	ann, bob := newOne(1), newOne(2)
	if _, err := client.Reserve(t.Context(), bob, peer.AddrInfo{ID: relay.ID(), Addrs: relay.Addrs()}); err != nil {
		t.Fatal(err)
	}
	via := multiaddr.StringCast("/p2p/" + relay.ID().String() + "/p2p-circuit")
	if err := ann.Connect(t.Context(), peer.AddrInfo{ID: bob.ID(), Addrs: []multiaddr.Multiaddr{via}}); err != nil {
		t.Fatal(err)
	}
	deadline := time.After(20 * time.Second)
	for range 2 {
		select {
		case p := <-met:
			if p.LAN {
				t.Errorf("%s is taken for a neighbour", p.Peer)
			}
		case <-deadline:
			t.Fatal("no hello over a relay")
		}
	}
}
