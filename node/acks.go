package node

import (
	"sync"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
)

// acks tells those who wait for the delivery of a message as soon as the other
// side has acknowledged it: it is durable there then. That we know of it is
// written down a moment later; whoever waits need not wait for that as well.
type acks struct {
	mu      sync.Mutex
	waiting map[event.ID]*expected
}

type expected struct {
	came chan struct{} // closed once it was acknowledged
	by   int           // how many wait
}

func newAcks() *acks { return &acks{waiting: make(map[event.ID]*expected)} }

// expect returns a channel that is closed when the event is acknowledged. The
// caller calls forget when it waits no longer.
func (a *acks) expect(id event.ID) (came <-chan struct{}, forget func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.waiting[id]
	if e == nil {
		e = &expected{came: make(chan struct{})}
		a.waiting[id] = e
	}
	e.by++
	return e.came, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if e.by--; e.by == 0 && a.waiting[id] == e {
			delete(a.waiting, id)
		}
	}
}

// acknowledged is called by the courier; it does not block.
func (a *acks) acknowledged(_ identity.AccountID, ids []event.ID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, id := range ids {
		if e := a.waiting[id]; e != nil {
			close(e.came)
			delete(a.waiting, id)
		}
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
