package reconcile

import (
	"sync"

	"github.com/kith-chat/kith/identity/event"
)

// Refusals remembers which events a conversation's set has refused, so that
// they are not fetched again at each meeting. The zero value is ready; it is
// safe for concurrent use.
type Refusals struct {
	mu    sync.Mutex
	known map[event.ID]struct{}
}

func (r *Refusals) add(id event.ID) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil || len(r.known) >= maxRefused {
		r.known = make(map[event.ID]struct{})
	}
	r.known[id] = struct{}{}
}

// Forget takes back every refusal: what the set wants may have changed.
func (r *Refusals) Forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known = nil
}

// salted returns the short names of what was refused.
func (r *Refusals) salted(salt uint64) map[uint64]struct{} {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make(map[uint64]struct{}, len(r.known))
	for id := range r.known {
		out[salted(salt, id)] = struct{}{}
	}
	return out
}
