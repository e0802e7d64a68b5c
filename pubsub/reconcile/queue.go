package reconcile

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/identity/event"
)

// The pace of a Service.
const (
	maxOut     = 4 // sessions that we open at once
	maxIn      = 8 // sessions that we answer at once
	maxInPeer  = 3 // of one peer
	maxTalks   = 4 << 10
	maxPeers   = 64 // peers that wait to be asked about one conversation
	maxFaults  = 4 << 10
	idle       = time.Minute
	busyAgain  = 3 * time.Second
	firstFault = 5 * time.Second
	lastFault  = 10 * time.Minute

	rateBurst    = 64.0                   // sessions that a peer may open at once
	rateSecond   = 1.0                    // and then each second
	exactGap     = 6 * time.Hour          // between two exact comparisons that one peer may ask for
	refusedAgain = 500 * time.Millisecond // a member may not know yet that we are one
	refusedMost  = 5
)

// talk is what is to be done about one conversation. One peer is asked at a
// time: what one has given the next need not give again.
type talk struct {
	waiting  map[peer.ID]place
	busy     peer.ID // who is being asked; empty for nobody
	refusals Refusals
	equal    map[peer.ID]time.Time // when nothing was left to be exchanged
	refused  map[peer.ID]int       // how often each has refused in a row
}

// place is a peer's place in the queue of a conversation.
type place struct {
	due   time.Time
	since time.Time // when it was put there last
}

// fault is what a peer has done wrong.
type fault struct {
	count int
	until time.Time
}

// rate is what a peer may ask of us.
type rate struct {
	left  float64
	at    time.Time
	open  int
	exact time.Time
}

func (s *Service) talk(c event.ConversationID) *talk {
	t := s.talks[c]
	if t == nil {
		if len(s.talks) >= maxTalks {
			for k, other := range s.talks {
				if other.busy == "" && len(other.waiting) == 0 {
					delete(s.talks, k)
				}
			}
		}
		t = &talk{waiting: make(map[peer.ID]place), equal: make(map[peer.ID]time.Time), refused: make(map[peer.ID]int)}
		s.talks[c] = t
	}
	return t
}

func (s *Service) refusals(c event.ConversationID) *Refusals {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &s.talk(c).refusals
}

// Ask puts peers into a conversation's queue, to be asked after a delay. Who
// waits already is asked at the earlier of both times; who was compared with
// meanwhile, and had nothing more, is left out.
func (s *Service) Ask(c event.ConversationID, delay time.Duration, peers ...peer.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.talk(c)
	now := time.Now()
	due := now.Add(delay)
	for _, p := range peers {
		have, waits := t.waiting[p]
		switch {
		case !waits && len(t.waiting) >= maxPeers:
		case waits && have.due.Before(due):
			t.waiting[p] = place{due: have.due, since: now}
		default:
			t.waiting[p] = place{due: due, since: now}
		}
	}
	poke(s.wake)
}

// Forget takes a conversation out of the queue.
func (s *Service) Forget(c event.ConversationID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.talks[c]; t != nil {
		clear(t.waiting)
	}
}

// Asking returns who is being asked about a conversation now, and how many
// wait to be.
func (s *Service) Asking(c event.ConversationID) (now peer.ID, waiting int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.talks[c]
	if t == nil {
		return "", 0
	}
	return t.busy, len(t.waiting)
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// start opens the sessions that are due, and returns how long there is nothing
// to do.
func (s *Service) start(ctx context.Context) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, wait := time.Now(), idle
	for c, t := range s.talks {
		if t.busy != "" {
			continue
		}
		p, due := s.next(t)
		switch {
		case p == "":
		case due.After(now):
			wait = min(wait, due.Sub(now))
		case s.out < maxOut && ctx.Err() == nil:
			delete(t.waiting, p)
			t.busy = p
			s.out++
			s.wg.Go(func() { s.turn(ctx, t, c, p) })
		}
	}
	return wait
}

