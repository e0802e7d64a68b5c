package courier_test

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/courier"
)

var states = []courier.State{
	courier.None, courier.Friend, courier.Incoming, courier.Outgoing, courier.Blocked, courier.Declined, courier.Removed,
}

// TestOurs holds every state against every act. A move is written as the
// state after it and what is said.
func TestOurs(t *testing.T) {
	t.Parallel()
	type move struct {
		to  courier.State
		say event.ContactStep
		err error
	}
	const (
		req, acc, dec, end = event.ContactRequest, event.ContactAccept, event.ContactDecline, event.ContactEnd
	)
	no, already := move{err: courier.ErrNotNow}, move{err: courier.ErrAlready}
	ask, friend, block := move{to: courier.Outgoing, say: req}, move{to: courier.Friend, say: acc}, move{to: courier.Blocked}
	table := map[courier.Act][]move{ // in the order of states
		courier.ActRequest: {ask, already, friend, ask, no, ask, ask},
		courier.ActAccept:  {no, already, friend, no, no, no, no},
		courier.ActDecline: {no, no, {to: courier.None, say: dec}, no, no, no, no},
		courier.ActEnd:     {no, {to: courier.Removed, say: end}, {to: courier.None, say: dec}, {to: courier.None, say: end}, no, {to: courier.None}, already},
		courier.ActBlock:   {block, block, block, block, already, block, block},
		courier.ActUnblock: {no, no, no, no, {to: courier.None}, no, no},
	}
	for act := courier.ActRequest; act <= courier.ActUnblock; act++ {
		for i, s := range states {
			want := table[act][i]
			got, err := courier.Ours(s, act)
			if !errors.Is(err, want.err) || err == nil && got != (courier.Move{To: want.to, Say: want.say}) {
				t.Errorf("act %d in state %d: got %+v, %v; want %+v", act, s, got, err, want)
			}
		}
	}
	if _, err := courier.Ours(courier.None, 99); err == nil {
		t.Error("an unknown act was done")
	}
}

// TestTheirs holds every state against every step of the other side.
func TestTheirs(t *testing.T) {
	t.Parallel()
	type move struct {
		to  courier.State
		say event.ContactStep
		no  bool // not accepted
	}
	n, f, i, o, b, d, r := courier.None, courier.Friend, courier.Incoming, courier.Outgoing, courier.Blocked, courier.Declined, courier.Removed
	accept := move{to: f, say: event.ContactAccept}
	table := map[event.ContactStep][]move{ // in the order of states
		event.ContactRequest: {{to: i}, accept, {to: i}, accept, {to: b, no: true}, {to: i}, {to: i}},
		event.ContactAccept:  {{to: n, no: true}, {to: f}, {to: i, no: true}, {to: f}, {to: b, no: true}, {to: f}, {to: r, no: true}},
		event.ContactDecline: {{to: n}, {to: r}, {to: i}, {to: d}, {to: b, no: true}, {to: d}, {to: r}},
		event.ContactEnd:     {{to: n}, {to: r}, {to: n}, {to: o}, {to: b, no: true}, {to: d}, {to: r}},
		event.ContactSecret:  {{to: n, no: true}, {to: f}, {to: i, no: true}, {to: o, no: true}, {to: b, no: true}, {to: d, no: true}, {to: r, no: true}},
		99:                   {{to: n, no: true}, {to: f, no: true}, {to: i, no: true}, {to: o, no: true}, {to: b, no: true}, {to: d, no: true}, {to: r, no: true}},
	}
	for step, row := range table {
		for at, s := range states {
			got, ok := courier.Theirs(s, step)
			if ok == row[at].no || got != (courier.Move{To: row[at].to, Say: row[at].say}) {
				t.Errorf("step %d in state %d: got %+v %v, want %+v", step, s, got, ok, row[at])
			}
		}
	}
}

// TestRefused holds every state against the refusal of every step.
func TestRefused(t *testing.T) {
	t.Parallel()
	for _, s := range states {
		for step := event.ContactRequest; step <= event.ContactSecret; step++ {
			want := s
			switch {
			case s == courier.Outgoing && step == event.ContactRequest:
				want = courier.Declined
			case s == courier.Friend && step == event.ContactAccept:
				want = courier.Removed
			}
			if got := courier.Refused(s, step); got != (courier.Move{To: want}) {
				t.Errorf("refusal of step %d in state %d: %+v", step, s, got)
			}
		}
	}
}

// said is a step on its way; number tells which of a side's steps it is.
type said struct {
	step   event.ContactStep
	number int
}

// side is one side of the model of TestTwoSidesAgree.
type side struct {
	state   courier.State
	way     []said // steps of this side that have not arrived
	refused []said // refusals of this side's steps that have not come back
	last    int    // the number of its last step
}

func (s *side) move(m courier.Move) {
	s.state = m.To
	if m.Say != 0 {
		s.last++
		s.way = append(s.way, said{m.Say, s.last})
	}
}

// arrive lets the other side handle this one's next step.
func (s *side) arrive(other *side) {
	if len(s.way) == 0 {
		return
	}
	next := s.way[0]
	s.way = s.way[1:]
	if m, ok := courier.Theirs(other.state, next.step); ok {
		other.move(m)
	} else {
		s.refused = append(s.refused, next)
	}
}

// undo lets the next refusal come back.
func (s *side) undo() {
	if len(s.refused) == 0 {
		return
	}
	next := s.refused[0]
	s.refused = s.refused[1:]
	if next.number == s.last {
		s.move(courier.Refused(s.state, next.step))
	}
}

// TestTwoSidesAgree lets two sides act at random while their steps and the
// answers are on the way. Once everything has arrived, both are friends or
// neither is, or one is being asked by the other, and whoever asks was heard;
// unless one has blocked the other: a blocked one is told nothing.
func TestTwoSidesAgree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var s [2]side
		blocked := false
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			i := rapid.IntRange(0, 1).Draw(t, "side")
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				s[i].arrive(&s[1-i])
			case 1:
				s[i].undo()
			default:
				act := courier.Act(rapid.IntRange(1, 6).Draw(t, "act"))
				blocked = blocked || act == courier.ActBlock
				if m, err := courier.Ours(s[i].state, act); err == nil {
					s[i].move(m)
				}
			}
		}
		for len(s[0].way)+len(s[1].way)+len(s[0].refused)+len(s[1].refused) > 0 {
			for i := range s {
				s[i].arrive(&s[1-i])
				s[i].undo()
			}
		}
		if blocked {
			return
		}
		a, b := s[0].state, s[1].state
		if a == courier.Friend && b != courier.Friend && b != courier.Incoming ||
			b == courier.Friend && a != courier.Friend && a != courier.Incoming {
			t.Fatalf("one side believes in a friendship: %d and %d", a, b)
		}
		if a == courier.Outgoing && b != courier.Incoming || b == courier.Outgoing && a != courier.Incoming {
			t.Fatalf("a request hangs: %d and %d", a, b)
		}
	})
}
