package identity_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/pb"
)

func linkBytes(tb testing.TB, link string) []byte {
	tb.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(link, "kith:"))
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

func bytesLink(raw []byte) string { return "kith:" + base64.RawURLEncoding.EncodeToString(raw) }

// split takes a statement apart, joined puts one together.
func split(tb testing.TB, raw []byte) (payload, signature []byte) {
	tb.Helper()
	var s pb.Signed
	if err := proto.Unmarshal(raw, &s); err != nil {
		tb.Fatal(err)
	}
	return s.GetPayload(), s.GetSignature()
}

func joined(payload, signature []byte) []byte {
	raw := protowire.AppendTag(nil, 1, protowire.BytesType)
	raw = protowire.AppendBytes(raw, payload)
	raw = protowire.AppendTag(raw, 2, protowire.BytesType)
	return protowire.AppendBytes(raw, signature)
}

// statements are the signed types of the package, each with its reader and
// with a key that is not the one that may sign it.
func statements(t *testing.T) []statement {
	t.Helper()
	d := device(t, 1, 2)
	_, link := invite(t, d)
	return []statement{
		{
			"certificate", d.Certificate().Bytes(), identity.ErrCertificate,
			func(b []byte) error { _, err := identity.ParseCertificate(b); return err },
			map[string]func(p []byte) []byte{
				"another account": func(p []byte) []byte { return accountKey(9).Sign(identity.DomainCertificate, p) },
				"the device":      func(p []byte) []byte { return d.Sign(identity.DomainCertificate, p) },
			},
		},
		{
			"device list", deviceList(t, 1, 0, 2, 3).Bytes(), identity.ErrDeviceList,
			func(b []byte) error { _, err := identity.ParseDeviceList(b); return err },
			map[string]func(p []byte) []byte{
				"another account": func(p []byte) []byte { return accountKey(9).Sign(identity.DomainDeviceList, p) },
				"a listed device": func(p []byte) []byte { return d.Sign(identity.DomainDeviceList, p) },
			},
		},
		{
			"invite", linkBytes(t, link), identity.ErrInvite,
			func(b []byte) error { _, err := identity.ParseInvite(bytesLink(b)); return err },
			map[string]func(p []byte) []byte{
				"another device of the account": func(p []byte) []byte { return device(t, 1, 8).Sign(identity.DomainInvite, p) },
				"another account":               func(p []byte) []byte { return accountKey(9).Sign(identity.DomainInvite, p) },
				"the account":                   func(p []byte) []byte { return accountKey(1).Sign(identity.DomainInvite, p) },
			},
		},
	}
}

type statement struct {
	name  string
	raw   []byte
	says  error
	parse func([]byte) error
	wrong map[string]func(payload []byte) []byte
}

// The key that signed must be the one that the statement names.
func TestRecord_KeyMismatch(t *testing.T) {
	t.Parallel()
	for _, s := range statements(t) {
		if err := s.parse(s.raw); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		payload, _ := split(t, s.raw)
		for who, sign := range s.wrong {
			if err := s.parse(joined(payload, sign(payload))); !errors.Is(err, s.says) {
				t.Errorf("%s signed by %s: %v", s.name, who, err)
			}
		}
	}
	// A certificate of one device in an invite that another signs.
	thief, victim := device(t, 9, 9), device(t, 1, 2)
	i, _ := invite(t, victim)
	i.Certificate = victim.Certificate()
	link, err := i.Sign(thief) // Sign takes the signer's own certificate
	if err != nil {
		t.Fatal(err)
	}
	if got, err := identity.ParseInvite(link); err != nil || got.Account() != thief.Account() {
		t.Errorf("an invite names %s and was signed by %s: %v", got.Account().Short(), thief.Account().Short(), err)
	}
	if _, err := identity.NewDevice(deviceKey(9), victim.Certificate()); err == nil {
		t.Error("a device was joined with another one's certificate")
	}
}

func TestStatementsRefuseEveryFlippedBit(t *testing.T) {
	t.Parallel()
	for _, s := range statements(t) {
		for i := range s.raw {
			for bit := range 8 {
				bad := bytes.Clone(s.raw)
				bad[i] ^= 1 << bit
				if s.parse(bad) == nil {
					t.Fatalf("%s: bit %d of byte %d flipped and it is taken", s.name, bit, i)
				}
			}
		}
		for n := range s.raw {
			if s.parse(s.raw[:n]) == nil {
				t.Fatalf("%s: cut to %d bytes and it is taken", s.name, n)
			}
		}
	}
}

