package event_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/identity/event/pb"
)

func signed(tb testing.TB, d *identity.Device, b event.Body) *event.Event {
	tb.Helper()
	e, err := event.Sign(d, header(), b)
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

func wire(tb testing.TB, e *event.Event) *pb.Event {
	tb.Helper()
	var m pb.Event
	if err := proto.Unmarshal(e.Bytes(), &m); err != nil {
		tb.Fatal(err)
	}
	return &m
}

func encoded(tb testing.TB, m proto.Message) []byte {
	tb.Helper()
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

// taken parses and verifies.
func taken(raw []byte) (*event.Event, error) {
	e, err := event.Parse(raw)
	if err != nil {
		return nil, err
	}
	return e, e.Verify(nil)
}

// Whoever signed must be whom the header and the certificate name.
func TestRecord_KeyMismatch(t *testing.T) {
	t.Parallel()
	ann, eve := device(t, 1, 2), device(t, 9, 9)
	good := signed(t, ann, event.Text{Text: "hello"})
	// Eve certifies Ann's device as her own, which needs nothing from Ann.
	stolen, err := identity.Certify(identity.NewAccountKey([32]byte{9, 1}), ann.ID(), time.UnixMilli(1_700_000_000_000))
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*pb.Event){
		"another device's signature": func(m *pb.Event) { m.Signature = eve.Sign(identity.DomainEvent, m.GetHeader()) },
		"the account's signature": func(m *pb.Event) {
			m.Signature = identity.NewAccountKey([32]byte{1, 1}).Sign(identity.DomainEvent, m.GetHeader())
		},
		"a signature under another domain":      func(m *pb.Event) { m.Signature = ann.Sign(identity.DomainInvite, m.GetHeader()) },
		"another device's certificate":          func(m *pb.Event) { m.Certificate = eve.Certificate().Bytes() },
		"another account's, of the same device": func(m *pb.Event) { m.Certificate = stolen.Bytes() },
		"no certificate":                        func(m *pb.Event) { m.Certificate = nil },
		"a header that names another device":    func(m *pb.Event) { m.Header = bytes.Replace(m.GetHeader(), idBytes(ann.ID()), idBytes(eve.ID()), 1) },
		"that, signed by the other device": func(m *pb.Event) {
			m.Header = bytes.Replace(m.GetHeader(), idBytes(ann.ID()), idBytes(eve.ID()), 1)
			m.Signature = eve.Sign(identity.DomainEvent, m.GetHeader())
		},
		"that, with the other's certificate": func(m *pb.Event) {
			m.Header = bytes.Replace(m.GetHeader(), idBytes(ann.ID()), idBytes(eve.ID()), 1)
			m.Signature, m.Certificate = eve.Sign(identity.DomainEvent, m.GetHeader()), eve.Certificate().Bytes()
		},
	} {
		m := wire(t, good)
		change(m)
		raw := encoded(t, m)
		if e, err := taken(raw); !errors.Is(err, event.ErrEvent) {
			t.Errorf("%s: %v, %v", what, e, err)
		}
		e, err := event.Parse(raw)
		if err != nil {
			continue
		}
		var certs event.CertificateCache
		for range 2 { // from the cache, too
			if err := e.Verify(&certs); err == nil || !e.Author().IsZero() {
				t.Errorf("%s: taken, from %s", what, e.Author().Short())
			}
		}
	}
	if e, err := taken(good.Bytes()); err != nil || e.Author() != ann.Account() {
		t.Fatal(err)
	}
}

func idBytes(d identity.DeviceID) []byte { return d[:] }

// An event has one name, whatever a carrier does to it, and what is altered is
// refused: else a carrier could make a second event of one, or give a rubbish
// one the name of a good one before it arrives.
func TestMsgID_Malleability(t *testing.T) {
	t.Parallel()
	d := device(t, 1, 2)
	good := signed(t, d, event.Text{Text: "hello"})
	again, err := identity.Certify(identity.NewAccountKey([32]byte{1, 1}), d.ID(), time.UnixMilli(1_800_000_000_000))
	if err != nil {
		t.Fatal(err)
	}
	type verdict int
	const (
		holds verdict = iota
		unverified
		unread
	)
	for what, c := range map[string]struct {
		change func(*pb.Event)
		want   verdict
	}{
		"nothing":                    {func(*pb.Event) {}, holds},
		"the body is erased":         {func(m *pb.Event) { m.Body = nil }, holds},
		"a newer certificate":        {func(m *pb.Event) { m.Certificate = again.Bytes() }, holds},
		"an altered signature":       {func(m *pb.Event) { m.Signature[5] ^= 1 }, unverified},
		"a signature with S + L":     {func(m *pb.Event) { addOrder(m.GetSignature()[32:]) }, unverified},
		"no signature":               {func(m *pb.Event) { m.Signature = nil }, unread},
		"another body":               {func(m *pb.Event) { m.Body = []byte("hello") }, unread},
		"a longer body":              {func(m *pb.Event) { m.Body = append(m.Body, 0x18, 1) }, unread},
		"an altered certificate":     {func(m *pb.Event) { m.Certificate[60] ^= 1 }, unverified},
		"a field that nobody signed": {func(m *pb.Event) { m.ProtoReflect().SetUnknown([]byte{0x28, 1}) }, unread},
	} {
		m := wire(t, good)
		c.change(m)
		e, err := event.Parse(encoded(t, m))
		if (err != nil) != (c.want == unread) {
			t.Errorf("%s: parsing: %v", what, err)
		}
		if err != nil {
			continue
		}
		if e.ID() != good.ID() {
			t.Errorf("%s: the event has another name", what)
		}
		if err := e.Verify(nil); (err != nil) != (c.want == unverified) {
			t.Errorf("%s: verifying: %v", what, err)
		}
	}
	// Every change of the header is another event, which does not verify.
	for i := range wire(t, good).GetHeader() {
		m := wire(t, good)
		m.Header[i] ^= 0x10
		if e, err := event.Parse(encoded(t, m)); err == nil && (e.ID() == good.ID() || e.Verify(nil) == nil) {
			t.Errorf("byte %d of the header altered: it passes for the event", i)
		}
	}
	// The same fields encoded in another order and read again.
	m := wire(t, good)
	var raw []byte
	for _, f := range []struct {
		number protowire.Number
		b      []byte
	}{{4, m.GetBody()}, {3, m.GetCertificate()}, {2, m.GetSignature()}, {1, m.GetHeader()}} {
		raw = protowire.AppendBytes(protowire.AppendTag(raw, f.number, protowire.BytesType), f.b)
	}
	e, err := taken(raw)
	if err != nil || e.ID() != good.ID() || !bytes.Equal(e.Bytes(), good.Bytes()) {
		t.Errorf("in another order: %v", err)
	}
}

// addOrder adds the order of the group to a scalar, little-endian.
func addOrder(s []byte) {
	order := []byte{
		0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
		31: 0x10,
	}
	carry := 0
	for i := range s {
		carry += int(s[i]) + int(order[i])
		s[i] = byte(carry)
		carry >>= 8
	}
}

// raw signs a header that Sign would not make.
func rawEvent(tb testing.TB, change func(*pb.Header), body []byte) []byte {
	tb.Helper()
	d := device(tb, 1, 2)
	var h pb.Header
	if err := proto.Unmarshal(wire(tb, signed(tb, d, event.Text{Text: "x"})).GetHeader(), &h); err != nil {
		tb.Fatal(err)
	}
	sum := sha256.Sum256(body)
	h.BodyHash, h.BodyLength = sum[:], uint32(len(body))
	change(&h)
	raw := encoded(tb, &h)
	return encoded(tb, &pb.Event{
		Header: raw, Signature: d.Sign(identity.DomainEvent, raw), Certificate: d.Certificate().Bytes(), Body: body,
	})
}

func TestParseRefusesHeaders(t *testing.T) {
	t.Parallel()
	id := bytes.Repeat([]byte{7}, 32)
	if _, err := taken(rawEvent(t, func(*pb.Header) {}, nil)); err != nil {
		t.Fatalf("the plain header: %v", err)
	}
	if _, err := taken(rawEvent(t, func(h *pb.Header) { h.Version = 9; h.Kind = 1 << 30 }, []byte("any"))); err != nil {
		t.Errorf("a later version and an unknown kind must be carried: %v", err)
	}
	if _, err := taken(rawEvent(t, func(h *pb.Header) { h.ProtoReflect().SetUnknown([]byte{0xf8, 0x07, 1}) }, nil)); err != nil {
		t.Errorf("a signed field of a later version must be carried: %v", err)
	}
	for what, change := range map[string]func(*pb.Header){
		"version 0":                    func(h *pb.Header) { h.Version = 0 },
		"no conversation":              func(h *pb.Header) { h.Conversation = nil },
		"a zero conversation":          func(h *pb.Header) { h.Conversation = make([]byte, 32) },
		"a long conversation":          func(h *pb.Header) { h.Conversation = make([]byte, 33) },
		"no device":                    func(h *pb.Header) { h.Device = nil },
		"a short device":               func(h *pb.Header) { h.Device = h.GetDevice()[:31] },
		"no account":                   func(h *pb.Header) { h.Account = nil },
		"a long account":               func(h *pb.Header) { h.Account = append(h.GetAccount(), 0) },
		"sequence 0":                   func(h *pb.Header) { h.Sequence = 0 },
		"sequence 2^63":                func(h *pb.Header) { h.Sequence, h.Previous = 1<<63, id },
		"first with a previous":        func(h *pb.Header) { h.Previous = id },
		"second without a previous":    func(h *pb.Header) { h.Sequence = 2 },
		"second with a zero previous":  func(h *pb.Header) { h.Sequence, h.Previous = 2, make([]byte, 32) },
		"second with a short previous": func(h *pb.Header) { h.Sequence, h.Previous = 2, id[:31] },
		"a short parent":               func(h *pb.Header) { h.Parents = [][]byte{id[:31]} },
		"a zero parent":                func(h *pb.Header) { h.Parents = [][]byte{make([]byte, 32)} },
		"a parent twice":               func(h *pb.Header) { h.Parents = [][]byte{id, id} },
		"five parents":                 func(h *pb.Header) { h.Parents = [][]byte{id, id[:31], id, id, id} },
		"kind 0":                       func(h *pb.Header) { h.Kind = 0 },
		"a negative expiry":            func(h *pb.Header) { h.ExpiryMs = -1 },
		"no body hash":                 func(h *pb.Header) { h.BodyHash = nil },
		"another body hash":            func(h *pb.Header) { h.BodyHash = id },
		"an endless body":              func(h *pb.Header) { h.BodyLength = 1<<32 - 1 },
		"a header of two KiB": func(h *pb.Header) {
			h.ProtoReflect().SetUnknown(protowire.AppendBytes([]byte{0xfa, 0x07}, make([]byte, 2048)))
		},
	} {
		if _, err := taken(rawEvent(t, change, nil)); !errors.Is(err, event.ErrEvent) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := event.Parse(make([]byte, event.MaxEvent+1)); !errors.Is(err, event.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
}

func TestSignRefuses(t *testing.T) {
	t.Parallel()
	d := device(t, 1, 2)
	for what, change := range map[string]func(*event.Header){
		"no conversation": func(h *event.Header) { h.Conversation = event.ConversationID{} },
		"sequence 0":      func(h *event.Header) { h.Sequence = 0 },
		"no previous":     func(h *event.Header) { h.Sequence = 2 },
		"five parents":    func(h *event.Header) { h.Parents = make([]event.ID, 5) },
		"expiry":          func(h *event.Header) { h.Expiry = -1 },
	} {
		h := header()
		change(&h)
		if _, err := event.Sign(d, h, event.Text{Text: "x"}); err == nil {
			t.Errorf("%s was signed", what)
		}
	}
	// What the caller says of itself counts for nothing.
	h := header()
	h.Account, h.Device, h.Kind, h.BodyLength = identity.AccountID{9}, identity.DeviceID{9}, event.KindEdit, 99
	e, err := event.Sign(d, h, event.Text{Text: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if got := e.Header(); got.Account != d.Account() || got.Device != d.ID() || got.Kind != event.KindText {
		t.Errorf("signed for another: %+v", got)
	}
}
