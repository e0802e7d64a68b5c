package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/kith-chat/kith/identity/event"
)

// maxDeferred bounds the events that are kept aside in one chat because they
// are dated ahead.
const maxDeferred = 1000

// stepBytes is how much of an incoming batch one step takes, so that it fits
// into a commit.
const stepBytes = 128 << 10

// PutIncoming stores events that the caller has verified, all of chats that
// are here. When it returns without an error every event is durable, or there
// was a reason not to keep it: see Result. The order of the outcomes is that
// of the events. An event whose chat is unknown gives ErrNotFound, and nothing
// behind it is stored.
func (s *Store) PutIncoming(ctx context.Context, events []*event.Event) ([]Outcome, error) {
	out := make([]Outcome, 0, len(events))
	for len(events) > 0 {
		n, size := 0, 0
		for n < len(events) && (n == 0 || size < stepBytes) {
			size += events[n].Size() + 512
			n++
		}
		step := events[:n]
		events = events[n:]
		var got []Outcome
		err := s.write(ctx, func(t *tx) error {
			got = got[:0]
			now := time.Now()
			for _, e := range step {
				o, err := t.incoming(e, now)
				if err != nil {
					return err
				}
				got = append(got, o)
			}
			return nil
		})
		if err != nil {
			return out, err
		}
		out = append(out, got...)
	}
	return out, nil
}

func (t *tx) incoming(e *event.Event, now time.Time) (Outcome, error) {
	h, id := e.Header(), e.ID()
	if t.has(eventKey(id)) {
		entry, err := t.entry(id)
		if err != nil { // damaged: what arrived is as good as what was there
			t.store.log.Warn("a damaged event has arrived again", "event", id, "error", err)
			return Outcome{Entry: Entry{Event: e}, Result: Duplicate}, nil
		}
		return Outcome{Entry: entry, Result: Duplicate}, nil
	}
	c, err := t.chat(h.Conversation)
	if err != nil {
		return Outcome{}, fmt.Errorf("the event's conversation: %w", err)
	}
	if event.TooFarAhead(h.Time, now) {
		return t.putAside(c, e)
	}
	if c.floor > 0 && h.Time < c.floor {
		return Outcome{Result: Pruned}, nil
	}
	state := Received
	if e.Author() == t.store.opts.Self {
		state = Sent // from another device of ours, or given back to us
	}
	entry, err := t.insert(c, e, state, now)
	if err != nil {
		return Outcome{}, err
	}
	forked, err := t.extend(e)
	return Outcome{Entry: entry, Result: Taken, Forked: forked}, err
}

// futureKey is where an event waits for its date.
func futureKey(e *event.Event) []byte {
	id := e.ID()
	due := e.Header().Time.Wall().Add(-event.MaxAhead)
	return key(keyFuture, num(uint64(due.UnixMilli())), id[:])
}

// putAside keeps an event that is dated too far ahead until it is due.
func (t *tx) putAside(c *chatRecord, e *event.Event) (Outcome, error) {
	k := futureKey(e)
	if t.has(k) {
		return Outcome{Result: Deferred}, nil
	}
	if c.deferred >= maxDeferred {
		return Outcome{Result: Overflow}, nil
	}
	c.deferred++
	t.putChat(c)
	t.set(k, e.Bytes())
	return Outcome{Result: Deferred}, nil
}

// release takes the events that have become due into their chats.
func (s *Store) release(ctx context.Context, now time.Time) error {
	type due struct {
		key []byte
		raw []byte
	}
	var ready []due
	err := s.view(func(t *tx) error {
		return t.scan([]byte{keyFuture}, nil, false, func(k, v []byte) (bool, error) {
			if len(k) < 9 || binary.BigEndian.Uint64(k[1:]) > uint64(now.UnixMilli()) || len(ready) >= 64 {
				return false, nil
			}
			ready = append(ready, due{append([]byte(nil), k...), v})
			return true, nil
		})
	})
	if err != nil {
		return err
	}
	for _, d := range ready {
		var o Outcome
		err := s.write(ctx, func(t *tx) error {
			o = Outcome{}
			t.del(d.key)
			e, err := event.Parse(d.raw)
			if err != nil {
				return nil //nolint:nilerr // damaged on disk: there is nothing to release
			}
			if err := e.Readmit(&s.certs); err != nil {
				return nil //nolint:nilerr // as above
			}
			c, err := t.chat(e.Header().Conversation)
			if errors.Is(err, ErrNotFound) {
				return nil
			}
			if err != nil {
				return err
			}
			if c.deferred > 0 {
				c.deferred--
			}
			t.putChat(c)
			o, err = t.incoming(e, now)
			return err
		})
		if err != nil {
			return err
		}
		if o.Result == Taken && o.Entry.Event != nil && s.opts.Released != nil {
			s.opts.Released(o.Entry)
		}
	}
	return nil
}