// One statement has one encoding: nobody who carries it makes a second one.
func TestStatementsHaveOneEncoding(t *testing.T) {
	t.Parallel()
	for _, s := range statements(t) {
		payload, signature := split(t, s.raw)
		swapped := protowire.AppendTag(nil, 2, protowire.BytesType)
		swapped = protowire.AppendBytes(swapped, signature)
		swapped = protowire.AppendTag(swapped, 1, protowire.BytesType)
		swapped = protowire.AppendBytes(swapped, payload)
		longLength := append([]byte{0x0a, 0x80 | byte(len(payload)&0x7f), 0x80 | byte(len(payload)>>7), 0}, payload...)
		longLength = protowire.AppendTag(longLength, 2, protowire.BytesType)
		longLength = protowire.AppendBytes(longLength, signature)
		for what, raw := range map[string][]byte{
			"an unknown field":    protowire.AppendVarint(protowire.AppendTag(bytes.Clone(s.raw), 99, protowire.VarintType), 1),
			"an empty group":      append(bytes.Clone(s.raw), 0x1b, 0x1c),
			"the payload twice":   append(joined(payload, signature)[:len(payload)+3:len(payload)+3], s.raw...),
			"fields in disorder":  swapped,
			"a long length":       longLength,
			"a trailing byte":     append(bytes.Clone(s.raw), 0),
			"a long signature":    joined(payload, append(bytes.Clone(signature), 0)),
			"a short signature":   joined(payload, signature[:63]),
			"no signature":        joined(payload, nil),
			"nothing":             nil,
			"only a length":       {0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f},
			"an endless varint":   bytes.Repeat([]byte{0xff}, 200),
			"groups within group": bytes.Repeat([]byte{0x0b}, 400),
		} {
			if err := s.parse(raw); !errors.Is(err, s.says) {
				t.Errorf("%s with %s: %v", s.name, what, err)
			}
		}
	}
}

func TestCertificate(t *testing.T) {
	t.Parallel()
	c := device(t, 1, 2).Certificate()
	got, err := identity.ParseCertificate(c.Bytes())
	if err != nil || got.Account != accountKey(1).ID() || got.Device != deviceID(t, 2) || !got.Issued.Equal(day()) {
		t.Fatalf("got %v, %v", got, err)
	}
	if len(c.Bytes()) > identity.MaxCertificate {
		t.Fatalf("it has %d bytes", len(c.Bytes()))
	}
	// Far times are brought to the edge of what can be written.
	for _, at := range []time.Time{{}, time.Unix(-1, 0), time.Unix(1<<62, 0), time.UnixMilli(1<<63 - 1)} {
		c, err := identity.Certify(accountKey(1), deviceID(t, 2), at)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Issued.MarshalText(); err != nil {
			t.Errorf("issued %v: %v", at.Unix(), err)
		}
	}
	for _, ms := range []int64{-1, -1 << 63, 1<<63 - 1, 253_402_300_800_000} {
		id, dev := accountKey(1).ID(), deviceID(t, 2)
		payload, err := proto.Marshal(&pb.CertificateBody{Account: id[:], Device: dev[:], IssuedMs: ms})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := identity.ParseCertificate(joined(payload, accountKey(1).Sign(identity.DomainCertificate, payload))); err == nil {
			t.Errorf("a certificate of the time %d was taken", ms)
		}
	}
	if _, err := identity.Certify(accountKey(1), identity.DeviceID{}, day()); !errors.Is(err, identity.ErrCertificate) {
		t.Errorf("a device without a key was certified: %v", err)
	}
}

func FuzzParseCertificate(f *testing.F) {
	c := device(f, 1, 2).Certificate().Bytes()
	f.Add(c)
	f.Add(deviceList(f, 1, 0, 2).Bytes())
	f.Add(append(bytes.Clone(c), 0x1a, 0))
	f.Add(c[:len(c)-1])
	f.Add([]byte{})
	payload, _ := split(f, c)
	f.Add(payload)
	f.Fuzz(func(t *testing.T, raw []byte) {
		checkCertificate(t, raw)
		checkCertificate(t, joined(raw, accountKey(1).Sign(identity.DomainCertificate, raw)))
	})
}

func checkCertificate(t *testing.T, raw []byte) {
	c, err := identity.ParseCertificate(raw)
	if err != nil {
		if !errors.Is(err, identity.ErrCertificate) || !c.Account.IsZero() {
			t.Fatalf("refused with %v", err)
		}
		return
	}
	if !bytes.Equal(c.Bytes(), raw) {
		t.Fatal("it prints as other bytes")
	}
	if _, err := c.Issued.MarshalText(); err != nil {
		t.Fatal("its time cannot be written")
	}
	payload, signature := split(t, raw)
	if err := identity.DomainCertificate.Verify(c.Account, payload, signature); err != nil {
		t.Fatalf("taken without the account's signature: %v", err)
	}
}
