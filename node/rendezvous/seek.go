package rendezvous

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/kith-chat/kith/identity"
)

// The pace of looking for one friend who is not to be found.
const (
	seekFirst = 5 * time.Second
	seekLast  = 15 * time.Minute
	seekCheck = time.Minute // how often the list of friends is read again
)

// tries is how the search for one account stands.
type tries struct {
	wait  time.Duration
	next  time.Time
	under bool // a search is under way
	again bool // look again at once when it ends
}

// Seek looks for an account at once, as when there is something to say.
func (s *Service) Seek(a identity.AccountID) {
	s.mu.Lock()
	if t := s.tries[a]; t != nil {
		t.wait, t.next, t.again = 0, time.Time{}, t.under
	}
	s.mu.Unlock()
	poke(s.sought)
}

// seek looks for everybody whom we wish to meet and who is not connected, each
// less and less often, until they are no longer wished for.
func (s *Service) seek(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	for ctx.Err() == nil {
		next := time.Now().Add(seekCheck)
		targets := s.cfg.Contacts.Targets(ctx)
		s.keepOnly(targets)
		for _, t := range targets {
			if len(s.cfg.Directory.Devices(t.Account)) > 0 {
				s.met(t.Account)
				continue
			}
			due, begin := s.begin(t.Account, time.Now())
			if begin {
				wg.Go(func() {
					defer s.end(t.Account)
					if _, err := s.find(ctx, t, nil); err != nil && ctx.Err() == nil {
						s.log.Debug("a friend is not to be found", "account", t.Account, "error", err)
					}
				})
			} else if due.Before(next) {
				next = due
			}
		}
		timer := time.NewTimer(max(time.Until(next), 100*time.Millisecond))
		select {
		case <-timer.C:
		case <-s.sought:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	return nil
}

// begin takes a place for a search if one is due. Otherwise it says when to
// ask again.
func (s *Service) begin(a identity.AccountID, now time.Time) (due time.Time, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tries[a]
	switch {
	case t == nil:
		t = &tries{}
		s.tries[a] = t
	case t.under:
		return now.Add(seekCheck), false // its end wakes us
	case t.next.After(now):
		return t.next, false
	}
	select {
	case s.searches <- struct{}{}:
	default:
		return now.Add(seekCheck), false // the end of another wakes us
	}
	t.under = true
	return now, true
}

// end lets go of a search's place, and says when to look again: friends are
// not all looked for in the same moment.
func (s *Service) end(a identity.AccountID) {
	<-s.searches
	s.mu.Lock()
	if t := s.tries[a]; t != nil {
		t.under = false
		if t.again {
			t.again = false
		} else {
			t.wait = min(max(2*t.wait, seekFirst), seekLast)
			t.next = time.Now().Add(t.wait + rand.N(t.wait/2))
		}
	}
	s.mu.Unlock()
	poke(s.sought)
}

// met ends the search for an account.
func (s *Service) met(a identity.AccountID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.tries[a]; t != nil && !t.under {
		delete(s.tries, a)
	}
}

// keepOnly forgets the searches for those who are no longer wished for.
func (s *Service) keepOnly(targets []Target) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.tries) <= len(targets) {
		return
	}
	wished := make(map[identity.AccountID]bool, len(targets))
	for _, t := range targets {
		wished[t.Account] = true
	}
	for a := range s.tries {
		if !wished[a] {
			delete(s.tries, a)
		}
	}
}
