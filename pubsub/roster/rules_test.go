package roster

import (
	"crypto/ed25519"
	"testing"
	"time"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
)

func party(t *testing.T) *world {
	w := newWorld(t, "ann", "bob", "cy", "dee", "eve", "fay")
	for _, n := range []string{"bob", "cy", "dee"} {
		w.join("ann", n)
	}
	w.about("ann", event.GroupPromote, "bob")
	w.about("ann", event.GroupPromote, "cy")
	w.is("ann=owner bob=admin cy=admin dee=member eve=none")
	return w
}

// Nobody but owner and admins adds, removes or sets, and a stranger nothing.
func TestGroup_OnlyAdminOps(t *testing.T) {
	t.Parallel()
	w := party(t)
	before := digest(w.now())
	for _, who := range []string{"dee", "eve"} {
		w.about(who, event.GroupInvite, "eve")
		w.about(who, event.GroupInvite, "fay")
		w.about(who, event.GroupRemove, "bob")
		w.about(who, event.GroupPromote, who)
		w.about(who, event.GroupDemote, "bob")
		w.do(who, event.Group{Step: event.GroupSet, Settings: &event.GroupSettings{Name: ptr("mine")}})
		w.do(who, event.Group{Step: event.GroupPin, Target: w.all[0].ID()})
		w.do(who, event.Group{Step: event.GroupRotate, Epoch: &event.GroupEpoch{Number: 2}})
		w.do(who, event.Group{Step: event.GroupTakeover})
		w.sign(who, event.Group{Step: event.GroupCreate, Nonce: make([]byte, 32), Settings: &event.GroupSettings{Name: ptr("x")}, Epoch: &event.GroupEpoch{Number: 1}})
	}
	w.about("cy", event.GroupRemove, "bob") // senior
	w.about("cy", event.GroupRemove, "ann") // owner
	w.about("bob", event.GroupDemote, "cy") // the owner's to do
	w.about("bob", event.GroupPromote, "dee")
	if got := digest(w.now()); got != before {
		t.Errorf("the group has changed:\n%s\n%s", before, got)
	}
	w.about("bob", event.GroupRemove, "cy")
	w.is("cy=none bob=admin")
}

// An invitation is for one account; a link's proof is for one as well.
func TestGroup_InviteKeySwap(t *testing.T) {
	t.Parallel()
	w := party(t)
	invite := w.about("bob", event.GroupInvite, "eve")
	w.do("fay", event.Group{Step: event.GroupAccept, Target: invite.ID()})
	w.is("fay=none eve=invited")
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	link := w.do("bob", event.Group{Step: event.GroupLinkMade, Link: &event.GroupLink{
		Key: [32]byte(key.Public().(ed25519.PublicKey)), Uses: 1, Expires: w.clock.Add(time.Hour).UnixMilli(),
	}})
	proof := func(name string) []byte {
		return identity.DomainGroupLink.Sign(key, event.LinkStatement(w.group, w.id(name)))
	}
	w.do("fay", event.Group{Step: event.GroupAccept, Target: link.ID(), Proof: proof("eve")})
	w.do("fay", event.Group{Step: event.GroupAccept, Target: link.ID()})
	w.is("fay=none")
	w.do("fay", event.Group{Step: event.GroupAccept, Target: link.ID(), Proof: proof("fay")})
	w.do("eve", event.Group{Step: event.GroupAccept, Target: link.ID(), Proof: proof("eve")})
	w.is("fay=member eve=invited") // used up
	// Another group's first step, or another's account, does not pass.
	other := newWorld(t, "eve", "ann")
	s := w.set(w.all...)
	if s.Add(other.all...) {
		t.Error("another group's steps were taken")
	}
}

// A link ends by its date, by being taken back, and for who was removed.
func TestLinkEnds(t *testing.T) {
	t.Parallel()
	w := party(t)
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	link := w.do("ann", event.Group{Step: event.GroupLinkMade, Link: &event.GroupLink{
		Key: [32]byte(key.Public().(ed25519.PublicKey)), Uses: 9, Expires: w.clock.Add(time.Hour).UnixMilli(),
	}})
	enter := func(name string, after ...*event.Event) {
		w.do(name, event.Group{
			Step: event.GroupAccept, Target: link.ID(),
			Proof: identity.DomainGroupLink.Sign(key, event.LinkStatement(w.group, w.id(name))),
		}, after...)
	}
	enter("eve")
	w.is("eve=member")
	w.about("ann", event.GroupRemove, "eve")
	enter("eve")
	w.is("eve=none")
	w.do("bob", event.Group{Step: event.GroupUnlink, Target: link.ID()})
	enter("fay", link) // as if before
	w.is("fay=none")
}

