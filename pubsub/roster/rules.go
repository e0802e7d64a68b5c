package roster

import (
	"slices"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
)

// standing is what somebody is, and by which steps. A place below 0 is none.
type standing struct {
	account             identity.AccountID
	role                Role
	member, admin, own  int
	invite              int // that waits for an answer
	gone                int // the last step that excluded them
	goneBy              identity.AccountID
	removed, everMember bool
}

// seniority returns the place of the step that gave the role.
func (s *standing) seniority() int {
	switch s.role {
	case Owner:
		return s.own
	case Admin:
		return s.admin
	}
	return s.member
}

// state is what the steps so far have made of the group.
type state struct {
	s         *Set
	g         *graph
	overruled []bool
	consents  map[event.ID][]int // of a takeover
	people    map[identity.AccountID]*standing
	members   int
	links     map[event.ID]*Link
	linked    []event.ID
	pins      []event.ID
	claims    []Claim
	settings  Settings
	epochs    []int // steps that announced one
	removals  []int // of members
	departed  []int // leavings
	effective []bool
	rank      []standing // of each effective step's author, at that step
}

func (t *state) of(a identity.AccountID) *standing {
	p := t.people[a]
	if p == nil {
		p = &standing{account: a, member: -1, admin: -1, own: -1, invite: -1, gone: -1}
		t.people[a] = p
	}
	return p
}

// power returns what the author of step i could know to be.
func (t *state) power(i int) Role {
	p := t.of(t.g.steps[i].author)
	switch {
	case p.role < Plain || !t.g.seen(i, p.member):
		return None
	case p.role == Owner && t.g.seen(i, p.own):
		return Owner
	case p.role >= Admin && t.g.seen(i, p.admin):
		return Admin
	}
	return Plain
}

// run applies the steps in their order, but for those that are overruled.
func (s *Set) run(g *graph, overruled []bool) *state {
	t := &state{
		s: s, g: g, overruled: overruled, consents: make(map[event.ID][]int),
		people: make(map[identity.AccountID]*standing), links: make(map[event.ID]*Link),
		effective: make([]bool, len(g.steps)), rank: make([]standing, len(g.steps)),
	}
	for i := range g.steps {
		if b := &g.steps[i].body; b.Step == event.GroupConsent && !overruled[i] {
			t.consents[b.Target] = append(t.consents[b.Target], i)
		}
	}
	for i := range g.steps {
		if overruled[i] {
			continue
		}
		t.rank[i] = *t.of(g.steps[i].author)
		t.effective[i] = t.apply(i)
	}
	return t
}

// apply takes one step; false if its author may not take it.
func (t *state) apply(i int) bool {
	st := &t.g.steps[i]
	b := &st.body
	switch b.Step {
	case event.GroupCreate:
		return t.create(i, st)
	case event.GroupAccept:
		return t.accept(i, st)
	case event.GroupDecline:
		p := t.of(st.author)
		if p.invite < 0 || t.g.steps[p.invite].id != b.Target {
			return false
		}
		p.invite = -1
		return true
	}
	power := t.power(i)
	if power < Plain {
		return false
	}
	switch b.Step {
	case event.GroupLeave:
		t.exclude(i, t.of(st.author), st.author)
		t.departed = append(t.departed, i)
		return true
	case event.GroupTakeover:
		return t.takeover(i, st)
	case event.GroupConsent:
		return true
	case event.GroupPromote, event.GroupDemote:
		return power == Owner && t.rerank(i, st)
	}
	if power < Admin {
		return false
	}
	switch b.Step {
	case event.GroupInvite:
		p := t.of(b.Account)
		if p.role >= Plain {
			return false
		}
		p.invite = i
	case event.GroupRemove:
		return t.remove(i, st)
	case event.GroupSet:
		t.set(b.Settings)
	case event.GroupPin, event.GroupUnpin:
		t.pins = slices.DeleteFunc(t.pins, func(id event.ID) bool { return id == b.Target })
		if b.Step == event.GroupPin {
			t.pins = append(t.pins, b.Target)
			t.pins = t.pins[max(0, len(t.pins)-maxPins):]
		}
	case event.GroupLinkMade:
		t.links[st.id] = &Link{Step: st.id, By: st.author, Key: b.Link.Key, Expires: b.Link.Expires, Uses: b.Link.Uses}
		t.linked = append(t.linked, st.id)
	case event.GroupUnlink:
		l := t.links[b.Target]
		if l == nil {
			return false
		}
		l.Revoked = true
	case event.GroupRotate:
		return t.announce(i, b.Epoch)
	}
	return true
}

func (t *state) create(i int, st *step) bool {
	if i != 0 { // the same group made twice
		return false
	}
	t.enroll(i, t.of(st.author))
	p := t.of(st.author)
	p.role, p.admin, p.own = Owner, i, i
	t.set(st.body.Settings)
	t.announce(i, st.body.Epoch)
	return true
}

// enroll makes somebody a member.
func (t *state) enroll(i int, p *standing) {
	p.role, p.member, p.invite, p.everMember = Plain, i, -1, true
	t.members++
}

