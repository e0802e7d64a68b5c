package roster

import (
	"cmp"
	"slices"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
)

// settle finds which steps are overruled by an exclusion that they have not
// seen. The exclusions are taken one by one, by the rank of their authors, and
// after each that changes something the steps are applied anew. One that turns
// out to have no effect itself is struck out, and all begins again without it;
// what is struck out stays so, so that this ends.
func (s *Set) settle(g *graph) *state {
	struck := make([]bool, len(g.steps))
	for {
		t, bad := s.attempt(g, struck)
		if bad < 0 {
			return t
		}
		struck[bad] = true
	}
}

// attempt returns the state, and the place of a locked step that lost its
// effect, or -1.
func (s *Set) attempt(g *graph, struck []bool) (t *state, bad int) {
	overruled := make([]bool, len(g.steps))
	locked := make([]bool, len(g.steps))
	t = s.run(g, overruled)
	for {
		changed := false
		for _, r := range t.exclusions() {
			if locked[r] || struck[r] {
				continue
			}
			locked[r] = true
			for j := range g.steps {
				if !locked[j] && !overruled[j] && g.concurrent(r, j) && undoes(&g.steps[r], &g.steps[j]) {
					overruled[j] = true
					changed = changed || t.effective[j] || g.steps[j].body.Step == event.GroupConsent
				}
			}
			if changed {
				break
			}
		}
		if !changed {
			break
		}
		t = s.run(g, overruled)
	}
	for i, l := range locked {
		if l && !t.effective[i] {
			return t, i
		}
	}
	return t, -1
}

// exclusions returns the effective steps that undo others, the highest rank of
// their authors first.
func (t *state) exclusions() []int {
	var out []int
	for i := range t.g.steps {
		switch t.g.steps[i].body.Step {
		case event.GroupRemove, event.GroupDemote, event.GroupLeave, event.GroupUnlink:
			if t.effective[i] {
				out = append(out, i)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b int) int {
		if c := byRank(&t.rank[a], &t.rank[b]); c != 0 {
			return c
		}
		return cmp.Compare(a, b)
	})
	return out
}

// undoes reports whether an exclusion undoes a step that it has not seen and
// that has not seen it.
func undoes(r, j *step) bool {
	about := j.body.Account == r.body.Account && (j.body.Step == event.GroupInvite || j.body.Step == event.GroupPromote)
	switch r.body.Step {
	case event.GroupRemove:
		return j.author == r.body.Account || about
	case event.GroupDemote:
		return j.author == r.body.Account && privileged(j.body.Step) || about && j.body.Step == event.GroupPromote
	case event.GroupLeave:
		return j.author == r.author && j.body.Step != event.GroupLeave && j.body.Step != event.GroupAccept
	case event.GroupUnlink:
		return j.body.Step == event.GroupAccept && j.body.Target == r.body.Target
	}
	return false
}

// privileged reports whether a step takes more than being a member.
func privileged(s event.GroupStep) bool {
	switch s {
	case event.GroupAccept, event.GroupDecline, event.GroupLeave, event.GroupConsent:
		return false
	}
	return true
}

// fold makes the roster of the set.
func (s *Set) fold() *Roster {
	r := &Roster{
		Group: s.group, roles: make(map[identity.AccountID]Role), ever: make(map[identity.AccountID]bool),
		stand: make(map[event.ID]bool),
	}
	g := s.build()
	r.Pending = g.waits
	if len(g.steps) == 0 {
		return r
	}
	t := s.settle(g)
	r.Creator, r.Created = g.steps[0].author, g.steps[0].time
	r.Settings, r.Claims, r.Heads, r.Epoch = t.settings, t.claims, g.heads, t.epoch()
	r.Pins = slices.Clone(t.pins)
	slices.Reverse(r.Pins)
	for i, ok := range t.effective {
		if ok {
			r.stand[g.steps[i].id] = true
		}
	}
	for _, id := range t.linked {
		r.Links = append(r.Links, *t.links[id])
	}
	t.list(r)
	return r
}

// list fills in who is what.
func (t *state) list(r *Roster) {
	all := make([]*standing, 0, len(t.people))
	for _, p := range t.people {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *standing) int {
		if c := byRank(a, b); c != 0 {
			return c
		}
		return slices.Compare(a.account[:], b.account[:])
	})
	for _, p := range all {
		r.ever[p.account] = p.everMember
		switch {
		case p.role >= Plain:
			st := &t.g.steps[p.member]
			r.roles[p.account] = p.role
			r.Members = append(r.Members, Member{Account: p.account, Role: p.role, Since: st.time, Step: st.id})
		case p.invite >= 0:
			st := &t.g.steps[p.invite]
			r.roles[p.account] = Invited
			r.Invited = append(r.Invited, Invitation{Account: p.account, By: st.author, Since: st.time, Step: st.id})
		}
		if p.gone >= 0 && p.role < Plain {
			st := &t.g.steps[p.gone]
			r.Gone = append(r.Gone, Exit{Account: p.account, By: p.goneBy, Since: st.time, Step: st.id})
		}
	}
}
