package nethost_test

import (
	"context"
	"crypto/ed25519"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/node/nethost"
)

const loopback = "/ip4/127.0.0.1/tcp/0"

// device returns a person with one device; the keys follow from the seed.
func device(t testing.TB, seed byte) *identity.Device {
	t.Helper()
	account := identity.NewAccountKey([32]byte{seed, 3})
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

// newHost starts a host of kith.
func newHost(t *testing.T, seed byte, c nethost.Config) *nethost.Host {
	t.Helper()
	c.Device, c.Agent = device(t, seed), "kith/test"
	h, err := nethost.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// foreign starts a host that is not kith's and has no limits of its own.
func foreign(t *testing.T, opts ...libp2p.Option) host.Host {
	t.Helper()
	key, _, err := crypto.GenerateEd25519Key(nil)
	if err != nil {
		t.Fatal(err)
	}
	return foreignAs(t, key, opts...)
}

// foreignAs is foreign with a key of any kind.
func foreignAs(t *testing.T, key crypto.PrivKey, opts ...libp2p.Option) host.Host {
	t.Helper()
	opts = append(opts, libp2p.Identity(key), libp2p.ResourceManager(&network.NullResourceManager{}))
	h, err := libp2p.New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

func infoOf(h host.Host) peer.AddrInfo { return peer.AddrInfo{ID: h.ID(), Addrs: h.Addrs()} }

// wait waits until check holds.
func wait(t *testing.T, what string, check func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !check() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("waited in vain for " + what)
		}
	}
}
