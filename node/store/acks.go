package store

import (
	"context"
	"errors"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
)

// maxReason bounds why a recipient refused, in bytes.
const maxReason = 200

// PutAck records a recipient's answers: the rows leave the outbox, and the
// events become delivered, or refused. Answers for events that are not in that
// outbox change nothing.
func (s *Store) PutAck(ctx context.Context, from identity.AccountID, acks []Ack) error {
	for len(acks) > 0 {
		step := acks[:min(len(acks), 512)]
		acks = acks[len(step):]
		err := s.writeSmall(ctx, func(t *tx) error {
			for _, a := range step {
				r, err := t.record(a.ID)
				if unreadable(err) {
					continue
				}
				if err != nil {
					return err
				}
				k := outboxKey(from, r.position)
				if !t.has(k) {
					continue
				}
				t.del(k)
				state, why := Delivered, ""
				if a.Refused != "" {
					state, why = Refused, a.Refused[:min(len(a.Refused), maxReason)]
				}
				if err := t.setState(a.ID, r, state, why); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// MarkSent records that events were given to a peer. With done the rows of the
// group's outbox go as well.
func (s *Store) MarkSent(ctx context.Context, ids []event.ID, done bool) error {
	return s.writeSmall(ctx, func(t *tx) error {
		for _, id := range ids {
			r, err := t.record(id)
			if unreadable(err) {
				continue
			}
			if err != nil {
				return err
			}
			e, err := event.Parse(r.raw)
			if err != nil {
				continue
			}
			if done {
				t.del(groupBoxKey(e.Header().Conversation, r.position))
			}
			if err := t.setState(id, r, Sent, ""); err != nil {
				return err
			}
		}
		return nil
	})
}

// rank orders the states: an event never goes back.
func (s State) rank() int {
	switch s {
	case Queued:
		return 1
	case Sent:
		return 2
	case Stored:
		return 3
	case Delivered, Refused:
		return 4
	case Read:
		return 5
	}
	return 6
}

func (t *tx) setState(id event.ID, r eventRecord, state State, why string) error {
	e, err := event.Parse(r.raw)
	if err != nil {
		return nil //nolint:nilerr // damaged on disk: nobody can show its state
	}
	chat := e.Header().Conversation
	k := timelineKey(chat, r.effective, id)
	raw, err := t.get(k)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	p, err := decodePlace(raw)
	if err != nil {
		return err
	}
	if state.rank() <= p.state.rank() {
		return nil
	}
	p.state, p.refused = state, why
	t.set(k, p.encode())
	t.note(Change{What: ChangedEvent, Chat: chat, ID: id})
	return nil
}

// maxReceipt bounds how many events one receipt can mark at once; older ones
// were marked by an earlier receipt.
const maxReceipt = 2000

// PutReadBy applies a friend's receipt: our events up to the one it names
// become read.
func (s *Store) PutReadBy(ctx context.Context, chat event.ConversationID, upTo event.ID) error {
	return s.writeSmall(ctx, func(t *tx) error {
		r, err := t.record(upTo)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		seen := 0
		var mine []event.ID
		err = t.scan(key(keyTimeline, chat[:]), timelineKey(chat, r.effective, upTo), true, func(k, v []byte) (bool, error) {
			_, id, err := splitTimeline(k)
			if err != nil {
				return true, nil //nolint:nilerr // reported by Check
			}
			p, err := decodePlace(v)
			if err != nil || p.flags&flagShown == 0 {
				return true, nil //nolint:nilerr // as above
			}
			if p.state == Read {
				return false, nil
			}
			if p.state == Queued || p.state == Sent || p.state == Delivered || p.state == Stored {
				mine = append(mine, id)
			}
			seen++
			return seen < maxReceipt, nil
		})
		if err != nil {
			return err
		}
		for _, id := range mine {
			r, err := t.record(id)
			if err != nil {
				return err
			}
			if err := t.setState(id, r, Read, ""); err != nil {
				return err
			}
		}
		return nil
	})
}

// MarkRead moves our own read position to an event: what arrived up to it is
// no longer unread. It reports whether the position moved.
func (s *Store) MarkRead(ctx context.Context, chat event.ConversationID, upTo event.ID) (moved bool, err error) {
	err = s.writeSmall(ctx, func(t *tx) error {
		moved = false
		c, err := t.chat(chat)
		if err != nil {
			return err
		}
		r, err := t.record(upTo)
		if err != nil {
			return err
		}
		if r.position <= c.ReadPosition {
			return nil
		}
		moved = true
		was := c.ReadPosition
		c.ReadPosition, c.ReadUpTo = r.position, upTo
		if err := t.recount(c, was); err != nil {
			return err
		}
		t.putChat(c)
		t.note(Change{What: ChangedChat, Chat: chat})
		return nil
	})
	return moved, err
}

// recount counts what is still unread after the position moved from was. The
// unread events are among the newest: it goes back until it has seen them all.
func (t *tx) recount(c *chatRecord, was uint64) error {
	left := c.Unread
	c.Unread, c.Mentions = 0, 0
	if left == 0 {
		return nil
	}
	return t.scan(key(keyTimeline, c.ID[:]), nil, true, func(_, v []byte) (bool, error) {
		p, err := decodePlace(v)
		if err != nil || p.flags&flagUnread == 0 || p.position <= was {
			return true, nil //nolint:nilerr // reported by Check
		}
		if p.position > c.ReadPosition {
			c.Unread++
			if p.flags&flagMention != 0 {
				c.Mentions++
			}
		}
		left--
		return left > 0, nil
	})
}
