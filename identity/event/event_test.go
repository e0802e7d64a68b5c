package event_test

import (
	"crypto/ed25519"
	"errors"
	"testing"
	"time"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
)

// device returns a device whose keys follow from the two seeds.
func device(t testing.TB, account, key byte) *identity.Device {
	t.Helper()
	a := identity.NewAccountKey([32]byte{account, 1})
	priv := ed25519.NewKeyFromSeed(append(make([]byte, 31), key))
	id, err := identity.ParseDeviceKey(priv.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	cert, err := identity.Certify(a, id, time.UnixMilli(1_700_000_000_000))
	if err != nil {
		t.Fatal(err)
	}
	d, err := identity.NewDevice(priv, cert)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func header() event.Header {
	return event.Header{Conversation: event.Public("lobby"), Sequence: 1, Time: event.TimeOf(time.UnixMilli(1_700_000_000_000))}
}

func TestSignParseVerify(t *testing.T) {
	t.Parallel()
	d := device(t, 1, 2)
	e, err := event.Sign(d, header(), event.Text{Text: "hello"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := event.Parse(e.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if err := got.Verify(nil); err != nil {
		t.Fatal(err)
	}
	if got.ID() != e.ID() || got.Author() != d.Account() || got.Header().Device != d.ID() {
		t.Fatal("the parsed event is not the signed one")
	}
	b, err := got.Body()
	if err != nil || b.(event.Text).Text != "hello" {
		t.Fatalf("body %v, %v", b, err)
	}
	erased, err := event.Parse(e.Erased().Bytes())
	if err != nil || erased.HasBody() || erased.ID() != e.ID() {
		t.Fatalf("an erased event must keep its name: %v", err)
	}
	if err := erased.Verify(nil); err != nil {
		t.Fatalf("an erased event must still verify: %v", err)
	}
}

func TestVerifyRefusesEveryFlippedBit(t *testing.T) {
	t.Parallel()
	e, err := event.Sign(device(t, 1, 2), header(), event.Text{Text: "hello"})
	if err != nil {
		t.Fatal(err)
	}
	raw := e.Bytes()
	for i := range raw {
		for bit := range 8 {
			bad := append([]byte(nil), raw...)
			bad[i] ^= 1 << bit
			got, err := event.Parse(bad)
			if err != nil {
				continue
			}
			var certs event.CertificateCache
			if err := got.Verify(&certs); err == nil {
				t.Fatalf("bit %d of byte %d flipped and the event still verifies", bit, i)
			}
		}
	}
}

func TestVerifyRefusesAnotherDevicesCertificate(t *testing.T) {
	t.Parallel()
	e, err := event.Sign(device(t, 1, 2), header(), event.Text{Text: "hello"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := identity.NewDevice(ed25519.NewKeyFromSeed(make([]byte, 32)), e.Certificate()); err == nil {
		t.Fatal("a device was joined with another one's certificate")
	}
	if _, err := event.ParseID(e.ID().String()[1:] + "!"); !errors.Is(err, event.ErrID) {
		t.Fatalf("got %v", err)
	}
}
