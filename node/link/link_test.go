package link

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/node/wire"
)

// old is a device with an account, waiting for a new one.
type old struct {
	host   host.Host
	phrase identity.Phrase
	key    identity.AccountKey
	id     identity.DeviceID
	given  []identity.DeviceID
}

func newKey(t *testing.T) (ed25519.PrivateKey, host.Host) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := crypto.UnmarshalEd25519PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	h, err := libp2p.New(libp2p.Identity(private), libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableRelay())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return key, h
}

func newOld(t *testing.T) *old {
	t.Helper()
	o := &old{phrase: identity.NewPhrase()}
	key, h := newKey(t)
	var err error
	if o.key, err = o.phrase.AccountKey(); err != nil {
		t.Fatal(err)
	}
	if o.id, err = identity.ParseDeviceKey(key.Public().(ed25519.PublicKey)); err != nil {
		t.Fatal(err)
	}
	o.host = h
	return o
}

func (o *old) code() identity.LinkCode {
	return identity.NewLinkCode(o.id, o.host.Addrs(), time.Now())
}

// give certifies the new device.
func (o *old) give(_ context.Context, d identity.DeviceID, name string) (Grant, error) {
	o.given = append(o.given, d)
	g := Grant{Entropy: o.phrase.Entropy(), Discovery: identity.NewDiscoverySecret(), Name: "Ann"}
	var err error
	if g.Certificate, err = identity.Certify(o.key, d, time.Now()); err != nil {
		return g, err
	}
	g.Devices, err = identity.SignDeviceList(o.key, 0, []identity.ListedDevice{
		{Device: o.id, Name: "old", Added: time.Now()}, {Device: d, Name: name, Added: time.Now()},
	}, time.Now())
	return g, err
}

// person answers at a device and keeps the words.
type person struct {
	says  bool
	words chan []string
	name  chan string
}

func newPerson(says bool) *person {
	return &person{says, make(chan []string, 1), make(chan string, 1)}
}

func (p *person) ask(_ context.Context, name string, words []string) (bool, error) {
	p.words <- words
	p.name <- name
	return p.says, nil
}

func (o *old) admit(t *testing.T, code identity.LinkCode, p *person) chan error {
	t.Helper()
	out := make(chan error, 1)
	h := NewHost(o.host, o.key.ID(), nil)
	go func() { out <- h.Admit(t.Context(), code, p.ask, o.give) }()
	for !slices.Contains(o.host.Mux().Protocols(), Protocol) {
		if t.Context().Err() != nil {
			t.Fatal("never ready")
		}
	}
	return out
}

// TestLink: a new device gets the account, and both showed the same words.
func TestLink(t *testing.T) {
	t.Parallel()
	o := newOld(t)
	code := o.code()
	here, there := newPerson(true), newPerson(true)
	admitted := o.admit(t, code, here)
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var got Grant
	if err := Join(t.Context(), code, key, "laptop", there.ask, func(g Grant) error { got = g; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := <-admitted; err != nil {
		t.Fatal(err)
	}
	if a, b := <-here.words, <-there.words; !slices.Equal(a, b) || len(a) != identity.LinkWords {
		t.Fatalf("words %q and %q", a, b)
	}
	if name := <-here.name; name != "laptop" {
		t.Fatalf("the old device shows %q", name)
	}
	if got.Name != "Ann" || got.Entropy != o.phrase.Entropy() || len(got.Devices.Devices) != 2 || got.Certificate.Account != o.key.ID() {
		t.Fatalf("got %+v", got.Certificate)
	}
	if err := Join(t.Context(), code, key, "again", there.ask, nil); err == nil {
		t.Fatal("a code works twice")
	}
}

// TestLinkRefused: a no at either device gives nothing to the new one.
func TestLinkRefused(t *testing.T) {
	t.Parallel()
	for name, says := range map[string][2]bool{"at the old": {false, true}, "at the new": {true, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOld(t)
			code := o.code()
			here := newPerson(says[0])
			if says[0] && !says[1] { // nobody has answered here yet when the no comes
				here.words = make(chan []string)
			}
			admitted := o.admit(t, code, &person{says[0], here.words, here.name})
			if !says[1] {
				go func() { <-here.words }()
			}
			_, key, err := ed25519.GenerateKey(rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			err = Join(t.Context(), code, key, "x", newPerson(says[1]).ask, func(Grant) error {
				t.Error("the account was handed over")
				return nil
			})
			if err == nil {
				t.Fatal("linked")
			}
			if err := <-admitted; !errors.Is(err, ErrRefused) && err == nil {
				t.Fatalf("the old device: %v", err)
			}
			if len(o.given) > 0 {
				t.Fatal("the old device has certified it")
			}
		})
	}
}

// TestLinkWithoutCode: who does not know the code changes nothing, and the
// right device comes through all the same.
func TestLinkWithoutCode(t *testing.T) {
	t.Parallel()
	o := newOld(t)
	code, wrong := o.code(), o.code()
	admitted := o.admit(t, code, newPerson(true))
	_, thief, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := Join(t.Context(), wrong, thief, "thief", newPerson(true).ask, nil); err == nil {
		t.Fatal("a wrong code works")
	}
	// Callers that say nonsense, or nothing.
	_, h := newKey(t)
	if err := h.Connect(t.Context(), peer.AddrInfo{ID: o.host.ID(), Addrs: o.host.Addrs()}); err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		s, err := h.NewStream(network.WithAllowLimitedConn(t.Context(), service), o.host.ID(), Protocol)
		if err != nil {
			t.Fatal(err)
		}
		w := wire.NewWriter(s, maxFrame)
		if i > 0 {
			if err := errors.Join(w.Write([]byte{0xff, byte(i)}), w.Flush()); err != nil {
				t.Fatal(err)
			}
		}
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := Join(t.Context(), code, key, "right", newPerson(true).ask, func(Grant) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := <-admitted; err != nil {
		t.Fatal(err)
	}
	if len(o.given) != 1 {
		t.Fatalf("%d devices were certified", len(o.given))
	}
}

// TestLinkExpired: a code that is too old is not even tried.
func TestLinkExpired(t *testing.T) {
	t.Parallel()
	o := newOld(t)
	code := identity.NewLinkCode(o.id, nil, time.Now().Add(-time.Hour))
	if err := Join(t.Context(), code, nil, "x", nil, nil); !errors.Is(err, identity.ErrLinkCode) {
		t.Fatal(err)
	}
	if err := NewHost(o.host, o.key.ID(), nil).Admit(t.Context(), code, nil, nil); !errors.Is(err, identity.ErrLinkCode) {
		t.Fatal(err)
	}
}
