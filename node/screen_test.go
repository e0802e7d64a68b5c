package node_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kith-chat/kith/node"
)

// TestScreen: what is ignored is hidden in groups, is kept, survives a restart
// and comes back.
func TestScreen(t *testing.T) {
	t.Parallel()
	ann, bob := newPerson(t, "Ann"), newPerson(t, "Bob")
	for _, p := range []*person{ann, bob} {
		if _, err := p.Join(t.Context(), "lobby", false); err != nil {
			t.Fatal(err)
		}
	}
	s, err := bob.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bob.Send(t.Context(), "#lobby", "hello from Bob", "", 0); err != nil {
		t.Fatal(err)
	}
	if _, err := ann.Connect(t.Context(), s.Addresses[0]); err != nil {
		t.Fatal(err)
	}
	news := ann.until(1, "the message", func(n node.News) bool { return n.Message != nil && n.Message.Text == "hello from Bob" })
	shown := func(want bool, when string) {
		t.Helper()
		page, _, err := ann.History(t.Context(), "#lobby", node.Page{})
		if err != nil || len(page) == 1 != want {
			t.Fatalf("%s: %d messages, %v", when, len(page), err)
		}
	}
	shown(true, "at first")
	id := news.Message.From.Account
	if err := ann.Ignore(t.Context(), id.String(), false); err != nil {
		t.Fatal(err)
	}
	shown(false, "ignored")
	if err := ann.Close(); err != nil {
		t.Fatal(err)
	}
	ann.open()
	shown(false, "ignored, after a restart")
	if people, _, err := ann.Ignored(t.Context()); err != nil || len(people) != 1 || people[0].Account != id {
		t.Fatalf("ignored: %v, %v", people, err)
	}
	if err := ann.Ignore(t.Context(), id.String(), true); err != nil {
		t.Fatal(err)
	}
	shown(true, "no more ignored")
	words, err := ann.SetHiddenWords(t.Context(), []string{" Hello ", "hello", ""})
	if err != nil || !slices.Equal(words, []string{"Hello"}) {
		t.Fatalf("hidden words: %q, %v", words, err)
	}
	shown(false, "with a hidden word")
	if _, err := ann.SetHiddenWords(t.Context(), []string{strings.Repeat("x", 200)}); !errors.Is(err, node.ErrTooLarge) {
		t.Fatalf("a long word: %v", err)
	}
	if err := ann.Ignore(t.Context(), "nobody-of-this-name", false); !errors.Is(err, node.ErrNotFound) {
		t.Fatalf("ignoring nobody: %v", err)
	}
}

