package store

import (
	"context"
	"encoding/base32"
	"strings"
	"time"

	"github.com/kith-chat/kith/identity/event"
)

// Place is where an event stands in its chat.
type Place struct {
	Effective event.Time
	ID        event.ID
}

// Page says which part of a chat is wanted: shown events that stand before
// Before, after After, not before Since and before Until; the newest Limit of
// them, or with Oldest the oldest.
type Page struct {
	Before, After *Place
	Since, Until  time.Time
	Limit         int
	Oldest        bool
}

// History returns a page of shown events in the order in which they stand,
// and whether there are more beyond the limit.
func (s *Store) History(_ context.Context, chat event.ConversationID, page Page) (out []Entry, more bool, err error) {
	from, to := page.bounds(chat)
	err = s.view(func(t *tx) error {
		seek, reverse := to, true
		if page.Oldest {
			seek, reverse = from, false
		}
		return t.iterate(key(keyTimeline, chat[:]), seek, reverse, true, func(k, v []byte) (bool, error) {
			if s := string(k); reverse && s < string(from) || !reverse && s > string(to) {
				return false, nil
			} else if reverse && s == string(to) && page.Before != nil || !reverse && s == string(from) && page.After != nil {
				return true, nil
			} else if page.After != nil && s == string(from) || page.Before != nil && s == string(to) {
				return false, nil
			}
			p, err := decodePlace(v)
			if err != nil || p.flags&flagShown == 0 {
				return true, nil //nolint:nilerr // reported by Check
			}
			if len(out) == page.Limit {
				more = true
				return false, nil
			}
			e, ok := t.shownEntry(k, p)
			if ok {
				out = append(out, e)
			}
			return true, nil
		})
	})
	if !page.Oldest {
		for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
			out[i], out[j] = out[j], out[i]
		}
	}
	return out, more, err
}

// shownEntry reads the event of a place; a damaged one is passed over and
// reported, so that one bad record does not hide a whole chat.
func (t *tx) shownEntry(k []byte, p place) (Entry, bool) {
	_, id, err := splitTimeline(k)
	if err != nil {
		return Entry{}, false
	}
	r, err := t.record(id)
	if err == nil {
		e, perr := t.parse(id, r)
		if perr == nil {
			return entryOf(e, r, p), true
		}
		err = perr
	}
	t.store.log.Error("an event cannot be read", "event", id, "error", err)
	return Entry{}, false
}

// bounds returns the first and last key that the page can hold.
func (p Page) bounds(chat event.ConversationID) (from, to []byte) {
	from = key(keyTimeline, chat[:], num(0))
	to = key(keyTimeline, chat[:], num(1<<64-1), []byte(strings.Repeat("\xff", 33)))
	if !p.Since.IsZero() {
		from = key(keyTimeline, chat[:], num(uint64(event.TimeOf(p.Since))))
	}
	if !p.Until.IsZero() {
		to = key(keyTimeline, chat[:], num(uint64(event.TimeOf(p.Until))))
	}
	if p.After != nil {
		if k := timelineKey(chat, p.After.Effective, p.After.ID); string(k) > string(from) {
			from = k
		}
	}
	if p.Before != nil {
		if k := timelineKey(chat, p.Before.Effective, p.Before.ID); string(k) < string(to) {
			to = k
		}
	}
	return from, to
}

// maxRelated bounds how many events that refer to one are read.
const maxRelated = 2000

// Related returns the events that refer to one: edits, retractions, reactions.
func (s *Store) Related(_ context.Context, id event.ID) (out []Entry, err error) {
	err = s.view(func(t *tx) error {
		out, err = t.related(id)
		return err
	})
	return out, err
}

func (t *tx) related(id event.ID) (out []Entry, err error) {
	err = t.keys(key(keyRelated, id[:]), func(k []byte) (bool, error) {
		if len(k) != 65 {
			return true, nil
		}
		e, err := t.entry(event.ID(k[33:]))
		if err == nil {
			out = append(out, e)
		} else {
			t.store.log.Error("an event cannot be read", "event", event.ID(k[33:]), "error", err)
		}
		return len(out) < maxRelated, nil
	})
	return out, err
}

// minPrefix is the least that a shortened ID may have, in characters.
const minPrefix = 4

// Resolve returns the ID that a full or shortened text form means; ErrNotFound,
// ErrAmbiguous.
func (s *Store) Resolve(_ context.Context, text string) (event.ID, error) {
	if id, err := event.ParseID(text); err == nil {
		return id, nil
	}
	text = strings.ToLower(strings.TrimSpace(text))
	if len(text) < minPrefix || len(text) > 52 {
		return event.ID{}, ErrNotFound
	}
	// Whole bytes of the prefix narrow the range; the rest is compared as text.
	enc := base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
	whole := text[:len(text)/8*8]
	for _, n := range []int{7, 5, 4, 2} { // lengths that decode to whole bytes
		if rest := len(text) - len(whole); rest >= n {
			whole = text[:len(whole)+n]
			break
		}
	}
	head, err := enc.DecodeString(whole)
	if err != nil && len(head) == 0 {
		return event.ID{}, ErrNotFound
	}
	if n := len(whole) * 5 / 8; n < len(head) {
		head = head[:n]
	}
	var found []event.ID
	err = s.view(func(t *tx) error {
		return t.keys(key(keyEvent, head), func(k []byte) (bool, error) {
			if len(k) == 33 {
				if id := event.ID(k[1:]); strings.HasPrefix(id.String(), text) {
					found = append(found, id)
				}
			}
			return len(found) < 2, nil
		})
	})
	switch {
	case err != nil:
		return event.ID{}, err
	case len(found) == 0:
		return event.ID{}, ErrNotFound
	case len(found) > 1:
		return event.ID{}, ErrAmbiguous
	}
	return found[0], nil
}
