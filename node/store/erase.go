package store

import (
	"context"
	"encoding/binary"
	"errors"

	"github.com/kith-chat/kith/identity/event"
)

// EraseBody erases the content of an event for ever: the header stays, so that
// the event is still known and never taken again with its body.
func (s *Store) EraseBody(ctx context.Context, id event.ID) error {
	return s.writeSmall(ctx, func(t *tx) error { return t.erase(id) })
}

func (t *tx) erase(id event.ID) error {
	r, err := t.record(id)
	if err != nil {
		return err
	}
	if r.flags&flagErased != 0 {
		return nil
	}
	e, err := event.Parse(r.raw)
	if err != nil {
		return nil //nolint:nilerr // damaged on disk: there is no body to erase
	}
	t.unindex(e, r.position)
	r.raw = e.Erased().Bytes()
	r.flags |= flagErased
	t.set(eventKey(id), r.encode())
	chat := e.Header().Conversation
	if c, err := t.chat(chat); err == nil {
		if err := t.readErased(c, id, r); err != nil {
			return err
		}
	}
	t.note(Change{What: ChangedEvent, Chat: chat, ID: id})
	return nil
}

// readErased takes an erased event out of the unread ones.
func (t *tx) readErased(c *chatRecord, id event.ID, r eventRecord) error {
	k := timelineKey(c.ID, r.effective, id)
	raw, err := t.get(k)
	if err != nil {
		return nil //nolint:nilerr // it has no place: nothing counts it
	}
	p, err := decodePlace(raw)
	if err != nil || p.flags&flagUnread == 0 {
		return err
	}
	if p.position > c.ReadPosition && c.Unread > 0 {
		c.Unread--
		if p.flags&flagMention != 0 && c.Mentions > 0 {
			c.Mentions--
		}
		t.putChat(c)
	}
	p.flags &^= flagUnread | flagMention
	t.set(k, p.encode())
	return nil
}

// eraseIfRetracted erases an event that its own account has taken back, with
// what it was edited to.
func (t *tx) eraseIfRetracted(c *chatRecord, id event.ID) error {
	e, err := t.entry(id)
	if unreadable(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if e.Event.Header().Conversation != c.ID {
		return nil
	}
	all, err := t.related(id)
	if err != nil {
		return err
	}
	retracted := false
	var edits []event.ID
	for _, r := range all {
		if r.Event.Author() != e.Event.Author() || r.Event.Header().Conversation != c.ID {
			continue
		}
		switch r.Event.Header().Kind {
		case event.KindRetract:
			retracted = true
		case event.KindEdit:
			edits = append(edits, r.Event.ID())
		}
	}
	if !retracted {
		return nil
	}
	for _, x := range append(edits, id) {
		if err := t.erase(x); err != nil {
			return err
		}
	}
	return nil
}

// expire erases bodies whose time has come, in a bounded step.
func (s *Store) expire(ctx context.Context, nowMillis int64) (more bool, err error) {
	err = s.writeSmall(ctx, func(t *tx) error {
		more = false
		var due []event.ID
		err := t.keys([]byte{keyExpiry}, func(k []byte) (bool, error) {
			if len(k) != 41 || binary.BigEndian.Uint64(k[1:]) > uint64(nowMillis) {
				return false, nil
			}
			if len(due) == eraseStep {
				more = true
				return false, nil
			}
			due = append(due, event.ID(k[9:]))
			t.del(append([]byte(nil), k...))
			return true, nil
		})
		if err != nil {
			return err
		}
		for _, id := range due {
			if err := t.erase(id); err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
		}
		return nil
	})
	return more, err
}
