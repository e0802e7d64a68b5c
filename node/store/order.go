package store

import (
	"context"
	"errors"

	"github.com/kith-chat/kith/identity/event"
)

// Order calls fn with the place that each event of a chat has given itself:
// the time of its own header, and its ID. What two stores compare must not
// depend on what else either has, as the order of the chat does. Records that
// cannot be read are left out.
func (s *Store) Order(ctx context.Context, chat event.ConversationID, fn func(event.Time, event.ID)) error {
	return s.view(func(t *tx) error {
		return t.events(chat, func(e *event.Event) error {
			fn(e.Header().Time, e.ID())
			return ctx.Err()
		})
	})
}

// events calls fn with each event of a chat, in the order of the chat. Records
// that cannot be read are left out; Check reports them.
func (t *tx) events(chat event.ConversationID, fn func(*event.Event) error) error {
	return t.keys(key(keyTimeline, chat[:]), func(k []byte) (bool, error) {
		_, id, err := splitTimeline(k)
		if err != nil {
			return true, nil //nolint:nilerr // reported by Check
		}
		r, err := t.record(id)
		if err != nil {
			return true, nil //nolint:nilerr // as above
		}
		if e, err := event.Parse(r.raw); err == nil && e.ID() == id {
			return true, fn(e)
		}
		return true, nil
	})
}

// unreadable reports whether a record is not here, or not as it was written:
// what does not hinge on it goes on.
func unreadable(err error) bool { return errors.Is(err, ErrNotFound) || errors.Is(err, ErrDamaged) }
