package node_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kith-chat/kith/identity/vault"
	"github.com/kith-chat/kith/node"
	"github.com/kith-chat/kith/node/store"
)

func newVault(t *testing.T, dir string) *vault.Vault {
	t.Helper()
	s, err := vault.NewAccount("Ann", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.Create(vault.Options{Dir: dir}, s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestNothingIsLeftBehind: a node that was opened and closed, or that could
// not be opened, leaves no goroutine. It does not run beside other tests.
func TestNothingIsLeftBehind(t *testing.T) {
	before := goleak.IgnoreCurrent()
	home := filepath.Join(t.TempDir(), "ann")
	v := newVault(t, home)
	good := node.Config{
		Home: home, Vault: v, Version: "test", Listen: []string{"/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"},
		DHT: "off", Receipts: true, Downloads: filepath.Join(home, "downloads"), MinFree: 1 << 20,
	}
	for range 2 { // the second time it goes into its group again
		n, err := node.Open(t.Context(), good)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.Join(t.Context(), "lobby", false); err != nil {
			t.Fatal(err)
		}
		if _, err := n.Send(t.Context(), "lobby", "anybody?", "", 0); err != nil {
			t.Fatal(err)
		}
		watching := make(chan error, 1)
		go func() { watching <- n.Watch(context.Background(), 0, true, func(node.News) error { return nil }) }()
		if _, err := node.Open(t.Context(), good); !errors.Is(err, store.ErrInUse) {
			t.Errorf("a second node on one home: %v", err)
		}
		if err := errors.Join(n.Close(), n.Close()); err != nil {
			t.Errorf("closing: %v", err)
		}
		<-watching
	}
	for name, spoil := range map[string]func(*node.Config){
		"an address that is none":  func(c *node.Config) { c.Listen = []string{"nowhere"} },
		"a bootstrap without name": func(c *node.Config) { c.Bootstrap = []string{"/ip4/127.0.0.1/tcp/1"} },
	} {
		c := good
		spoil(&c)
		if n, err := node.Open(t.Context(), c); err == nil {
			t.Errorf("%s: the node opens", name)
			_ = n.Close()
		}
	}
	n, err := node.Open(t.Context(), good) // nothing that failed holds the store
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	goleak.VerifyNone(t, before)
}

// TestPoisonAtBoot: records that make no sense are passed over at the start.
func TestPoisonAtBoot(t *testing.T) {
	t.Parallel()
	home := filepath.Join(t.TempDir(), "ann")
	v := newVault(t, home)
	secrets := v.Secrets()
	device, err := secrets.Device()
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), store.Options{Dir: filepath.Join(home, "store"), Key: secrets.StoreKey, Self: device.Account(), MinFree: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	for _, prefix := range []string{"name/", "invite/", "fetched/", "own-device/", "introduced/", "receipt/", "mute/", "ignore/", "words", "prefs", "preference/", "screen", "mirror/"} {
		for _, rest := range []string{"", "x", "/", "\xff\x00", "kith1" + string(make([]byte, 60))} {
			for i, value := range [][]byte{nil, {0}, []byte("{\"x\":"), make([]byte, 60_000)} {
				if err := s.PutSetting(t.Context(), prefix+rest+string(rune('a'+i)), value); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	n, err := node.Open(t.Context(), node.Config{Home: home, Vault: v, Offline: true, MinFree: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if _, err := n.Self(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := n.Status(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := n.Invites(t.Context()); err != nil {
		t.Error(err)
	}
}