// next returns who of a conversation's queue is to be asked first: the one who
// has waited longest, those at fault when they are due again.
func (s *Service) next(t *talk) (first peer.ID, due time.Time) {
	for p, w := range t.waiting {
		at := w.due
		if t.equal[p].After(w.since) {
			delete(t.waiting, p)
			continue
		}
		if f := s.faults[p]; f != nil && f.until.After(at) {
			at = f.until
		}
		if first == "" || at.Before(due) {
			first, due = p, at
		}
	}
	return first, due
}

// turn asks one peer.
func (s *Service) turn(ctx context.Context, t *talk, c event.ConversationID, p peer.ID) {
	began := time.Now()
	r, err := s.ask(ctx, p, c, Window{})
	s.mu.Lock()
	t.busy = ""
	s.out--
	refusals := 0
	if errors.Is(err, ErrRefused) {
		if len(t.refused) >= maxPeers {
			clear(t.refused)
		}
		t.refused[p]++
		refusals = t.refused[p]
	} else {
		delete(t.refused, p)
	}
	s.mu.Unlock()
	if err != nil && r.Passes == 0 && ctx.Err() == nil {
		s.log.Debug("a peer was not compared with", "peer", p, "chat", c, "error", err)
	}
	switch {
	case err == nil:
		s.compared(p, c, began, r.Equal)
		if !r.Equal && r.Taken+r.Given > 0 {
			s.Ask(c, 0, p)
		}
	case errors.Is(err, ErrRefused):
		if refusals < refusedMost {
			s.Ask(c, refusedAgain<<(refusals-1), p)
		}
	case errors.Is(err, ErrBusy):
		s.Ask(c, busyAgain, p)
	case ctx.Err() == nil && r.Passes > 0:
		s.Ask(c, firstFault, p) // once more, when it is due again
	}
	poke(s.wake)
}

// compared notes the end of a session, whoever opened it. What became known
// after it began was no part of it.
func (s *Service) compared(p peer.ID, c event.ConversationID, began time.Time, equal bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.talk(c)
	if !equal {
		delete(t.equal, p)
		return
	}
	if len(t.equal) >= maxPeers {
		clear(t.equal)
	}
	t.equal[p] = began
}

// blame puts a peer at the end of the queue, for longer each time.
func (s *Service) blame(p peer.ID, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.faults[p]
	if f == nil {
		if len(s.faults) >= maxFaults {
			clear(s.faults)
		}
		f = &fault{}
		s.faults[p] = f
	}
	f.count++
	away := min(lastFault, firstFault<<min(f.count-1, 10))
	if errors.Is(why, ErrPeer) {
		away = lastFault
	}
	f.until = time.Now().Add(away)
}

func (s *Service) forgive(p peer.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.faults, p)
}

// Met forgives a peer that could not be reached: it has come back. What it did
// wrong stays.
func (s *Service) Met(p peer.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.faults[p]; f != nil && time.Until(f.until) <= lastFault/2 {
		delete(s.faults, p)
	}
}

// reliable returns peers without those that are at fault, unless there are no
// others.
func (s *Service) reliable(peers []peer.ID) []peer.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	good := slices.DeleteFunc(slices.Clone(peers), func(p peer.ID) bool {
		f := s.faults[p]
		return f != nil && f.until.After(now)
	})
	if len(good) == 0 {
		return peers
	}
	return good
}

// admit decides whether a peer is answered now.
func (s *Service) admit(p peer.ID, exact bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	r := s.rates[p]
	if r == nil {
		if len(s.rates) >= maxFaults {
			for k, other := range s.rates {
				if other.open == 0 {
					delete(s.rates, k)
				}
			}
		}
		r = &rate{left: rateBurst, at: now}
		s.rates[p] = r
	}
	r.left = min(rateBurst, r.left+now.Sub(r.at).Seconds()*rateSecond)
	r.at = now
	if s.in >= maxIn || r.open >= maxInPeer || r.left < 1 || exact && now.Sub(r.exact) < exactGap {
		return false
	}
	if exact {
		r.exact = now
	}
	r.left--
	r.open++
	s.in++
	return true
}

func (s *Service) dismiss(p peer.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.in--
	if r := s.rates[p]; r != nil {
		r.open--
	}
}
