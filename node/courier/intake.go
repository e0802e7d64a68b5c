package courier

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"golang.org/x/sync/errgroup"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/wire"
)

// taking is a stream of somebody who was answered. Two goroutines work on it:
// one reads and verifies, the other stores and answers, so that one frame is
// verified while the one before it is being synced. Frames that gather
// meanwhile share the next transaction and the next answer.
type taking struct {
	c     *Courier
	s     network.Stream
	in    *inbound
	src   *paced
	r     *wire.Reader
	w     *wire.Writer
	from  identity.AccountID
	chat  event.ConversationID
	known bool // friend's limits, not a stranger's
	queue *queue
}

func (t *taking) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer t.queue.close()
		return t.read(ctx)
	})
	g.Go(func() error {
		err := t.settle(ctx)
		if err != nil {
			_ = t.s.CloseRead() // unblocks the reader
		}
		return err
	})
	err := g.Wait()
	if errors.As(err, new(goAway)) {
		return nil // it was said; a reset could overtake it
	}
	return err
}

// read takes frames until the other side has nothing more to say.
func (t *taking) read(ctx context.Context) error {
	for seen := 0; ; {
		if t.known {
			if err := t.src.begin(patience); err != nil {
				return err
			}
		}
		raw, err := t.r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading events: %w", err)
		}
		t.c.count.bytesIn.Add(uint64(len(raw)))
		f, err := decodeFrame(raw)
		if err != nil {
			return err
		}
		if len(f.events) == 0 {
			return fmt.Errorf("%w: events were expected", errFrame)
		}
		if seen += len(f.events); !t.known && seen > strangerEvents {
			return fmt.Errorf("%w: a stranger sends more than one request", errFrame)
		}
		if err := pause(ctx, t.c.intake.charge(t.from, float64(len(f.events)), time.Now())); err != nil {
			return err
		}
		if err := t.s.Scope().ReserveMemory(len(raw), network.ReservationPriorityHigh); err != nil {
			return fmt.Errorf("reserving memory for events: %w", err)
		}
		err = t.queue.put(ctx, portion{items: t.c.verify.check(f.events), bytes: len(raw)})
		if err != nil {
			t.s.Scope().ReleaseMemory(len(raw))
			return err
		}
	}
}

// settle makes what was read durable, and answers for it.
func (t *taking) settle(ctx context.Context) error {
	var answer acks
	var buf []byte
	for {
		items, bytes, err := t.queue.take(ctx)
		if err != nil || len(items) == 0 {
			return err
		}
		err = t.store(ctx, items)
		t.s.Scope().ReleaseMemory(bytes)
		if err != nil {
			if ctx.Err() == nil {
				err = t.sayGoAway(err)
			}
			return err
		}
		answer.refused = answer.refused[:0]
		for i := range items {
			answer.through++
			if items[i].reason != ReasonNone {
				answer.refused = append(answer.refused, refusal{answer.through, items[i].reason})
			}
		}
		if n := len(answer.refused); n > 0 {
			t.c.count.refused.Add(uint64(n))
			t.c.intake.charge(t.from, float64(n*refusedCost), time.Now())
			t.c.log.Debug("events were refused", "account", t.from, "count", n, "first", answer.refused[0].reason)
		}
		buf = appendAcks(buf[:0], answer)
		if err := t.write(buf); err != nil {
			return fmt.Errorf("answering: %w", err)
		}
	}
}

func (t *taking) write(raw []byte) error {
	if t.known {
		if err := t.s.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
			return err
		}
	}
	t.c.count.bytesOut.Add(uint64(len(raw)))
	if err := t.w.Write(raw); err != nil {
		return err
	}
	return t.w.Flush()
}

// sayGoAway tells the other side that it is not to blame for err. Somebody who
// was blocked meanwhile is told nothing.
func (t *taking) sayGoAway(err error) error {
	if errors.Is(err, errTurnedAway) {
		return err
	}
	t.c.log.Warn("incoming events could not be stored", "account", t.from, "error", err)
	raw, encodeErr := goAwayStorage.encode()
	if encodeErr != nil || t.write(raw) != nil {
		return err
	}
	return goAwayStorage
}

