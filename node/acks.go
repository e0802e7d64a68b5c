package node

import (
	"context"
	"sync"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
)

// acks tells those who wait for the delivery of a message as soon as the other
// side has acknowledged it: it is durable there then. That we know of it is
// written down a moment later; whoever waits need not wait for that as well.
//
// It also knows which messages were given to a peer and not yet acknowledged:
// they are shown as sent. That is not written down, since after a restart they
// are sent again.
type acks struct {
	mu      sync.Mutex
	waiting map[event.ID]*expected
	given   map[event.ID]bool

	news chan []event.ID // of messages that were given, for who watches
}

// maxGiven bounds what is known to be on its way; beyond it messages are shown
// as queued until they are acknowledged.
const maxGiven = 10_000

type expected struct {
	came chan struct{} // closed once it was acknowledged
	by   int           // how many wait
}

func newAcks() *acks {
	return &acks{waiting: make(map[event.ID]*expected), given: make(map[event.ID]bool), news: make(chan []event.ID, 64)}
}

// sent is called by the courier when events are on their way to a peer.
func (a *acks) sent(ids []event.ID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.given)+len(ids) > maxGiven {
		clear(a.given)
	}
	for _, id := range ids[:min(len(ids), maxGiven)] {
		a.given[id] = true
	}
}

// givenAway is told by the courier that events are on their way. Of a burst
// nobody is told: its messages are delivered before anybody could look.
func (n *Node) givenAway(_ identity.AccountID, ids []event.ID) {
	n.acks.sent(ids)
	if len(ids) > maxToldSent {
		return
	}
	select {
	case n.acks.news <- ids:
	default:
	}
}

// maxToldSent is how many messages at once are told to be on their way.
const maxToldSent = 8

// tellSent tells who watches that messages are on their way.
func (n *Node) tellSent(ctx context.Context, ids []event.ID) {
	for _, id := range ids {
		e, err := n.store.Get(ctx, id)
		if err != nil {
			continue
		}
		c, err := n.store.Chat(ctx, e.Event.Header().Conversation)
		if err != nil {
			continue
		}
		if m, shown, err := n.message(ctx, e, refOf(c)); err == nil && shown && m.State == StateSent {
			n.bus.publish(News{Message: &m})
		}
	}
}

// onItsWay reports whether an event was given to a peer and not acknowledged.
func (a *acks) onItsWay(id event.ID) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.given[id]
}

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
		delete(a.given, id)
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
