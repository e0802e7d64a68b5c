package timeline_test

import (
	"crypto/ed25519"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/timeline"
)

// person is an account with one device, made from a seed.
func person(t interface {
	Helper()
	Fatal(...any)
}, seed byte,
) *identity.Device {
	t.Helper()
	account := identity.NewAccountKey([32]byte{seed, 1})
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

func input(t interface {
	Helper()
	Fatal(...any)
}, d *identity.Device, c event.ConversationID, at int64, b event.Body,
) timeline.Input {
	t.Helper()
	when := event.TimeOf(time.UnixMilli(1_700_000_000_000 + at))
	e, err := event.Sign(d, event.Header{Conversation: c, Sequence: 1, Time: when}, b)
	if err != nil {
		t.Fatal(err)
	}
	return timeline.Input{Event: e, Author: d.Account(), Effective: when}
}

func TestFold(t *testing.T) {
	t.Parallel()
	ann, bob := person(t, 1), person(t, 2)
	here, there := event.Public("here"), event.Public("there")
	text := input(t, ann, here, 0, event.Text{Text: "one", Mentions: []identity.AccountID{bob.Account()}})
	file := input(t, ann, here, 0, event.File{Name: "a.png", Size: 3, Caption: "old", Preview: &event.Preview{MediaType: "image/png", Data: []byte{1}}})
	of := func(target timeline.Input) event.ID { return target.Event.ID() }
	edit := func(d *identity.Device, c event.ConversationID, at int64, s string) timeline.Input {
		return input(t, d, c, at, event.Edit{Target: of(text), Text: s})
	}
	for _, c := range []struct {
		name    string
		target  timeline.Input
		related []timeline.Input
		want    string
		check   func(timeline.Message) bool
	}{
		{"plain", text, nil, "one", func(m timeline.Message) bool { return m.MentionsMe && !m.Edited }},
		{"edited", text, []timeline.Input{edit(ann, here, 1, "two")}, "two", func(m timeline.Message) bool { return m.Edited && !m.MentionsMe }},
		{"last edit wins", text, []timeline.Input{edit(ann, here, 5, "late"), edit(ann, here, 1, "two")}, "late", nil},
		{"edit of another account", text, []timeline.Input{edit(bob, here, 1, "forged")}, "one", func(m timeline.Message) bool { return !m.Edited }},
		{"edit from another conversation", text, []timeline.Input{edit(ann, there, 1, "two")}, "one", nil},
		{"edit of another message", file, []timeline.Input{edit(ann, here, 1, "two")}, "old", nil},
		{
			"retracted before a later edit", text,
			[]timeline.Input{edit(ann, here, 9, "two"), input(t, ann, here, 2, event.Retract{Target: of(text)}), input(t, bob, here, 3, event.Reaction{Target: of(text), Emoji: "👍"})},
			"", func(m timeline.Message) bool {
				return m.Retracted && !m.Edited && m.Mentions == nil && m.Reactions == nil
			},
		},
		{"retracted by another", text, []timeline.Input{input(t, bob, here, 2, event.Retract{Target: of(text)})}, "one", func(m timeline.Message) bool { return !m.Retracted }},
		{"retracted elsewhere", text, []timeline.Input{input(t, ann, there, 2, event.Retract{Target: of(text)})}, "one", func(m timeline.Message) bool { return !m.Retracted }},
		{"file retracted", file, []timeline.Input{input(t, ann, here, 2, event.Retract{Target: of(file)})}, "", func(m timeline.Message) bool { return m.File == nil && m.Retracted }},
		{"caption edited", file, []timeline.Input{input(t, ann, here, 2, event.Edit{Target: of(file), Text: "new"})}, "new", func(m timeline.Message) bool { return m.File.Caption == "new" && m.File.Preview != nil }},
		{
			"author unknown", text,
			[]timeline.Input{{Event: edit(ann, here, 1, "two").Event, Effective: text.Effective + 1}},
			"one", nil,
		},
		{"erased", timeline.Input{Event: text.Event.Erased(), Author: text.Author, Effective: text.Effective}, []timeline.Input{edit(ann, here, 1, "two")}, "", func(m timeline.Message) bool { return m.Erased && !m.Retracted && !m.Edited }},
	} {
		m, ok := timeline.Fold(c.target, c.related, bob.Account())
		if !ok || m.Text != c.want || c.check != nil && !c.check(m) {
			t.Errorf("%s: got %v %+v", c.name, ok, m)
		}
	}
}

func TestFoldGivesNoMessage(t *testing.T) {
	t.Parallel()
	ann, c := person(t, 1), event.Public("here")
	text := input(t, ann, c, 0, event.Text{Text: "x"})
	id := text.Event.ID()
	for _, b := range []event.Body{
		event.Edit{Target: id, Text: "y"},
		event.Retract{Target: id},
		event.Reaction{Target: id, Emoji: "👍"},
		event.Receipt{ReadUpTo: id},
		event.Profile{Name: "ann"},
		event.Contact{Step: event.ContactRequest},
	} {
		if m, ok := timeline.Fold(input(t, ann, c, 1, b), nil, ann.Account()); ok {
			t.Errorf("%s gave %+v", b.Kind(), m)
		}
	}
	if _, ok := timeline.Fold(timeline.Input{}, nil, ann.Account()); ok {
		t.Error("nothing gave a message")
	}
	if _, ok := timeline.Fold(timeline.Input{Event: text.Event}, nil, ann.Account()); ok {
		t.Error("an event of nobody gave a message")
	}
	if timeline.Shown(event.Kind(40)) || timeline.Unread(event.KindText, ann.Account(), ann.Account()) {
		t.Error("an unknown kind or an own message asks for attention")
	}
	raw := input(t, ann, event.Raw("chat"), 0, event.Foreign{Peer: []byte{1}, Topic: "chat", Data: []byte("hi\xff")})
	m, ok := timeline.Fold(raw, nil, ann.Account())
	if !ok || m.Text != "hi\ufffd" || m.Foreign == nil || !timeline.Unread(m.Kind, m.Author, ann.Account()) {
		t.Errorf("foreign gave %+v", m)
	}
}

func TestReactions(t *testing.T) {
	t.Parallel()
	ann, bob, cy := person(t, 1), person(t, 2), person(t, 3)
	c := event.Public("here")
	text := input(t, ann, c, 0, event.Text{Text: "x"})
	react := func(d *identity.Device, at int64, emoji string, removed bool) timeline.Input {
		return input(t, d, c, at, event.Reaction{Target: text.Event.ID(), Emoji: emoji, Removed: removed})
	}
	m, _ := timeline.Fold(text, []timeline.Input{
		react(cy, 4, "👍", false), react(bob, 3, "👍", false), react(bob, 2, "🎉", false), react(bob, 5, "🎉", true),
		react(ann, 6, "🎉", false), react(ann, 1, "🎉", true), react(ann, 7, "a\x1b[31m", false), react(ann, 7, "too long!", false),
	}, ann.Account())
	want := []timeline.Reaction{
		{Emoji: "👍", Accounts: []identity.AccountID{bob.Account(), cy.Account()}},
		{Emoji: "🎉", Accounts: []identity.AccountID{ann.Account()}},
	}
	if !reflect.DeepEqual(m.Reactions, want) {
		t.Errorf("got %+v", m.Reactions)
	}
	var flood []timeline.Input
	for i := range 200 {
		flood = append(flood, react(bob, int64(10+i), string(rune(0x1f300+i)), false))
	}
	flood = append(flood, react(cy, 500, "👍", false))
	m, _ = timeline.Fold(text, flood, ann.Account())
	if len(m.Reactions) != timeline.MaxReactionsEach+1 {
		t.Errorf("one account's flood shows %d reactions", len(m.Reactions))
	}
}

func TestValidEmoji(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{
		"👍": true, "👍🏽": true, "❤️": true, "🏴󠁧󠁢󠁥󠁮󠁧󠁿": true, "👨‍👩‍👧": true, ":-)": true, "+1": true, "♥": true,
		"": false, " ": false, "a b": false, "\x1b[0m": false, "\u202e👍": false, "\u200b": false, "\u200d": false, "👍👍👍👍👍": false,
		"\xff": false, strings.Repeat("e", 5): false, "e" + strings.Repeat("\u0301", 40): false,
	} {
		if got := timeline.ValidEmoji(s); got != want {
			t.Errorf("%q: %v", s, got)
		}
	}
}

// TestFoldIgnoresArrivalOrder folds random sets in random orders, with
// duplicates: every device must show the same.
func TestFoldIgnoresArrivalOrder(t *testing.T) {
	t.Parallel()
	people := []*identity.Device{person(t, 1), person(t, 2), person(t, 3)}
	here := event.Public("here")
	target := input(t, people[0], here, 0, event.Text{Text: "question"})
	pool := related(t, people, target, here)
	rapid.Check(t, func(rt *rapid.T) {
		set := rapid.SliceOfN(rapid.SampledFrom(pool), 0, 40).Draw(rt, "set")
		m1, ok1 := timeline.Fold(target, set, people[1].Account())
		again := rapid.Permutation(append(set, set[:len(set)/2]...)).Draw(rt, "again")
		m2, ok2 := timeline.Fold(target, again, people[1].Account())
		if ok1 != ok2 || !reflect.DeepEqual(m1, m2) {
			rt.Fatalf("the order of arrival shows:\n%+v\n%+v", m1, m2)
		}
	})
}

// related makes every kind of referring event, from everybody, here and
// elsewhere, many at the same time so that the ID decides.
func related(t testing.TB, people []*identity.Device, target timeline.Input, here event.ConversationID) []timeline.Input {
	id := target.Event.ID()
	var pool []timeline.Input
	for at := range int64(4) {
		for i, d := range people {
			for _, c := range []event.ConversationID{here, event.Public("there")} {
				pool = append(pool,
					input(t, d, c, at, event.Edit{Target: id, Text: string(rune('a' + i))}),
					input(t, d, c, at, event.Edit{Target: id, Text: "B", Mentions: []identity.AccountID{people[1].Account()}}),
					input(t, d, c, at, event.Reaction{Target: id, Emoji: "👍", Removed: at%2 == 1}),
					input(t, d, c, at, event.Reaction{Target: id, Emoji: "🎉", Removed: at == 2}))
			}
		}
	}
	return append(pool, input(t, people[1], here, 9, event.Retract{Target: id}), input(t, people[0], here, 1, event.Retract{Target: id}))
}

func FuzzFold(f *testing.F) {
	ann, bob := person(f, 1), person(f, 2)
	c := event.Public("here")
	target := input(f, ann, c, 0, event.Text{Text: "x"})
	for _, in := range related(f, []*identity.Device{ann, bob}, target, c) {
		f.Add(target.Event.Bytes(), in.Event.Bytes())
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		first, err := event.Parse(a)
		if err != nil {
			return
		}
		second, err := event.Parse(b)
		if err != nil {
			return
		}
		in := timeline.Input{Event: second, Author: bob.Account()}
		m, ok := timeline.Fold(timeline.Input{Event: first, Author: ann.Account()}, []timeline.Input{in}, ann.Account())
		if ok && (m.Edited || m.Retracted) {
			t.Fatalf("another account changed the message: %+v", m)
		}
	})
}

func FuzzValidEmoji(f *testing.F) {
	for _, s := range []string{"👍", "a", "\x1b[0m", "\u202e", strings.Repeat("🎉", 9)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if timeline.ValidEmoji(s) && (len(s) > event.MaxEmoji || strings.ContainsAny(s, "\x1b\n\r \u202e\u200b")) {
			t.Fatalf("%q passed", s)
		}
	})
}
