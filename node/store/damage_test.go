package store_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/store"
)

// TestPoisonMessage: whatever record is damaged, the store opens, says so where
// the record is asked for, and serves the rest.
func TestPoisonMessage(t *testing.T) {
	t.Parallel()
	cut := func(v []byte) []byte { return v[:len(v)/2] }
	rubbish := func(v []byte) []byte { return slices.Repeat([]byte{0xff}, len(v)) }
	for _, kind := range []byte("ethdocrbukwm") {
		for name, fn := range map[string]func([]byte) []byte{"cut": cut, "rubbish": rubbish} {
			t.Run(fmt.Sprintf("%c %s", kind, name), func(t *testing.T) {
				t.Parallel()
				poison(t, kind, fn)
			})
		}
	}
}

func poison(t *testing.T, kind byte, fn func([]byte) []byte) {
	w := newWorld(t)
	bob := &speaker{t: t, dev: w.bob, chat: w.group.ID}
	w.send("one")
	w.send("two")
	w.take(bob.say(time.Now(), event.Text{Text: "hello"}), bob.say(time.Now(), event.Text{Text: "again"}, event.ID{1}))
	if err := w.s.UpdateContact(t.Context(), w.bob.Account(), func(c *store.Contact) error { c.Name = "Bob"; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := w.s.UpdateTransfer(t.Context(), event.ID{1}, func(x *store.Transfer) error { x.Name = "a file"; return nil }); err != nil {
		t.Fatal(err)
	}
	if kind != 'm' { // the schema and the device are read before anything
		if err := w.s.Damage([]byte{kind}, fn); err != nil {
			t.Fatal(err)
		}
	}
	w.reopen()
	rows, err := w.s.Outbox(t.Context(), w.bob.Account(), 0, 10)
	if err != nil || len(rows) == 0 && kind != 'o' {
		t.Errorf("%d rows of the outbox, %v", len(rows), err)
	}
	shown := 0
	for _, c := range []event.ConversationID{w.direct.ID, w.group.ID} {
		h, _, err := w.s.History(t.Context(), c, store.Page{Limit: 10})
		if err != nil {
			t.Error(err)
		}
		shown += len(h)
		if _, err := w.s.Chains(t.Context(), c); err != nil {
			t.Error(err)
		}
	}
	if shown < 3 {
		t.Errorf("%d of 4 messages are shown", shown)
	}
	if _, err := w.s.Contacts(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := w.s.Transfers(t.Context()); err != nil {
		t.Error(err)
	}
	if all, err := w.s.Chats(t.Context()); err != nil || len(all) == 0 {
		t.Errorf("%d chats, %v", len(all), err)
	}
	_, err = w.s.PutOutgoing(t.Context(), w.outgoing(event.Text{Text: "three"}))
	if err != nil && !(kind == 'h' && errors.Is(err, store.ErrDamaged)) {
		t.Errorf("sending: %v", err)
	}
	next := bob.say(time.Now(), event.Text{Text: "more"})
	if err := next.Verify(nil); err != nil {
		t.Fatal(err)
	}
	if _, err := w.s.PutIncoming(t.Context(), []*event.Event{next}); err != nil && !(kind == 'h' && errors.Is(err, store.ErrDamaged)) {
		t.Errorf("receiving: %v", err)
	}
}

// TestBackupPutBack: a store that is behind what its device has said takes that
// from others and goes on after it.
func TestBackupPutBack(t *testing.T) {
	t.Parallel()
	for _, empty := range []bool{false, true} {
		w, other := newWorld(t), newWorld(t)
		other.ann, other.bob, other.direct = w.ann, w.bob, w.direct
		if err := other.s.PutChat(t.Context(), w.direct); err != nil {
			t.Fatal(err)
		}
		if err := other.s.Close(); err != nil {
			t.Fatal(err)
		}
		other.opts.Self = w.ann.Account()
		other.open()
		var said []*event.Event
		for i := range 5 {
			said = append(said, w.send(fmt.Sprint(i)).Event)
		}
		if !empty { // the backup has the first two
			if _, err := other.s.PutOutgoing(t.Context(), store.Outgoing{Chat: w.direct.ID, Sign: func(store.Slot) (*event.Event, error) { return said[0], nil }}); err != nil {
				t.Fatal(err)
			}
			other.take(said[1])
		}
		other.take(said...)
		next := other.send("after it")
		if h := next.Event.Header(); h.Sequence != 6 || h.Previous != said[4].ID() {
			t.Errorf("empty %v: the next event has number %d", empty, h.Sequence)
		}
		chains, err := other.s.Chains(t.Context(), w.direct.ID)
		if err != nil || len(chains) != 1 || chains[0].Forks != 0 || chains[0].Missing != 0 {
			t.Errorf("chains %+v, %v", chains, err)
		}
		// Said here while the backup had said something else with that number.
		fork := w.send("something else with that number").Event
		if o := other.take(fork)[0]; !o.Forked {
			t.Error("the fork is not seen")
		}
		if chains, _ = other.s.Chains(t.Context(), w.direct.ID); chains[0].Forks != 1 || chains[0].Forked != fork.ID() {
			t.Errorf("the fork is not told: %+v", chains)
		}
	}
}

// TestNoGoroutineStays: neither an open store nor one that failed to open
// leaves anything running.
func TestNoGoroutineStays(t *testing.T) { //nolint:paralleltest // it looks at all goroutines
	before := goleak.IgnoreCurrent()
	w := newWorld(t)
	w.send("something to index")
	if _, err := store.Open(t.Context(), w.opts); !errors.Is(err, store.ErrInUse) {
		t.Fatalf("opened twice: %v", err)
	}
	if err := w.s.Close(); err != nil {
		t.Fatal(err)
	}
	goleak.VerifyNone(t, before)
	wrong := w.opts
	wrong.Key[0] ^= 1
	if _, err := store.Open(t.Context(), wrong); err == nil {
		t.Fatal("opened with another key")
	}
	before = goleak.IgnoreCurrent() // Badger itself leaves two goroutines when the key is another
	w.open()
	if err := w.s.Damage([]byte("mschema"), func([]byte) []byte { return []byte("later!!!") }); err != nil {
		t.Fatal(err)
	}
	if err := w.s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(t.Context(), w.opts); !errors.Is(err, store.ErrNewerSchema) {
		t.Fatalf("a newer schema: %v", err)
	}
	goleak.VerifyNone(t, before)
}

// TestOrderIsThatOfTheSet: whatever order events arrive in, each chat ends in
// the same order, with the same counts.
func TestOrderIsThatOfTheSet(t *testing.T) {
	t.Parallel()
	ann, bob, eve := person(t), person(t), person(t)
	now := time.Now()
	runs := 0
	rapid.Check(t, func(r *rapid.T) {
		if runs++; runs > 25 {
			return
		}
		chat := event.Public("lobby")
		authors := []*speaker{{t: t, dev: bob, chat: chat}, {t: t, dev: eve, chat: chat}}
		var all []*event.Event
		for range rapid.IntRange(2, 20).Draw(r, "events") {
			var parents []event.ID
			if n := len(all); n > 0 {
				for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, n-1), 0, min(n, 3), rapid.ID[int]).Draw(r, "parents") {
					parents = append(parents, all[i].ID())
				}
			}
			at := now.Add(-time.Duration(rapid.IntRange(0, 600).Draw(r, "ago")) * time.Minute)
			body := event.Body(event.Text{Text: "x"})
			if len(all) > 0 && rapid.IntRange(0, 5).Draw(r, "what") == 0 {
				body = event.Retract{Target: all[rapid.IntRange(0, len(all)-1).Draw(r, "target")].ID()}
			}
			e := rapid.SampledFrom(authors).Draw(r, "author").say(at, body, parents...)
			if err := e.Verify(nil); err != nil {
				r.Fatal(err)
			}
			all = append(all, e)
		}
		var want string
		for i := range 2 {
			w := &world{t: t, ann: ann, bob: bob}
			w.opts = store.Options{Dir: t.TempDir(), Self: ann.Account(), MinFree: 1, Ballast: -1}
			w.open()
			if err := w.s.PutChat(t.Context(), store.Chat{ID: chat, Kind: store.Public, Joined: true}); err != nil {
				r.Fatal(err)
			}
			order := all
			if i > 0 {
				order = rapid.Permutation(all).Draw(r, "order")
			}
			for _, e := range order {
				w.take(e)
			}
			got := picture(r, w.s, chat)
			if err := w.s.Close(); err != nil {
				r.Fatal(err)
			}
			if want == "" {
				want = got
			} else if got != want {
				r.Fatalf("in order:\n%s\nin another:\n%s", want, got)
			}
		}
	})
}

// picture is all of a chat that must not depend on the order of arrival.
func picture(r *rapid.T, s *store.Store, chat event.ConversationID) string {
	h, _, err := s.History(r.Context(), chat, store.Page{Limit: 100})
	if err != nil {
		r.Fatal(err)
	}
	out := ""
	for _, e := range h {
		out += fmt.Sprintln(e.Event.ID().Short(), e.Effective, e.Event.HasBody())
	}
	c, err := s.Chat(r.Context(), chat)
	if err != nil {
		r.Fatal(err)
	}
	if err := s.Check(r.Context(), chat); err != nil {
		r.Fatal(err)
	}
	chains, err := s.Chains(r.Context(), chat)
	if err != nil {
		r.Fatal(err)
	}
	for _, x := range chains {
		if x.Missing != 0 || x.Forks != 0 {
			r.Fatalf("chain %+v", x)
		}
	}
	return out + fmt.Sprintln(c.Events, c.Shown, c.Unread, c.Mentions, c.Last.Short())
}
