package store

import (
	"errors"
	"testing"
	"time"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
)

// FuzzRecords reads bytes as each kind of record: what cannot be one is
// ErrDamaged, and what can be is written again as it was read.
func FuzzRecords(f *testing.F) {
	c := &chatRecord{Chat: Chat{ID: event.ConversationID{1}, Name: "lobby", Created: time.UnixMilli(1)}, heads: []head{{id: event.ID{1}, eff: 2}}}
	raw, err := c.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add(eventRecord{position: 1, arrived: time.UnixMilli(1), effective: 3, raw: []byte("event")}.encode())
	f.Add(place{state: Queued, position: 9, refused: "no"}.encode())
	f.Add(append([]byte{byte(ChangedEvent), 1}, make([]byte, 64)...))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		damaged := func(err error) {
			if err != nil && !errors.Is(err, ErrDamaged) {
				t.Errorf("%v is not ErrDamaged", err)
			}
		}
		if c, err := decodeChat(raw); err != nil {
			damaged(err)
		} else if again, err := c.encode(); err == nil {
			d, err := decodeChat(again)
			if err != nil || d.ID != c.ID || d.sum != c.sum || len(d.heads) != len(c.heads) {
				t.Errorf("a chat is read otherwise: %v", err)
			}
		}
		if r, err := decodeEventRecord(raw); err == nil && string(r.encode()[:8]) != string(raw[:8]) {
			t.Error("an event's record is written otherwise")
		} else {
			damaged(err)
		}
		if p, err := decodePlace(raw); err == nil && string(p.encode()) != string(raw) {
			t.Error("a place is written otherwise")
		} else {
			damaged(err)
		}
		_, err := decodeChain(raw)
		damaged(err)
		_, err = decodeTransfer(raw)
		damaged(err)
		_, err = decodeChange(key(keyChange, num(7)), raw)
		damaged(err)
		_, err = decodeChange(raw, raw)
		damaged(err)
		_, _, err = splitTimeline(raw)
		damaged(err)
		tx := &tx{store: &Store{}}
		if c, err := tx.decodeContact(raw); err == nil && c.Account == (identity.AccountID{}) {
			t.Error("a contact of nobody")
		}
	})
}