// store judges the items in order and makes those durable that are taken. What
// is between the accounts can change on the way: an acceptance is followed by
// messages.
func (t *taking) store(ctx context.Context, items []item) error {
	ct, err := t.c.cfg.Contacts.Contact(ctx, t.from)
	if err != nil {
		return fmt.Errorf("reading the contact: %w", err)
	}
	ct.Account = t.from
	known := make(map[identity.DeviceID]bool, 1)
	revoked := func(d identity.DeviceID) bool {
		r, ok := known[d]
		if !ok {
			r = t.c.cfg.Devices.Revoked(ctx, t.from, d)
			known[d] = r
		}
		return r
	}
	batch := make([]*item, 0, len(items))
	for i := range items {
		it := &items[i]
		if it.reason != ReasonNone {
			continue
		}
		if ct.State == Blocked {
			return errTurnedAway
		}
		if it.reason = judge(it, t.from, t.chat, ct.State, revoked); it.reason != ReasonNone {
			continue
		}
		step, ok := it.body.(event.Contact)
		if !ok {
			batch = append(batch, it)
			continue
		}
		if err := t.put(ctx, batch); err != nil {
			return err
		}
		batch = batch[:0]
		if ct, it.reason, err = t.c.step(ctx, ct, it.event, step); err != nil {
			return err
		}
	}
	return t.put(ctx, batch)
}

// put makes events of a friend durable, and then what they say of our own.
func (t *taking) put(ctx context.Context, batch []*item) error {
	if len(batch) == 0 {
		return nil
	}
	now := time.Now()
	arrivals := make([]Arrival, len(batch))
	for i, it := range batch {
		ahead := event.TooFarAhead(it.event.Header().Time, now)
		arrivals[i] = Arrival{Event: it.event, From: t.from, Deferred: ahead}
		if ahead {
			t.c.count.deferred.Add(1)
		}
	}
	err := t.c.cfg.Log.PutIncoming(ctx, arrivals)
	if errors.Is(err, ErrRefused) {
		err = t.putEach(ctx, batch, arrivals)
	}
	if err != nil {
		return err
	}
	var read event.ID
	for _, it := range batch {
		if it.reason == ReasonNone {
			t.c.count.taken.Add(1)
			if b, ok := it.body.(event.Receipt); ok {
				read = b.ReadUpTo
			}
		}
	}
	if read.IsZero() {
		return nil
	}
	return t.c.cfg.Log.PutReadBy(ctx, t.chat, t.from, read)
}

// putEach finds the event that can never be stored, so that it does not hold
// up the rest.
func (t *taking) putEach(ctx context.Context, batch []*item, arrivals []Arrival) error {
	for i, it := range batch {
		err := t.c.cfg.Log.PutIncoming(ctx, arrivals[i:i+1])
		switch {
		case errors.Is(err, ErrRefused):
			it.reason = ReasonInvalid
		case err != nil:
			return err
		}
	}
	return nil
}

// pause waits for d.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// portion is a verified frame.
type portion struct {
	items []item
	bytes int
}

// queue stands between the reader of a stream and its store. It has one of
// each.
type queue struct {
	mu         sync.Mutex
	waiting    []portion
	bytes      int
	closed     bool
	more, room chan struct{}
}

func newQueue() *queue {
	return &queue{more: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// put adds a portion, and waits while there is too much before it.
func (q *queue) put(ctx context.Context, p portion) error {
	for {
		q.mu.Lock()
		if q.bytes == 0 || q.bytes+p.bytes <= intakeBytes {
			q.waiting = append(q.waiting, p)
			q.bytes += p.bytes
			q.mu.Unlock()
			signal(q.more)
			return nil
		}
		q.mu.Unlock()
		select {
		case <-q.room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// close says that nothing more comes.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	signal(q.more)
}

// take returns what waits, maxSettle items or one portion at most, and the
// bytes of its frames. It returns nothing when the queue is closed and empty.
func (q *queue) take(ctx context.Context) ([]item, int, error) {
	for {
		q.mu.Lock()
		if len(q.waiting) > 0 {
			items, bytes, n := q.waiting[0].items, q.waiting[0].bytes, 1
			for n < len(q.waiting) && len(items)+len(q.waiting[n].items) <= maxSettle {
				items = append(items, q.waiting[n].items...)
				bytes += q.waiting[n].bytes
				n++
			}
			q.waiting = append(q.waiting[:0], q.waiting[n:]...)
			q.bytes -= bytes
			q.mu.Unlock()
			signal(q.room)
			return items, bytes, nil
		}
		closed := q.closed
		q.mu.Unlock()
		if closed {
			return nil, 0, nil
		}
		select {
		case <-q.more:
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
	}
}
