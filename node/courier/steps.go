package courier

import (
	"errors"

	"github.com/kith-chat/kith/identity/event"
)

// State is where a friendship stands, as this side sees it.
type State uint8

// The states of a friendship.
const (
	None     State = 0
	Friend   State = 1
	Incoming State = 2 // they have asked us
	Outgoing State = 3 // we have asked them
	Blocked  State = 4 // by us; they are not told
	Declined State = 5 // they have said no to us
	Removed  State = 6 // one of the two has ended it
)

// Act is what our own person does about a friendship.
type Act uint8

// The acts.
const (
	ActRequest Act = iota + 1
	ActAccept
	ActDecline
	ActEnd
	ActBlock
	ActUnblock
)

// Move is what becomes of a friendship: the state after it, and the step that
// is to be said to the other side (0 for silence).
type Move struct {
	To  State
	Say event.ContactStep
}

// Errors of the acts.
var (
	// ErrAlready says that the act would change nothing.
	ErrAlready = errors.New("that is so already")
	// ErrNotNow says that the act makes no sense where the friendship stands.
	ErrNotNow = errors.New("that is not possible now")
)

// The machine, seen from one side. Capitals are steps of the other side, the
// rest are acts of our own; what is said to them stands in brackets.
//
//	                  request [request]
//	None, Removed, ────────────────────────▶ Outgoing ──┐ DECLINE
//	   Declined                                 │ ▲     │
//	      │                                     │ └──── Declined
//	      │ REQUEST            ACCEPT, REQUEST  │           │ ACCEPT
//	      ▼                            [accept] ▼           ▼
//	   Incoming ─────────────────────────────▶ Friend ◀─────┘
//	      │       accept, request [accept]      │
//	      │                                     │ end [end], END, DECLINE
//	      │ decline [decline], END              ▼
//	      └────────────▶ None                Removed
//
//	Outgoing: end [end] ▶ None          Declined: end ▶ None
//	any but Blocked: block ▶ Blocked    Blocked: unblock ▶ None
//
// A request to somebody who has asked us is an acceptance, so two people who
// ask each other at the same time become friends. A friend who asks again has
// lost their state and is told once more that we are friends. An end while we
// are asking is an older friendship's, which the request has overtaken. Who has
// said no may still say yes: we have asked, and have not taken it back. An
// acceptance of an earlier request can make us a friend of somebody who has not
// answered the present one; their no ends that. Block and unblock are silent.
//
// What the other side does not accept (Refused) is undone here, or one side
// would believe in a friendship that the other has left.

// Ours returns what an act of our own makes of a friendship in state s.
func Ours(s State, a Act) (Move, error) {
	if s == Blocked {
		switch a {
		case ActUnblock:
			return Move{To: None}, nil
		case ActBlock:
			return Move{}, ErrAlready
		}
		return Move{}, ErrNotNow
	}
	switch a {
	case ActRequest:
		switch s {
		case Friend:
			return Move{}, ErrAlready
		case Incoming:
			return Move{To: Friend, Say: event.ContactAccept}, nil
		}
		return Move{To: Outgoing, Say: event.ContactRequest}, nil
	case ActAccept:
		switch s {
		case Friend:
			return Move{}, ErrAlready
		case Incoming:
			return Move{To: Friend, Say: event.ContactAccept}, nil
		}
	case ActDecline:
		if s == Incoming {
			return Move{To: None, Say: event.ContactDecline}, nil
		}
	case ActEnd:
		switch s {
		case Friend:
			return Move{To: Removed, Say: event.ContactEnd}, nil
		case Outgoing:
			return Move{To: None, Say: event.ContactEnd}, nil
		case Incoming:
			return Move{To: None, Say: event.ContactDecline}, nil
		case Declined:
			return Move{To: None}, nil
		case Removed:
			return Move{}, ErrAlready
		}
	case ActBlock:
		return Move{To: Blocked}, nil
	}
	return Move{}, ErrNotNow
}

// Theirs returns what a step of the other side makes of a friendship in state
// s. False says that the step is not accepted; one that is out of date is
// accepted and changes nothing.
func Theirs(s State, step event.ContactStep) (Move, bool) {
	stay := Move{To: s}
	if s == Blocked {
		return stay, false
	}
	switch step {
	case event.ContactRequest:
		switch s {
		case Outgoing, Friend:
			return Move{To: Friend, Say: event.ContactAccept}, true
		}
		return Move{To: Incoming}, true
	case event.ContactAccept:
		switch s {
		case Outgoing, Declined, Friend:
			return Move{To: Friend}, true
		}
		return stay, false
	case event.ContactDecline:
		switch s {
		case Outgoing:
			return Move{To: Declined}, true
		case Friend:
			return Move{To: Removed}, true
		}
		return stay, true
	case event.ContactEnd:
		switch s {
		case Friend:
			return Move{To: Removed}, true
		case Incoming:
			return Move{To: None}, true
		}
		return stay, true
	case event.ContactSecret:
		return stay, s == Friend
	}
	return stay, false
}

// Refused returns what becomes of a friendship in state s when the other side
// has not accepted the step that we said last.
func Refused(s State, step event.ContactStep) Move {
	switch {
	case s == Outgoing && step == event.ContactRequest:
		return Move{To: Declined}
	case s == Friend && step == event.ContactAccept:
		return Move{To: Removed}
	}
	return Move{To: s}
}