// TestMute: a mute ends by its time, and mentions can be left out of it.
func TestMute(t *testing.T) {
	t.Parallel()
	ann := newPerson(t, "Ann")
	if _, err := ann.Join(t.Context(), "lobby", false); err != nil {
		t.Fatal(err)
	}
	set := func(change node.ChatChange) node.Chat {
		t.Helper()
		c, err := ann.SetChat(t.Context(), "#lobby", change)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	on, off := true, false
	until := time.Now().Add(time.Hour)
	c := set(node.ChatChange{Muted: &on, MutedUntil: &until, MentionsOnly: &on})
	if !c.Muted || !c.MentionsOnly || c.MutedUntil.UnixMilli() != until.UnixMilli() {
		t.Fatalf("muted for an hour: %+v", c)
	}
	past := time.Now().Add(-time.Second)
	if _, err := ann.SetChat(t.Context(), "#lobby", node.ChatChange{MutedUntil: &past}); !errors.Is(err, node.ErrInvalid) {
		t.Fatalf("muted until the past: %v", err)
	}
	if err := ann.Close(); err != nil {
		t.Fatal(err)
	}
	ann.open()
	if c, err := ann.ChatInfo(t.Context(), "#lobby"); err != nil || !c.Muted || !c.MentionsOnly || c.MutedUntil.IsZero() {
		t.Fatalf("after a restart: %+v, %v", c, err)
	}
	if c := set(node.ChatChange{Muted: &off}); c.Muted || c.MentionsOnly || !c.MutedUntil.IsZero() {
		t.Fatalf("not muted: %+v", c)
	}
	soon := time.Now().Add(20 * time.Millisecond)
	set(node.ChatChange{MutedUntil: &soon})
	<-time.After(time.Until(soon) + time.Millisecond)
	if c, err := ann.ChatInfo(t.Context(), "#lobby"); err != nil || c.Muted {
		t.Fatalf("after its time: %+v, %v", c, err)
	}
}

// TestPreferences: they lie over the defaults of the config file and are told.
func TestPreferences(t *testing.T) {
	t.Parallel()
	ann := newPersonWith(t, "Ann", func(c *node.Config) { c.Preferences = map[string]string{"theme": "dark"} })
	set := func(value, want string) {
		t.Helper()
		if err := ann.SetPreference(t.Context(), "theme", value); err != nil {
			t.Fatal(err)
		}
		if all, err := ann.Preferences(t.Context()); err != nil || all["theme"] != want {
			t.Fatalf("%v, %v", all, err)
		}
	}
	set("light", "light")
	set("", "dark")
	for _, name := range []string{"", "A", "a b", "a/b", strings.Repeat("a", 65)} {
		if err := ann.SetPreference(t.Context(), name, "x"); !errors.Is(err, node.ErrInvalid) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if err := ann.SetPreference(t.Context(), "a", strings.Repeat("x", node.MaxPreference+1)); !errors.Is(err, node.ErrTooLarge) {
		t.Errorf("a long value: %v", err)
	}
}

// TestTyping: a friend sees that one is typing, unless it is switched off.
func TestTyping(t *testing.T) {
	t.Parallel()
	ann, bob := newPersonWith(t, "Ann", func(c *node.Config) { c.Typing = true }), newPerson(t, "Bob")
	befriend(t, ann, bob)
	sees := make(chan node.News, 16)
	go func() {
		_ = bob.Watch(t.Context(), 0, true, func(n node.News) error {
			if n.Typing != nil {
				sees <- n
			}
			return nil
		})
	}()
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	deadline := time.After(20 * time.Second)
	for stopped := false; ; stopped = !stopped {
		if err := ann.SignalTyping(t.Context(), "@Bob", stopped); err != nil {
			t.Fatal(err)
		}
		select {
		case n := <-sees:
			if n.Typing.Person.Name != "Ann" || !strings.HasPrefix(n.Typing.Chat, "@kith1") {
				t.Fatalf("%+v", n.Typing)
			}
			if err := bob.SignalTyping(t.Context(), "@Ann", false); err != nil { // off: says nothing
				t.Fatal(err)
			}
			return
		case <-again.C:
		case <-deadline:
			t.Fatal("nobody sees it")
		}
	}
}

// TestQuote: an answer carries what it answers.
func TestQuote(t *testing.T) {
	t.Parallel()
	ann := newPerson(t, "Ann")
	if _, err := ann.Join(t.Context(), "lobby", false); err != nil {
		t.Fatal(err)
	}
	m, err := ann.Send(t.Context(), "#lobby", "a question\nof two lines", "", 0)
	if err != nil {
		t.Fatal(err)
	}
	r, err := ann.Send(t.Context(), "#lobby", "an answer", m.ID.String(), 0)
	if err != nil || r.Quote == nil || r.Quote.Text != "a question of two lines" || r.Quote.From.Name != "Ann" {
		t.Fatalf("%+v, %v", r.Quote, err)
	}
	if _, err := ann.Retract(t.Context(), m.ID.String()); err != nil {
		t.Fatal(err)
	}
	if r, err = ann.Message(t.Context(), r.ID.String()); err != nil || r.Quote != nil && r.Quote.Text != "" {
		t.Fatalf("what was taken back is quoted: %+v, %v", r.Quote, err)
	}
}
