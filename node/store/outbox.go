package store

import (
	"context"
	"encoding/binary"
	"errors"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
)

// Outbox returns at most limit rows that wait for a person, in the order in
// which they were said, after the position.
func (s *Store) Outbox(_ context.Context, to identity.AccountID, after uint64, limit int) ([]QueuedEvent, error) {
	return s.rows(key(keyOutbox, to[:]), after, limit)
}

// OutboxGroup returns at most limit rows that wait to be published in a group.
func (s *Store) OutboxGroup(_ context.Context, chat event.ConversationID, after uint64, limit int) ([]QueuedEvent, error) {
	return s.rows(key(keyGroupBox, chat[:]), after, limit)
}

func (s *Store) rows(prefix []byte, after uint64, limit int) (out []QueuedEvent, err error) {
	err = s.view(func(t *tx) error {
		return t.scan(prefix, append(append([]byte(nil), prefix...), num(after+1)...), false, func(k, v []byte) (bool, error) {
			if len(k) != len(prefix)+8 || len(v) != 32 {
				return true, nil
			}
			id := event.ID(v)
			r, err := t.record(id)
			if errors.Is(err, ErrNotFound) {
				return true, nil
			}
			if errors.Is(err, ErrDamaged) {
				s.log.Error("a damaged event cannot be sent", "event", id, "error", err)
				return true, nil
			}
			if err != nil {
				return false, err
			}
			if e, perr := event.Parse(r.raw); perr != nil || e.ID() != id {
				s.log.Error("a damaged event cannot be sent", "event", id, "error", perr)
				return true, nil
			}
			out = append(out, QueuedEvent{ID: id, Position: binary.BigEndian.Uint64(k[len(prefix):]), Bytes: r.raw})
			return len(out) < limit, nil
		})
	})
	return out, err
}

// OutboxAccounts returns everybody for whom something waits.
func (s *Store) OutboxAccounts(_ context.Context) (out []identity.AccountID, err error) {
	err = s.view(func(t *tx) error {
		seek := []byte{keyOutbox}
		for {
			var found *identity.AccountID
			err := t.iterate([]byte{keyOutbox}, seek, false, false, func(k, _ []byte) (bool, error) {
				if len(k) == 41 {
					a := identity.AccountID(k[1:33])
					found = &a
				}
				return false, nil
			})
			if err != nil || found == nil {
				return err
			}
			out = append(out, *found)
			seek = key(keyOutbox, found[:], []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
		}
	})
	return out, err
}

// OutboxLen returns how many rows wait, in all outboxes.
func (s *Store) OutboxLen(_ context.Context) (n int, err error) {
	err = s.view(func(t *tx) error {
		count := func([]byte) (bool, error) { n++; return true, nil }
		if err := t.keys([]byte{keyOutbox}, count); err != nil {
			return err
		}
		return t.keys([]byte{keyGroupBox}, count)
	})
	return n, err
}

// OutboxCount returns how many rows wait for a person.
func (s *Store) OutboxCount(_ context.Context, to identity.AccountID) (n int, err error) {
	err = s.view(func(t *tx) error {
		return t.keys(key(keyOutbox, to[:]), func([]byte) (bool, error) { n++; return true, nil })
	})
	return n, err
}
