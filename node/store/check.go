package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/kith-chat/kith/identity/event"
)

// Summary returns how many events of a chat stand in the span of time, widened
// to whole buckets of about 70 minutes, and the sum of their IDs modulo 2^256.
// It costs one step a bucket and no scan of the events.
func (s *Store) Summary(_ context.Context, chat event.ConversationID, from, to event.Time) (count uint64, sum [32]byte, err error) {
	err = s.view(func(t *tx) error {
		return t.scan(key(keyBucket, chat[:]), bucketKey(chat, from), false, func(k, v []byte) (bool, error) {
			if len(k) != 41 || binary.BigEndian.Uint64(k[33:]) > uint64(to)>>bucketSpan {
				return false, nil
			}
			if len(v) != 40 {
				return false, ErrDamaged
			}
			count += binary.BigEndian.Uint64(v)
			addSum(&sum, event.ID(v[8:]), false)
			return true, nil
		})
	})
	return count, sum, err
}

// Check counts a chat's events again, reads each, and compares with what was
// counted as they were written. A difference is ErrDamaged, with what is wrong:
// a disk that changes bits can make the database pass records over in silence.
func (s *Store) Check(ctx context.Context, chat event.ConversationID) error {
	return s.view(func(t *tx) error {
		c, err := t.chat(chat)
		if err != nil {
			return err
		}
		var count, unreadable uint64
		var sum [32]byte
		err = t.scan(key(keyTimeline, chat[:]), nil, false, func(k, _ []byte) (bool, error) {
			if err := ctx.Err(); err != nil {
				return false, err
			}
			_, id, err := splitTimeline(k)
			if err != nil {
				unreadable++
				return true, nil
			}
			count++
			addSum(&sum, id, false)
			r, err := t.record(id)
			if err == nil {
				var e *event.Event
				if e, err = event.Parse(r.raw); err == nil && e.ID() != id {
					err = ErrDamaged
				}
			}
			if err != nil {
				unreadable++
			}
			return true, nil
		})
		switch {
		case err != nil && !errors.Is(err, ctx.Err()):
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		case err != nil:
			return err
		case unreadable > 0:
			return fmt.Errorf("%w: %d events of the chat cannot be read", ErrDamaged, unreadable)
		case count != c.Events:
			return fmt.Errorf("%w: the chat has %d events where %d were written", ErrDamaged, count, c.Events)
		case sum != c.sum:
			return fmt.Errorf("%w: the chat's events are not those that were written", ErrDamaged)
		}
		return nil
	})
}
