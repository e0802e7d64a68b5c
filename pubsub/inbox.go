package pubsub

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kith-chat/kith/identity/event"
)

// What may wait for the log. A single group can have half of it, so that a
// flood in one does not lose the messages of another.
const (
	maxWaiting      = 32 << 20 // bytes of all groups
	maxWaitingGroup = maxWaiting / 2
	waitingOverhead = 512 // bytes that a waiting event takes beside its own

	maxTake    = 1024 // events in one call of Log.Take
	lastTake   = 2 * time.Second
	retryFirst = 100 * time.Millisecond
	retryLast  = 5 * time.Second
)

// inbox brings verified events to the log. Everything that queued up while
// the log was busy goes with one call, so that a burst shares what a durable
// write costs.
type inbox struct {
	log    Log
	logger *slog.Logger
	wake   chan struct{} // holds one signal
	lost   *atomic.Uint64
	taken  atomic.Uint64

	mu      sync.Mutex
	queue   []waiting
	bytes   int
	ofGroup map[string]int // bytes
	pending map[event.ID]struct{}
	full    bool // and the log line about it was written
}

type waiting struct {
	event *event.Event
	group string
	size  int
}

func newInbox(log Log, logger *slog.Logger, lost *atomic.Uint64) *inbox {
	return &inbox{
		log: log, logger: logger, lost: lost, wake: make(chan struct{}, 1),
		ofGroup: make(map[string]int), pending: make(map[event.ID]struct{}),
	}
}

// known reports whether an event is stored or about to be. The order matters:
// an event leaves pending after it is stored.
func (in *inbox) known(ctx context.Context, id event.ID) bool {
	in.mu.Lock()
	_, pending := in.pending[id]
	in.mu.Unlock()
	return pending || in.log.Have(ctx, id)
}

// add queues the events of one message of size bytes, or drops and counts them
// where the log has fallen too far behind: reconciliation brings them back.
func (in *inbox) add(group string, events []*event.Event, size int) {
	each := size/len(events) + waitingOverhead
	total := each * len(events)
	in.mu.Lock()
	if in.bytes+total > maxWaiting || in.ofGroup[group]+total > maxWaitingGroup {
		first := !in.full
		in.full = true
		in.mu.Unlock()
		in.lost.Add(1)
		if first {
			in.logger.Warn("the store is too slow for what arrives; messages are lost here until it recovers", "group", group)
		}
		return
	}
	for _, e := range events {
		if _, twice := in.pending[e.ID()]; twice {
			continue
		}
		in.pending[e.ID()] = struct{}{}
		in.queue = append(in.queue, waiting{e, group, each})
		in.bytes += each
		in.ofGroup[group] += each
	}
	in.mu.Unlock()
	select {
	case in.wake <- struct{}{}:
	default:
	}
}

// run takes until ctx ends, and then once more what is left.
func (in *inbox) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastTake)
			defer cancel()
			for in.take(last) {
			}
			return
		case <-in.wake:
			for in.take(ctx) {
			}
		}
	}
}

// take brings what is queued to the log, trying again until it is stored. It
// returns false when nothing is queued or ctx has ended.
func (in *inbox) take(ctx context.Context) bool {
	in.mu.Lock()
	n := min(len(in.queue), maxTake)
	events := make([]*event.Event, n)
	for i, w := range in.queue[:n] {
		events[i] = w.event
	}
	in.mu.Unlock()
	if n == 0 || ctx.Err() != nil {
		return false
	}
	for delay := retryFirst; ; delay = min(2*delay, retryLast) {
		err := in.log.Take(ctx, events)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return false
		}
		in.logger.Warn("storing messages of groups; trying again", "events", n, "error", err)
		timer := time.NewTimer(delay)
		select {
		case <-ctx.Done():
			timer.Stop()
			return false
		case <-timer.C:
		}
	}
	in.taken.Add(uint64(n))
	in.mu.Lock()
	defer in.mu.Unlock()
	in.remove(n)
	return true
}

// remove forgets the first n events of the queue.
func (in *inbox) remove(n int) {
	for _, w := range in.queue[:n] {
		delete(in.pending, w.event.ID())
		in.bytes -= w.size
		if in.ofGroup[w.group] -= w.size; in.ofGroup[w.group] == 0 {
			delete(in.ofGroup, w.group)
		}
	}
	rest := copy(in.queue, in.queue[n:])
	clear(in.queue[rest:])
	in.queue = in.queue[:rest]
	in.full = false
}
