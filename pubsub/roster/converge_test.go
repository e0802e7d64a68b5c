package roster

import (
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/kith-chat/kith/identity/event"
)

// Several people act at once on what each has seen, some of them in bad faith;
// whoever has the same steps in the end has the same members, in any order.
func TestGroup_Convergence(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		names := []string{"ann", "bob", "cy", "dee", "eve"}
		w := newWorld(rt, names...)
		w.join("ann", "bob")
		w.about("ann", event.GroupPromote, "bob")
		w.join("bob", "cy")
		w.join("ann", "dee")
		w.about("ann", event.GroupPromote, "dee")
		views := map[string]*Set{}
		for _, n := range names {
			views[n] = w.set(w.all...)
		}
		for range rapid.IntRange(5, 40).Draw(rt, "steps") {
			randomStep(rt, w, views, names)
		}
		want := digest(w.now())
		for i := range 8 {
			rng := rand.New(rand.NewPCG(uint64(i), rapid.Uint64().Draw(rt, "seed")))
			s := New(w.group)
			for _, j := range rng.Perm(len(w.all)) {
				s.Add(w.all[j])
				if rng.IntN(4) == 0 {
					s.Roster() // in between
				}
			}
			if got := digest(s.Roster()); got != want {
				rt.Fatalf("in another order:\n%s\n%s", got, want)
			}
		}
		for _, n := range names {
			views[n].Add(w.all...)
			if got := digest(views[n].Roster()); got != want {
				rt.Fatalf("%s sees another group:\n%s\n%s", n, got, want)
			}
		}
		if r := w.now(); r.Role(w.id("ann")) != Owner && !left(w, r) {
			rt.Fatalf("the owner was put out by somebody else")
		}
	})
}

// left reports whether Ann may be out: by her own leaving, also where she came
// back after it as a plain member, whom others may remove.
func left(w *world, r *Roster) bool {
	for _, e := range w.all {
		if b, err := e.Body(); err == nil && e.Author() == w.id("ann") {
			if g, ok := b.(event.Group); ok && g.Step == event.GroupLeave {
				return true
			}
		}
	}
	e, ok := r.Exit(w.id("ann"))
	return r.Role(w.id("ann")) != None || ok && e.By == w.id("ann")
}

func randomStep(rt *rapid.T, w *world, views map[string]*Set, names []string) {
	who := rapid.SampledFrom(names).Draw(rt, "who")
	view := views[who]
	if rapid.IntRange(0, 2).Draw(rt, "meet") == 0 { // learn some of what there is
		for _, e := range w.all {
			if rapid.Bool().Draw(rt, "take") {
				view.Add(e)
			}
		}
	}
	b := event.Group{Step: rapid.SampledFrom([]event.GroupStep{
		event.GroupInvite, event.GroupRemove, event.GroupPromote, event.GroupDemote, event.GroupAccept,
		event.GroupLeave, event.GroupTakeover, event.GroupRotate, event.GroupConsent,
	}).Draw(rt, "step"), After: view.Roster().Heads}
	if rapid.IntRange(0, 3).Draw(rt, "faith") == 0 { // leave out what was seen
		b.After = []event.ID{w.all[rapid.IntRange(0, len(w.all)-1).Draw(rt, "old")].ID()}
	}
	switch b.Step {
	case event.GroupInvite, event.GroupRemove, event.GroupPromote, event.GroupDemote:
		b.Account = w.id(rapid.SampledFrom(names).Draw(rt, "whom"))
	case event.GroupAccept:
		i, ok := view.Roster().Invitation(w.id(who))
		if !ok {
			return
		}
		b.Target = i.Step
	case event.GroupConsent:
		claims := view.Roster().Claims
		if len(claims) == 0 {
			return
		}
		b.Target = claims[0].Step
	case event.GroupRotate:
		b.Epoch = &event.GroupEpoch{Number: view.Roster().Epoch.Number + 1, Commitment: [32]byte{byte(len(w.all))}}
	}
	view.Add(w.sign(who, b))
}
