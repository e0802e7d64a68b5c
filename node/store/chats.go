package store

import (
	"context"
	"errors"

	"github.com/kith-chat/kith/identity/event"
)

// PutChat makes a chat, or sets what a person sets of one; what the store keeps
// of it stays.
func (s *Store) PutChat(ctx context.Context, c Chat) error {
	return s.write(ctx, func(t *tx) error {
		r, err := t.chat(c.ID)
		if errors.Is(err, ErrNotFound) {
			r, err = &chatRecord{Chat: Chat{ID: c.ID, Created: c.Created}}, nil
		}
		if err != nil {
			return err
		}
		r.Kind, r.Name, r.Peer, r.Joined = c.Kind, c.Name, c.Peer, c.Joined
		r.Muted, r.Pinned, r.RetentionDays, r.Draft = c.Muted, c.Pinned, c.RetentionDays, c.Draft
		t.putChat(r)
		t.note(Change{What: ChangedChat, Chat: c.ID})
		return nil
	})
}

// Chat returns a chat; ErrNotFound.
func (s *Store) Chat(_ context.Context, id event.ConversationID) (c Chat, err error) {
	err = s.view(func(t *tx) error {
		r, err := t.chat(id)
		if err == nil {
			c = r.Chat
		}
		return err
	})
	return c, err
}

// Chats returns all chats, in no order that means anything.
func (s *Store) Chats(_ context.Context) (out []Chat, err error) {
	err = s.view(func(t *tx) error {
		return t.scan([]byte{keyChat}, nil, false, func(_, v []byte) (bool, error) {
			r, err := decodeChat(v)
			if err != nil {
				s.log.Error("a chat cannot be read", "error", err)
				return true, nil
			}
			out = append(out, r.Chat)
			return true, nil
		})
	})
	return out, err
}

// DeleteChat erases a chat with all its events, in bounded steps: after a crash
// in the middle, calling it again goes on.
func (s *Store) DeleteChat(ctx context.Context, id event.ConversationID) error {
	for {
		left := false
		err := s.writeSmall(ctx, func(t *tx) error {
			var err error
			left, err = t.eraseSome(id, 1<<63)
			return err
		})
		if err != nil {
			return err
		}
		if left {
			continue
		}
		return s.writeSmall(ctx, func(t *tx) error {
			for _, p := range []byte{keyChain, keyBucket, keyGroupBox} {
				if err := t.delPrefix(key(p, id[:])); err != nil {
					return err
				}
			}
			t.del(chatKey(id))
			delete(t.chats, string(id[:]))
			t.note(Change{What: ChangedErased, Chat: id})
			return nil
		})
	}
}

func (t *tx) delPrefix(prefix []byte) error {
	return t.keys(prefix, func(k []byte) (bool, error) {
		t.del(append([]byte(nil), k...))
		return true, nil
	})
}

// Prune erases what is older than each chat keeps, and bodies that have
// expired, and trims the log of changes. Each call does a bounded amount; it
// reports whether there is more.
func (s *Store) Prune(ctx context.Context, nowMillis int64) (more bool, err error) {
	chats, err := s.Chats(ctx)
	if err != nil {
		return false, err
	}
	for _, c := range chats {
		if c.RetentionDays == 0 {
			continue
		}
		floor := event.Time(nowMillis-int64(c.RetentionDays)*24*60*60*1000) << 16
		left := false
		err := s.writeSmall(ctx, func(t *tx) error {
			left, err = t.eraseSome(c.ID, floor)
			if err != nil {
				return err
			}
			r, err := t.chat(c.ID)
			if err != nil {
				return err
			}
			if !left && floor > r.floor {
				r.floor = floor
				t.putChat(r)
			}
			return nil
		})
		if err != nil {
			return false, err
		}
		more = more || left
	}
	expired, err := s.expire(ctx, nowMillis)
	if err != nil {
		return false, err
	}
	return more || expired, s.trimChanges(ctx)
}

// eraseStep is how many events one step erases.
const eraseStep = 300

// eraseSome erases the oldest events of a chat that stand before a time, and
// reports whether there are more of them.
func (t *tx) eraseSome(chat event.ConversationID, before event.Time) (left bool, err error) {
	c, err := t.chat(chat)
	if err != nil {
		return false, err
	}
	type victim struct {
		key []byte
		eff event.Time
		id  event.ID
		p   place
	}
	var victims []victim
	err = t.scan(key(keyTimeline, chat[:]), nil, false, func(k, v []byte) (bool, error) {
		eff, id, err := splitTimeline(k)
		if err != nil || eff >= before {
			return false, err
		}
		if len(victims) == eraseStep {
			left = true
			return false, nil
		}
		p, err := decodePlace(v)
		if err != nil {
			p = place{}
		}
		victims = append(victims, victim{append([]byte(nil), k...), eff, id, p})
		return true, nil
	})
	if err != nil {
		return false, err
	}
	for _, v := range victims {
		if r, err := t.record(v.id); err == nil {
			if e, err := event.Parse(r.raw); err == nil {
				t.unindex(e, r.position)
			}
		}
		t.del(v.key)
		t.del(eventKey(v.id))
		t.del(groupBoxKey(chat, v.p.position))
		if err := t.delPrefix(key(keyRelated, v.id[:])); err != nil {
			return false, err
		}
		if err := t.addToBucket(chat, v.eff, v.id, true); err != nil {
			return false, err
		}
		addSum(&c.sum, v.id, true)
		c.Events--
		if v.p.flags&flagShown != 0 {
			c.Shown--
		}
		if v.p.flags&flagUnread != 0 && v.p.position > c.ReadPosition && c.Unread > 0 {
			c.Unread--
		}
		if v.id == c.Last {
			c.Last, c.lastEff = event.ID{}, 0
		}
	}
	if len(victims) > 0 {
		t.putChat(c)
	}
	return left, nil
}
