package pubsub_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/epoch"
	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/pubsub"
)

// enter joins an epoch in which the given accounts may speak.
func enter(t *testing.T, n *node, group event.ConversationID, k epoch.Key, members ...identity.AccountID) *pubsub.Private {
	t.Helper()
	day := func() uint32 { return epoch.DayOf(time.Now()) }
	p, err := n.service.JoinPrivate(t.Context(), pubsub.PrivateOptions{
		Conversation: group, Topic: k.Topic(),
		Seal:  func(b []byte) ([]byte, error) { return k.Seal(day(), b) },
		Open:  func(b []byte) ([]byte, error) { return k.Open(day(), b) },
		Admit: func(e *event.Event) bool { return slices.Contains(members, e.Author()) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func speak(t *testing.T, p *pubsub.Private, n *node, group event.ConversationID, text string) *event.Event {
	t.Helper()
	e := n.makes(t, group, event.TimeOf(time.Now()), event.Text{Text: text})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := p.Publish(ctx, e); err != nil {
		t.Fatalf("publishing %q: %v", text, err)
	}
	return e
}

// Members read one another; who holds the key and is no member is not heard,
// and who has the topic's name without the key neither reads nor is heard.
func TestSenderKey_MemberForgery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		nodes := newSimulation(t).nodes(t, 4)
		ann, bob, out, eve := nodes[0], nodes[1], nodes[2], nodes[3]
		group := event.ConversationID{7}
		key, err := epoch.Start(group, 1, epoch.DayOf(time.Now()))
		if err != nil {
			t.Fatal(err)
		}
		// Eve has the topic's name from her neighbours, and another key.
		fake, err := epoch.Start(group, 1, epoch.DayOf(time.Now()))
		if err != nil {
			t.Fatal(err)
		}
		members := []identity.AccountID{ann.device.Account(), bob.device.Account()}
		inAnn, inBob := enter(t, ann, group, key, members...), enter(t, bob, group, key, members...)
		everybody := append(slices.Clone(members), out.device.Account(), eve.device.Account())
		inOut := enter(t, out, group, key, everybody...)
		inEve, err := eve.service.JoinPrivate(t.Context(), pubsub.PrivateOptions{
			Conversation: group, Topic: key.Topic(),
			Seal:  func(b []byte) ([]byte, error) { return fake.Seal(epoch.DayOf(time.Now()), b) },
			Open:  func(b []byte) ([]byte, error) { return fake.Open(epoch.DayOf(time.Now()), b) },
			Admit: func(*event.Event) bool { return true },
		})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		hello := speak(t, inAnn, ann, group, "hello")
		answer := speak(t, inBob, bob, group, "hello yourself")
		removed := speak(t, inOut, out, group, "I am still here")
		noise := speak(t, inEve, eve, group, "noise")
		time.Sleep(5 * time.Second)
		wantOnce(t, "ann", ann.log, []*event.Event{answer})
		wantOnce(t, "bob", bob.log, []*event.Event{hello})
		for _, n := range nodes[:2] {
			counts := n.log.counts()
			if counts[removed.ID()]+counts[noise.ID()] != 0 {
				t.Error("somebody who is no member was heard")
			}
		}
		if n := len(eve.log.counts()); n != 0 {
			t.Errorf("without the key %d events were read", n)
		}
		// A member cannot speak as another: the event is bound to its device.
		if err := inBob.Publish(t.Context(), hello); err == nil {
			t.Error("another device's event was published")
		}
	})
}

// What is sent in the next epoch does not reach who was left out of it.
func TestPrivate_NextEpoch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		nodes := newSimulation(t).nodes(t, 3)
		ann, bob, out := nodes[0], nodes[1], nodes[2]
		group := event.ConversationID{8}
		first, err := epoch.Start(group, 1, epoch.DayOf(time.Now()))
		if err != nil {
			t.Fatal(err)
		}
		second, err := epoch.Start(group, 2, epoch.DayOf(time.Now()))
		if err != nil {
			t.Fatal(err)
		}
		var all []identity.AccountID
		for _, n := range nodes {
			all = append(all, n.device.Account())
		}
		old := enter(t, ann, group, first, all...)
		enter(t, bob, group, first, all...)
		enter(t, out, group, first, all...)
		next := enter(t, ann, group, second, all[:2]...)
		enter(t, bob, group, second, all[:2]...)
		time.Sleep(3 * time.Second)
		before := speak(t, old, ann, group, "with you")
		after := speak(t, next, ann, group, "without you")
		time.Sleep(5 * time.Second)
		wantOnce(t, "bob", bob.log, []*event.Event{before, after})
		wantOnce(t, "who is out", out.log, []*event.Event{before})
		if out.log.counts()[after.ID()] != 0 {
			t.Error("who is out has read on")
		}
		if err := old.Close(); err != nil {
			t.Error(err)
		}
		if err := old.Close(); err != nil {
			t.Error(err)
		}
		if err := old.Publish(t.Context(), before); err == nil {
			t.Error("published after leaving")
		}
	})
}

func TestJoinPrivateRefuses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newSimulation(t).nodes(t, 1)[0]
		same := func(b []byte) ([]byte, error) { return b, nil }
		good := pubsub.PrivateOptions{
			Conversation: event.ConversationID{1}, Topic: "abc", Seal: same, Open: same,
			Admit: func(*event.Event) bool { return true },
		}
		for what, change := range map[string]func(*pubsub.PrivateOptions){
			"no conversation": func(o *pubsub.PrivateOptions) { o.Conversation = event.ConversationID{} },
			"no seal":         func(o *pubsub.PrivateOptions) { o.Seal = nil },
			"no members":      func(o *pubsub.PrivateOptions) { o.Admit = nil },
			"no topic":        func(o *pubsub.PrivateOptions) { o.Topic = "" },
			"a slash":         func(o *pubsub.PrivateOptions) { o.Topic = "a/b" },
		} {
			o := good
			change(&o)
			if _, err := n.service.JoinPrivate(t.Context(), o); err == nil {
				t.Errorf("%s: joined", what)
			}
		}
		if _, err := n.service.JoinPrivate(t.Context(), good); err != nil {
			t.Fatal(err)
		}
		if _, err := n.service.JoinPrivate(t.Context(), good); err == nil {
			t.Error("joined twice")
		}
	})
}
