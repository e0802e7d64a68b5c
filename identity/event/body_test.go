package event_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
)

// bodies returns one of every kind that people and devices make.
func bodies(t testing.TB) []event.Body {
	t.Helper()
	who := []identity.AccountID{device(t, 1, 2).Account()}
	return []event.Body{
		event.Text{Text: "hello 👋", ReplyTo: event.ID{1}, Mentions: who},
		event.Edit{Target: event.ID{1}, Text: "better", Mentions: who},
		event.Retract{Target: event.ID{2}},
		event.Reaction{Target: event.ID{3}, Emoji: "🎉", Removed: true},
		event.File{
			Name: "fish.png", Size: 7, MediaType: "image/png", Root: [32]byte{4}, Caption: "a fish", ReplyTo: event.ID{5},
			Preview: &event.Preview{MediaType: "image/jpeg", Width: 3, Height: 2, Data: []byte{1}}, Duration: 9, Waveform: []byte{1, 2},
		},
		event.Receipt{ReadUpTo: event.ID{6}},
		event.Profile{Name: "Ann"},
		event.Contact{
			Step: event.ContactRequest, Name: "Ann", Note: "it is me", DiscoverySecret: bytes.Repeat([]byte{1}, 32),
			Addresses: [][]byte{{4, 127, 0, 0, 1}}, InviteToken: bytes.Repeat([]byte{2}, 16),
		},
		event.Setting{Name: "contact/kith1x", Value: []byte{0, 1}},
		event.Foreign{Peer: []byte{1}, Topic: "chat", Data: []byte("hi"), Seqno: []byte{2}},
	}
}

// TestBodies: what is signed is read again as it was.
func TestBodies(t *testing.T) {
	t.Parallel()
	names := make(map[string]bool)
	for _, b := range bodies(t) {
		e, err := event.Parse(signed(t, device(t, 1, 2), b).Bytes())
		if err != nil {
			t.Fatalf("%T: %v", b, err)
		}
		got, err := e.Body()
		if err != nil || got.Kind() != b.Kind() || !reflect.DeepEqual(got, b) {
			t.Errorf("%T: %+v is read as %+v, %v", b, b, got, err)
		}
		if name := b.Kind().String(); names[name] || strings.HasPrefix(name, "kind-") {
			t.Errorf("%T is called %q", b, name)
		} else {
			names[name] = true
		}
	}
}

// TestSettingBounds: names and values outside the bounds are refused on both
// sides.
func TestSettingBounds(t *testing.T) {
	t.Parallel()
	for _, s := range []event.Setting{
		{},
		{Name: "a b"},
		{Name: "é"},
		{Name: "a\x1b"},
		{Name: strings.Repeat("a", event.MaxSettingName+1)},
		{Name: "a", Value: make([]byte, event.MaxSettingValue+1)},
	} {
		if _, err := event.Sign(device(t, 1, 2), header(), s); !errors.Is(err, event.ErrBody) {
			t.Errorf("%.20q with %d bytes: %v", s.Name, len(s.Value), err)
		}
	}
}

// FuzzParse: whatever bytes come, an event that is read is bounded, and is the
// same event when it is written and read again.
func FuzzParse(f *testing.F) {
	for _, b := range bodies(f) {
		e := signed(f, device(f, 1, 2), b)
		f.Add(e.Bytes())
		f.Add(e.Erased().Bytes())
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := event.Parse(raw)
		if err != nil {
			return
		}
		if len(raw) > event.MaxEvent {
			t.Fatalf("an event of %d bytes was read", len(raw))
		}
		// The envelope around the signed bytes may come in another order; it is
		// written in one.
		again, err := event.Parse(e.Bytes())
		if err != nil || again.ID() != e.ID() || !bytes.Equal(again.Bytes(), e.Bytes()) {
			t.Fatalf("an event is not written as it was read: %v", err)
		}
		if b, err := e.Body(); err == nil && b != nil && b.Kind() != e.Header().Kind {
			t.Fatalf("a body of %v in an event of %v", b.Kind(), e.Header().Kind)
		}
		if e.Verify(nil) == nil && e.Author().IsZero() {
			t.Fatal("a verified event of nobody")
		}
	})
}

// FuzzBody: a body that is read is within its bounds, whatever its kind.
func FuzzBody(f *testing.F) {
	for _, b := range bodies(f) {
		e := signed(f, device(f, 1, 2), b)
		raw := e.Bytes()
		// The body is the last field of the event.
		for rest := raw; len(rest) > 0; {
			_, _, n := protowire.ConsumeTag(rest)
			v, m := protowire.ConsumeBytes(rest[max(n, 0):])
			if n < 0 || m < 0 {
				break
			}
			rest = rest[n+m:]
			if len(rest) == 0 {
				f.Add(uint32(b.Kind()), v)
			}
		}
	}
	f.Fuzz(func(t *testing.T, kind uint32, raw []byte) {
		b, err := event.ParseBody(event.Kind(kind), raw)
		if err != nil {
			if !errors.Is(err, event.ErrBody) {
				t.Fatal(err)
			}
			return
		}
		switch b := b.(type) {
		case event.Text:
			if len(b.Text) > event.MaxText || len(b.Mentions) > event.MaxMentions {
				t.Fatal("a text beyond its bounds")
			}
		case event.Edit:
			if len(b.Text) > event.MaxText || b.Target.IsZero() {
				t.Fatal("an edit beyond its bounds")
			}
		case event.Reaction:
			if len(b.Emoji) > event.MaxEmoji || b.Target.IsZero() {
				t.Fatal("a reaction beyond its bounds")
			}
		case event.Setting:
			if b.Name == "" || len(b.Name) > event.MaxSettingName || len(b.Value) > event.MaxSettingValue {
				t.Fatal("a setting beyond its bounds")
			}
		}
	})
}
