package store

import (
	"context"
	"encoding/binary"
	"errors"

	"github.com/kith-chat/kith/identity"
)

// keptChanges is how many changes the log keeps; a watcher that was away for
// longer loads everything again.
const keptChanges = 100_000

// note gives a change its number and writes it to the log.
func (t *tx) note(c Change) {
	t.store.number++
	c.Number = t.store.number
	t.change(c)
}

func (t *tx) change(c Change) {
	v := make([]byte, 0, 2+64)
	fresh := byte(0)
	if c.Fresh {
		fresh = 1
	}
	v = append(v, byte(c.What), fresh)
	switch c.What {
	case ChangedContact:
		v = append(v, c.Account[:]...)
	case ChangedTransfer:
		v = append(v, c.ID[:]...)
	case ChangedChat, ChangedErased:
		v = append(v, c.Chat[:]...)
	default:
		v = append(v, c.Chat[:]...)
		v = append(v, c.ID[:]...)
	}
	t.set(key(keyChange, num(c.Number)), v)
}

func decodeChange(k, v []byte) (Change, error) {
	if len(k) != 9 || len(v) < 2+32 {
		return Change{}, ErrDamaged
	}
	c := Change{Number: binary.BigEndian.Uint64(k[1:]), What: What(v[0]), Fresh: v[1] == 1}
	rest := v[2:]
	switch c.What {
	case ChangedContact:
		c.Account = identity.AccountID(rest[:32])
	case ChangedTransfer:
		copy(c.ID[:], rest)
	case ChangedChat, ChangedErased:
		copy(c.Chat[:], rest)
	default:
		if len(rest) < 64 {
			return Change{}, ErrDamaged
		}
		copy(c.Chat[:], rest)
		copy(c.ID[:], rest[32:])
	}
	return c, nil
}

// Cursor returns the number of the last change.
func (s *Store) Cursor() uint64 { return s.committed.Load() }

// Wait waits until there is a change after the cursor. It returns ErrClosed
// when the store closes, and the context's error when that ends first.
func (s *Store) Wait(ctx context.Context, cursor uint64) error {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if s.committed.Load() > cursor {
			return nil
		}
		select {
		case <-changed:
		case <-s.stop:
			return ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Changes returns at most limit changes after the cursor and the cursor to go
// on from. reset says that the log does not reach back to the cursor.
func (s *Store) Changes(_ context.Context, cursor uint64, limit int) (out []Change, next uint64, reset bool, err error) {
	next = cursor
	err = s.view(func(t *tx) error {
		first := uint64(0)
		if err := t.keys([]byte{keyChange}, func(k []byte) (bool, error) {
			first = binary.BigEndian.Uint64(k[1:])
			return false, nil
		}); err != nil {
			return err
		}
		if last := s.committed.Load(); cursor > last || first > cursor+1 && first > 1 && cursor+1 < first {
			next, reset = last, true
			return nil
		}
		return t.scan([]byte{keyChange}, key(keyChange, num(cursor+1)), false, func(k, v []byte) (bool, error) {
			c, err := decodeChange(k, v)
			if err != nil {
				return true, nil //nolint:nilerr // a damaged line of the log hides one notice, no message
			}
			out = append(out, c)
			next = c.Number
			return len(out) < limit, nil
		})
	})
	return out, next, reset, err
}

// trimChanges removes what the log keeps too long, in a bounded step. What the
// search has not seen stays.
func (s *Store) trimChanges(ctx context.Context) error {
	last := s.committed.Load()
	if last <= keptChanges {
		return nil
	}
	floor := min(last-keptChanges, s.index.done.Load())
	return s.writeSmall(ctx, func(t *tx) error {
		n := 0
		err := t.keys([]byte{keyChange}, func(k []byte) (bool, error) {
			if binary.BigEndian.Uint64(k[1:]) >= floor || n >= maxBatchKeys/2 {
				return false, nil
			}
			n++
			t.del(append([]byte(nil), k...))
			return true, nil
		})
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		return err
	})
}
