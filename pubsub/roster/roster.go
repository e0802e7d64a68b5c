package roster

import (
	"cmp"
	"slices"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
)

// MaxMembers is how many can be in a private group.
const MaxMembers = 256

// maxPins is how many messages can be pinned; the oldest pin goes.
const maxPins = 50

// Role is what somebody is in a group.
type Role uint8

// The roles, the least first.
const (
	None Role = iota
	Invited
	Plain
	Admin
	Owner
)

// String returns the role's name.
func (r Role) String() string {
	names := [...]string{"none", "invited", "member", "admin", "owner"}
	if int(r) < len(names) {
		return names[r]
	}
	return "none"
}

// Member is somebody in the group.
type Member struct {
	Account identity.AccountID
	Role    Role
	Since   event.Time // as the step that made them a member says
	Step    event.ID   // that step
}

// Invitation is somebody who was invited and has not answered.
type Invitation struct {
	Account identity.AccountID
	By      identity.AccountID
	Since   event.Time
	Step    event.ID
}

// Exit is somebody who was a member, or invited, and is no more.
type Exit struct {
	Account identity.AccountID
	By      identity.AccountID // their own account when they left
	Since   event.Time
	Step    event.ID
}

// Link is an invitation for whoever holds a key.
type Link struct {
	Step    event.ID
	By      identity.AccountID
	Key     [32]byte
	Expires int64 // milliseconds since 1970, 0 for never
	Uses    uint32
	Used    uint32
	Revoked bool
}

// Claim is a request to stand in for a lost owner that has not enough consent.
type Claim struct {
	Step  event.ID
	By    identity.AccountID
	Agree int // the asker counted
	Of    int // more than half of so many are needed
}

// Settings is what the group is like.
type Settings struct {
	Name          string
	Topic         string
	Picture       []byte
	Disappear     uint64 // milliseconds, 0 for never
	HistoryForNew bool
}

// Epoch is the epoch in force.
type Epoch struct {
	event.GroupEpoch
	Step event.ID
	By   identity.AccountID
	// Sound says that the epoch's step has seen every removal: nobody who was
	// removed was given its key. Otherwise nothing must be sent under it.
	Sound bool
	// Due says that somebody was excluded or has left since, so that a new
	// epoch should be announced.
	Due bool
}

// Roster is who is in a group, as one set of steps says.
type Roster struct {
	Group    event.ConversationID
	Creator  identity.AccountID // zero while the first step is not in the set
	Created  event.Time
	Members  []Member // the highest rank first
	Invited  []Invitation
	Gone     []Exit
	Links    []Link
	Claims   []Claim
	Pins     []event.ID // the newest first
	Settings Settings
	Epoch    Epoch
	// Heads are the newest steps: what the next one names as seen, at most
	// event.MaxGroupAfter.
	Heads []event.ID
	// Pending is how many steps wait for one before them.
	Pending int

	roles map[identity.AccountID]Role
	ever  map[identity.AccountID]bool
	stand map[event.ID]bool
}

// Role returns what an account is in the group.
func (r *Roster) Role(a identity.AccountID) Role { return r.roles[a] }

// Member reports whether an account is in the group.
func (r *Roster) Member(a identity.AccountID) bool { return r.roles[a] >= Plain }

// Ever reports whether an account is or was in the group: what it said as a
// member belongs to the group's history for good.
func (r *Roster) Ever(a identity.AccountID) bool { return r.ever[a] }

// Stands reports whether a step has, or had, effect.
func (r *Roster) Stands(id event.ID) bool { return r.stand[id] }

// Exit returns how somebody who is no member went, if they ever were one.
func (r *Roster) Exit(a identity.AccountID) (Exit, bool) {
	for _, e := range r.Gone {
		if e.Account == a && !r.Member(a) {
			return e, true
		}
	}
	return Exit{}, false
}

// Invitation returns the invitation of an account that has not answered.
func (r *Roster) Invitation(a identity.AccountID) (Invitation, bool) {
	for _, i := range r.Invited {
		if i.Account == a {
			return i, true
		}
	}
	return Invitation{}, false
}

// Outranks reports whether a may remove or demote b.
func (r *Roster) Outranks(a, b identity.AccountID) bool {
	at := func(x identity.AccountID) int {
		return slices.IndexFunc(r.Members, func(m Member) bool { return m.Account == x })
	}
	i, j := at(a), at(b)
	return a != b && i >= 0 && r.roles[a] >= Admin && (j < 0 || i < j)
}

// Set is a growing set of steps with the roster that follows from it. It is
// not safe for concurrent use.
type Set struct {
	group  event.ConversationID
	steps  map[event.ID]step
	proofs map[event.ID]bool // of joining by link, checked once
	roster *Roster
}

// step is one event with what the rules look at.
type step struct {
	id      event.ID
	author  identity.AccountID
	time    event.Time
	creates bool
	body    event.Group
}

// New returns the empty set of a group.
func New(group event.ConversationID) *Set {
	return &Set{group: group, steps: make(map[event.ID]step), proofs: make(map[event.ID]bool)}
}

// Add adds events whose signatures were checked; what is no step of this group
// is passed over. It reports whether the set has grown.
func (s *Set) Add(events ...*event.Event) bool {
	grown := false
	for _, e := range events {
		h := e.Header()
		if h.Conversation != s.group || h.Kind != event.KindGroup {
			continue
		}
		if _, have := s.steps[e.ID()]; have {
			continue
		}
		body, err := e.Body()
		b, ok := body.(event.Group)
		if err != nil || !ok {
			continue
		}
		s.steps[e.ID()] = step{id: e.ID(), author: h.Account, time: h.Time, creates: h.Creates(), body: b}
		grown = true
	}
	if grown {
		s.roster = nil
	}
	return grown
}

// Len returns how many steps there are.
func (s *Set) Len() int { return len(s.steps) }

// Roster returns what follows from the set. The caller must not change it.
func (s *Set) Roster() *Roster {
	if s.roster == nil {
		s.roster = s.fold()
	}
	return s.roster
}

// proved reports whether whoever joins by a link holds its key.
func (s *Set) proved(j *step, key [32]byte) bool {
	ok, known := s.proofs[j.id]
	if !known {
		ok = identity.DomainGroupLink.Verify(key, event.LinkStatement(s.group, j.author), j.body.Proof) == nil
		s.proofs[j.id] = ok
	}
	return ok
}

func byRank(a, b *standing) int {
	if c := cmp.Compare(b.role, a.role); c != 0 {
		return c
	}
	return cmp.Compare(a.seniority(), b.seniority())
}
