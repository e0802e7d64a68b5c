package event_test

import (
	"errors"
	"testing"

	"github.com/kith-chat/kith/identity/event"
)

func TestVerifyLinked(t *testing.T) {
	t.Parallel()
	d := device(t, 1, 2)
	say := func(h event.Header, text string) *event.Event {
		e, err := event.Sign(d, h, event.Text{Text: text})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	fresh := func(e *event.Event) *event.Event {
		got, err := event.Parse(e.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	first := say(header(), "one")
	h := header()
	h.Sequence, h.Previous = 2, first.ID()
	second := say(h, "two")
	got := fresh(first)
	if err := got.VerifyLinked(fresh(second), nil); err == nil {
		t.Error("an event that was not verified vouches for another one")
	}
	if err := got.VerifyLinked(second, nil); err != nil || got.Author() != d.Account() {
		t.Errorf("the event before: %v", err)
	}
	other := say(header(), "another one")
	if err := fresh(other).VerifyLinked(second, nil); !errors.Is(err, event.ErrEvent) {
		t.Errorf("an event that is not named: %v", err)
	}
	h.Sequence = 3
	far := say(h, "three, after one")
	if err := fresh(first).VerifyLinked(far, nil); !errors.Is(err, event.ErrEvent) {
		t.Errorf("a chain with a hole: %v", err)
	}
	h.Sequence, h.Conversation = 2, event.Public("elsewhere")
	if err := fresh(first).VerifyLinked(say(h, "two"), nil); !errors.Is(err, event.ErrEvent) {
		t.Errorf("a chain through two conversations: %v", err)
	}
	e, err := event.Sign(device(t, 3, 4), event.Header{
		Conversation: header().Conversation, Sequence: 2, Previous: first.ID(), Time: header().Time,
	}, event.Text{Text: "mine now"})
	if err != nil {
		t.Fatal(err)
	}
	if err := fresh(first).VerifyLinked(e, nil); !errors.Is(err, event.ErrEvent) {
		t.Errorf("another device takes the event for its own: %v", err)
	}
}