// Whatever somebody says after their removal, as if before, has no effect.
func TestBackdatedOfRemoved(t *testing.T) {
	t.Parallel()
	w := party(t)
	old := w.all[len(w.all)-1]
	w.about("ann", event.GroupRemove, "bob")
	w.clock = w.clock.Add(-24 * time.Hour)
	w.about("bob", event.GroupRemove, "cy", old)
	w.about("bob", event.GroupInvite, "eve", old)
	w.about("bob", event.GroupInvite, "bob", old)
	w.do("bob", event.Group{Step: event.GroupSet, Settings: &event.GroupSettings{Name: ptr("mine")}}, old)
	w.is("bob=none cy=admin eve=none")
	if w.now().Settings.Name != "trip" {
		t.Error("renamed")
	}
	w.about("ann", event.GroupDemote, "cy")
	w.about("cy", event.GroupRemove, "dee", old)
	w.is("cy=member dee=member")
	// An invitation that has not seen the removal does not bring anybody back.
	i := w.about("cy", event.GroupInvite, "bob", old)
	w.do("bob", event.Group{Step: event.GroupAccept, Target: i.ID()}, i)
	w.is("bob=none")
	w.join("ann", "bob")
	w.is("bob=member")
}

// Two who remove each other: the higher rank stays.
func TestMutualRemoval(t *testing.T) {
	t.Parallel()
	w := party(t)
	old := w.all[len(w.all)-1]
	w.about("cy", event.GroupRemove, "dee", old)
	w.about("bob", event.GroupRemove, "cy", old)
	w.about("ann", event.GroupRemove, "bob", old)
	w.is("ann=owner bob=none cy=admin dee=none")
}

func TestSenderKey_RotateOnRemove(t *testing.T) {
	t.Parallel()
	w := party(t)
	old := w.all[len(w.all)-1]
	out := func(by, whom string, commit byte, after ...*event.Event) *event.Event {
		return w.do(by, event.Group{
			Step: event.GroupRemove, Account: w.id(whom),
			Epoch: &event.GroupEpoch{Number: 2, Commitment: [32]byte{commit}},
		}, after...)
	}
	a := out("ann", "dee", 7, old)
	if e := w.now().Epoch; e.Number != 2 || !e.Sound || e.Due || e.Step != a.ID() {
		t.Fatalf("%+v", e)
	}
	b := out("bob", "cy", 8, old) // at the same time: each key went to somebody who is out
	if e := w.now().Epoch; e.Number != 2 || e.Sound || !e.Due {
		t.Fatalf("%+v", e)
	}
	w.do("bob", event.Group{Step: event.GroupRotate, Epoch: &event.GroupEpoch{Number: 9}}, a, b)
	w.do("bob", event.Group{Step: event.GroupRotate, Epoch: &event.GroupEpoch{Number: 3}}, a, b)
	if e := w.now().Epoch; e.Number != 3 || !e.Sound || e.Due {
		t.Fatalf("%+v", e)
	}
	w.join("ann", "dee")
	w.do("dee", event.Group{Step: event.GroupLeave})
	if e := w.now().Epoch; !e.Sound || !e.Due {
		t.Fatalf("%+v", e)
	}
}

func TestTakeover(t *testing.T) {
	t.Parallel()
	w := party(t)
	w.do("cy", event.Group{Step: event.GroupTakeover})
	w.is("cy=admin") // bob is the senior
	claim := w.do("bob", event.Group{Step: event.GroupTakeover})
	if c := w.now().Claims; len(c) != 1 || c[0].Agree != 1 || c[0].Of != 2 {
		t.Fatalf("%+v", c)
	}
	w.do("dee", event.Group{Step: event.GroupConsent, Target: claim.ID()}) // no admin
	w.is("bob=admin")
	w.do("cy", event.Group{Step: event.GroupConsent, Target: claim.ID()})
	w.is("ann=owner bob=owner")
	w.about("bob", event.GroupPromote, "dee")
	w.about("bob", event.GroupRemove, "ann")
	w.is("ann=owner dee=admin")
	w.about("ann", event.GroupDemote, "bob")
	w.is("bob=member dee=admin")
	w.do("ann", event.Group{Step: event.GroupLeave})
	w.do("cy", event.Group{Step: event.GroupTakeover})
	w.is("ann=none cy=owner")
}

// A step waits for what it has seen.
func TestPending(t *testing.T) {
	t.Parallel()
	w := party(t)
	s := w.set(w.all[2:]...)
	if r := s.Roster(); len(r.Members) != 0 || !r.Creator.IsZero() {
		t.Error("there are members without a first step")
	}
	s.Add(w.all[0])
	if r := s.Roster(); len(r.Members) != 1 || r.Pending == 0 {
		t.Errorf("%d members, %d pending", len(r.Members), r.Pending)
	}
	s.Add(w.all[1])
	if digest(s.Roster()) != digest(w.now()) {
		t.Error("the last piece did not complete it")
	}
}