func (t *state) accept(i int, st *step) bool {
	p := t.of(st.author)
	j, here := t.g.at[st.body.Target]
	if !here || p.role >= Plain || t.members >= MaxMembers || !t.g.seen(i, j) || !t.effective[j] {
		return false
	}
	if p.invite == j {
		t.enroll(i, p)
		return true
	}
	l := t.links[st.body.Target]
	switch {
	case l == nil, l.Revoked, l.Used >= l.Uses:
		return false
	case l.Expires != 0 && st.time > event.Time(l.Expires)<<16:
		return false
	case p.removed && !t.g.seen(j, p.gone): // the link is older than the removal
		return false
	case !t.s.proved(st, l.Key):
		return false
	}
	l.Used++
	t.enroll(i, p)
	return true
}

// outranks reports whether the author of step i stands above somebody.
func (t *state) outranks(i int, p *standing) bool {
	a := t.of(t.g.steps[i].author)
	if a == p {
		return false
	}
	if p.role < Plain {
		return true
	}
	if power := t.power(i); power != a.role { // what the author did not know counts for nothing
		return power > p.role || power == p.role && power == Admin && a.admin < p.admin
	}
	return byRank(a, p) < 0
}

func (t *state) remove(i int, st *step) bool {
	p := t.of(st.body.Account)
	if !t.outranks(i, p) {
		return false
	}
	if p.everMember {
		t.removals = append(t.removals, i)
	}
	t.exclude(i, p, st.author)
	p.removed = true
	if st.body.Epoch != nil {
		t.announce(i, st.body.Epoch)
	}
	return true
}

func (t *state) exclude(i int, p *standing, by identity.AccountID) {
	if p.role >= Plain {
		t.members--
	}
	p.role, p.member, p.admin, p.own, p.invite, p.gone, p.goneBy = None, -1, -1, -1, -1, i, by
	p.removed = false
}

func (t *state) rerank(i int, st *step) bool {
	p := t.of(st.body.Account)
	if st.body.Step == event.GroupPromote {
		if p.role != Plain || !t.g.seen(i, p.member) {
			return false
		}
		p.role, p.admin = Admin, i
		return true
	}
	if !t.outranks(i, p) {
		return false
	}
	if p.role >= Admin {
		p.role, p.admin, p.own = Plain, -1, -1
	}
	return true
}

func (t *state) set(s *event.GroupSettings) {
	if s.Name != nil {
		t.settings.Name = *s.Name
	}
	if s.Topic != nil {
		t.settings.Topic = *s.Topic
	}
	if s.Picture != nil {
		t.settings.Picture = s.Picture
	}
	if s.Disappear != nil {
		t.settings.Disappear = *s.Disappear
	}
	if s.HistoryForNew != nil {
		t.settings.HistoryForNew = *s.HistoryForNew
	}
}

// takeover makes the one who stands longest an owner, if enough agree.
func (t *state) takeover(i int, st *step) bool {
	electors, owners := t.electors()
	p := t.of(st.author)
	if len(electors) == 0 || electors[0] != p || !t.g.seen(i, p.seniority()) {
		return false
	}
	agree := map[identity.AccountID]bool{st.author: true}
	for _, c := range t.consents[st.id] {
		by := t.g.steps[c].author
		if t.g.seen(c, i) && slices.Contains(electors, t.of(by)) {
			agree[by] = true
		}
	}
	if owners > 0 && 2*len(agree) <= len(electors) {
		t.claims = append(t.claims, Claim{Step: st.id, By: st.author, Agree: len(agree), Of: len(electors)})
		return true
	}
	p.role, p.own = Owner, i
	if p.admin < 0 {
		p.admin = i
	}
	return true
}

// electors returns who decides on a takeover, the longest-standing first: the
// admins, or the members where there is none.
func (t *state) electors() (electors []*standing, owners int) {
	role := Plain
	for _, p := range t.people {
		switch {
		case p.role == Owner:
			owners++
		case p.role == Admin:
			role = Admin
		}
	}
	for _, p := range t.people {
		if p.role == role {
			electors = append(electors, p)
		}
	}
	slices.SortFunc(electors, byRank)
	return electors, owners
}

// announce notes a new epoch: its number must be the one after the highest
// that the step has seen.
func (t *state) announce(i int, e *event.GroupEpoch) bool {
	highest := uint64(0)
	for _, j := range t.epochs {
		if t.g.seen(i, j) {
			highest = max(highest, t.g.steps[j].body.Epoch.Number)
		}
	}
	if e.Number != highest+1 {
		return false
	}
	t.epochs = append(t.epochs, i)
	return true
}

// epoch returns the epoch in force.
func (t *state) epoch() (e Epoch) {
	at := -1
	for _, i := range t.epochs {
		if at < 0 || t.g.steps[i].body.Epoch.Number > t.g.steps[at].body.Epoch.Number {
			at = i
		}
	}
	if at < 0 {
		return e
	}
	st := t.g.steps[at]
	e = Epoch{GroupEpoch: *st.body.Epoch, Step: st.id, By: st.author, Sound: true}
	for _, r := range t.removals {
		if r != at && !t.g.seen(at, r) {
			e.Sound, e.Due = false, true
		}
	}
	for _, r := range t.departed {
		e.Due = e.Due || !t.g.seen(at, r)
	}
	return e
}
