package event_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
)

func create() event.Group {
	name, topic, yes, ms := "trip", "to the sea", true, uint64(60_000)
	return event.Group{
		Step: event.GroupCreate, Nonce: bytes.Repeat([]byte{3}, 32),
		Settings: &event.GroupSettings{
			Name: &name, Topic: &topic, HistoryForNew: &yes, Disappear: &ms,
			Picture: append([]byte("\x89PNG\x0D\x0A\x1A\x0A"), make([]byte, 20)...),
		},
		Epoch: &event.GroupEpoch{Number: 1, Commitment: [32]byte{9}},
	}
}

// groupBodies is one of each step and word.
func groupBodies(tb testing.TB) []event.Body {
	tb.Helper()
	who, id := device(tb, 4, 4), event.ID{7}
	after, about := []event.ID{{1}, {2}}, who.Account()
	name := "new"
	link := &event.GroupLink{Key: who.ID(), Expires: 5, Uses: 3}
	epoch := &event.GroupEpoch{Number: 2, Commitment: [32]byte{8}}
	return []event.Body{
		create(),
		event.Group{Step: event.GroupInvite, After: after, Account: about},
		event.Group{Step: event.GroupAccept, After: after, Target: id},
		event.Group{Step: event.GroupAccept, After: after, Target: id, Proof: make([]byte, 64)},
		event.Group{Step: event.GroupDecline, After: after, Target: id},
		event.Group{Step: event.GroupRemove, After: after, Account: about, Epoch: epoch},
		event.Group{Step: event.GroupPromote, After: after, Account: about},
		event.Group{Step: event.GroupDemote, After: after, Account: about},
		event.Group{Step: event.GroupLeave, After: after},
		event.Group{Step: event.GroupSet, After: after, Settings: &event.GroupSettings{Name: &name}},
		event.Group{Step: event.GroupPin, After: after, Target: id},
		event.Group{Step: event.GroupLinkMade, After: after, Link: link},
		event.Group{Step: event.GroupUnlink, After: after, Target: id},
		event.Group{Step: event.GroupTakeover, After: after},
		event.Group{Step: event.GroupConsent, After: after, Target: id},
		event.Group{Step: event.GroupRotate, After: after, Epoch: epoch},
		event.GroupWord{Step: event.WordOffer, Group: event.ConversationID{1}, Name: "trip", Target: id, Members: 3},
		event.GroupWord{Step: event.WordAccept, Group: event.ConversationID{1}, Target: id, Events: [][]byte{{1, 2}}},
		event.GroupWord{Step: event.WordKey, Group: event.ConversationID{1}, Key: &event.EpochKey{Number: 1, Start: 4, Day: 5}},
	}
}

func TestGroupBodiesComeBack(t *testing.T) {
	t.Parallel()
	for _, b := range groupBodies(t) {
		e, err := event.Parse(signed(t, device(t, 1, 2), b).Bytes())
		if err != nil {
			t.Fatal(err)
		}
		got, err := e.Body()
		if err != nil || !reflect.DeepEqual(got, b) {
			t.Errorf("%+v came back as %+v, %v", b, got, err)
		}
	}
}

