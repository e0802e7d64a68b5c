package pubsub

import (
	"sync"
	"time"

	"github.com/kith-chat/kith/identity/event"
)

// authors holds what each author of a topic may still say. An author of a
// group is an account, whatever number of devices it has; an author of a raw
// topic is a peer.
type authors[K comparable] struct {
	mu    sync.Mutex
	known *recent[K, *allowance]
}

// allowance is an author's two buckets: see liveWindow.
type allowance struct{ live, late bucket }

func newAuthors[K comparable]() *authors[K] {
	return &authors[K]{known: newRecent[K, *allowance](maxAuthors)}
}

// allow charges the author for live and late events, both or neither.
func (a *authors[K]) allow(author K, live, late int, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	of, ok := a.known.get(author)
	if !ok {
		of = new(allowance)
		a.known.put(author, of)
	}
	of.live.fill(now, TakeRate, TakeBurst)
	of.late.fill(now, TakeRate, TakeBurst)
	if of.live.tokens < float64(live) || of.late.tokens < float64(late) {
		return false
	}
	of.live.tokens -= float64(live)
	of.late.tokens -= float64(late)
	return true
}

// countLive returns how many of the events are dated within liveWindow.
func countLive(events []*event.Event, now time.Time) int {
	since := event.TimeOf(now.Add(-liveWindow))
	n := 0
	for _, e := range events {
		if e.Header().Time >= since {
			n++
		}
	}
	return n
}