// What does not fit its step, or is beyond a bound, is not signed and not read.
func TestGroupBodiesAreRefused(t *testing.T) {
	t.Parallel()
	who := device(t, 4, 4).Account()
	after := []event.ID{{1}}
	set := func(s event.GroupSettings) event.Group {
		return event.Group{Step: event.GroupSet, After: after, Settings: &s}
	}
	text := func(s string) *string { return &s }
	long := uint64(event.MaxDisappear + 1)
	noName := create()
	noName.Settings.Name = nil
	late := create()
	late.After = after
	for what, b := range map[string]event.Body{
		"no step":             event.Group{After: after},
		"a later step":        event.Group{Step: 99, After: after},
		"nothing before":      event.Group{Step: event.GroupLeave},
		"a first step later":  late,
		"no name":             noName,
		"twice before":        event.Group{Step: event.GroupLeave, After: []event.ID{{1}, {1}}},
		"too many before":     event.Group{Step: event.GroupLeave, After: make([]event.ID, event.MaxGroupAfter+1)},
		"invite of nobody":    event.Group{Step: event.GroupInvite, After: after},
		"leave about another": event.Group{Step: event.GroupLeave, After: after, Account: who},
		"accept of nothing":   event.Group{Step: event.GroupAccept, After: after},
		"a short proof":       event.Group{Step: event.GroupAccept, After: after, Target: event.ID{1}, Proof: []byte{1}},
		"a proof elsewhere":   event.Group{Step: event.GroupPin, After: after, Target: event.ID{1}, Proof: make([]byte, 64)},
		"a link of no use":    event.Group{Step: event.GroupLinkMade, After: after, Link: &event.GroupLink{Key: who}},
		"a link of no key":    event.Group{Step: event.GroupLinkMade, After: after, Link: &event.GroupLink{Uses: 1}},
		"epoch 0":             event.Group{Step: event.GroupRotate, After: after, Epoch: &event.GroupEpoch{}},
		"no epoch":            event.Group{Step: event.GroupRotate, After: after},
		"an invisible name":   set(event.GroupSettings{Name: text("a\u202eb")}),
		"an empty name":       set(event.GroupSettings{Name: text(" ")}),
		"an endless name":     set(event.GroupSettings{Name: text(strings.Repeat("a", event.MaxGroupName+1))}),
		"an endless topic":    set(event.GroupSettings{Topic: text(strings.Repeat("a", event.MaxGroupTopic+1))}),
		"no picture":          set(event.GroupSettings{Picture: []byte("<svg onload=alert(1)>")}),
		"a large picture":     set(event.GroupSettings{Picture: make([]byte, event.MaxGroupPicture+1)}),
		"a late end":          set(event.GroupSettings{Disappear: &long}),
		"a word of no group":  event.GroupWord{Step: event.WordKey},
		"an offer of nothing": event.GroupWord{Step: event.WordOffer, Group: event.ConversationID{1}, Name: "x"},
		"a key with an offer": event.GroupWord{
			Step: event.WordAccept, Group: event.ConversationID{1}, Key: &event.EpochKey{Number: 1},
		},
		"a key before its epoch": event.GroupWord{
			Step: event.WordKey, Group: event.ConversationID{1}, Key: &event.EpochKey{Number: 1, Start: 2, Day: 1},
		},
		"too many events": event.GroupWord{
			Step: event.WordKey, Group: event.ConversationID{1}, Events: make([][]byte, event.MaxGroupEvents+1),
		},
	} {
		if _, err := event.Sign(device(t, 1, 2), header(), b); !errors.Is(err, event.ErrBody) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Nobody but the one who made a group can have made it: its ID covers the
// account and what the first step says.
func TestGroup_OwnerForgery(t *testing.T) {
	t.Parallel()
	ann, eve := device(t, 1, 2), device(t, 9, 9)
	group, err := event.Private(ann.Account(), create())
	if err != nil {
		t.Fatal(err)
	}
	h := header()
	h.Conversation = group
	made := func(d *identity.Device, b event.Group) bool {
		e, err := event.Sign(d, h, b)
		if err != nil {
			t.Fatal(err)
		}
		got := e.Header()
		return got.Creates()
	}
	other := create()
	other.Nonce[0]++
	if !made(ann, create()) || made(eve, create()) || made(ann, other) {
		t.Error("a group has another owner or another beginning")
	}
	if _, err := event.Private(ann.Account(), event.Group{}); !errors.Is(err, event.ErrBody) {
		t.Errorf("a group of nothing: %v", err)
	}
}

func FuzzGroupBody(f *testing.F) {
	for _, b := range groupBodies(f) {
		m := wire(f, signed(f, device(f, 1, 2), b))
		f.Add(uint32(b.Kind()), m.GetBody())
	}
	f.Fuzz(func(t *testing.T, kind uint32, raw []byte) {
		b, err := event.ParseBody(event.Kind(kind), raw)
		if g, ok := b.(event.Group); ok && err == nil {
			if len(g.After) > event.MaxGroupAfter || (g.Step == event.GroupCreate) != (len(g.After) == 0) {
				t.Fatal("a step beyond its bounds")
			}
			if _, err := event.Sign(device(t, 1, 2), header(), g); err != nil {
				t.Fatalf("what was read is not written: %v", err)
			}
		}
	})
}
