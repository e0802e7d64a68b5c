package store

import (
	"context"
	"fmt"
	"time"

	"github.com/kith-chat/kith/identity/event"
)

// PutOutgoing makes an event of our own: it gives it its place, has it signed,
// and stores it with a row in each outbox, all in one durable step. What it
// returns is what a person may be shown as queued. An error means that it is
// unknown whether the event was kept only if it wraps a failed write; all other
// errors leave nothing behind.
func (s *Store) PutOutgoing(ctx context.Context, out Outgoing) (Entry, error) {
	var entry Entry
	err := s.write(ctx, func(t *tx) error {
		var err error
		entry, err = t.outgoing(out)
		return err
	})
	return entry, err
}

// PutOutgoingBatch is PutOutgoing for many events in one step: all are kept or
// none.
func (s *Store) PutOutgoingBatch(ctx context.Context, outs []Outgoing) ([]Entry, error) {
	var entries []Entry
	err := s.write(ctx, func(t *tx) error {
		entries = make([]Entry, 0, len(outs))
		for _, out := range outs {
			e, err := t.outgoing(out)
			if err != nil {
				return err
			}
			entries = append(entries, e)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return entries, nil
}

func (t *tx) outgoing(out Outgoing) (Entry, error) {
	c, err := t.chat(out.Chat)
	if err != nil {
		return Entry{}, err
	}
	chain, device, err := t.ownChain(out.Chat)
	if err != nil {
		return Entry{}, err
	}
	now := time.Now()
	e, err := signAt(c, chain, now, out)
	if err != nil {
		return Entry{}, err
	}
	h := e.Header()
	if device.IsZero() {
		if err := t.bindDevice(h.Device); err != nil {
			return Entry{}, err
		}
		// The store is new and the device may not be: what it said before has
		// perhaps come back from others.
		if chain, err = t.chain(out.Chat, h.Device); err != nil {
			return Entry{}, err
		}
		if chain.last > 0 {
			if e, err = signAt(c, chain, now, out); err != nil {
				return Entry{}, err
			}
		}
	} else if device != h.Device {
		return Entry{}, fmt.Errorf("making the event: the store belongs to another device")
	}
	state := Queued
	if out.Foreign {
		state = Received
	} else if len(out.To) == 0 && !out.ToGroup {
		state = Sent
	}
	entry, err := t.insert(c, e, state, now)
	if err != nil {
		return Entry{}, err
	}
	if _, err := t.extend(e); err != nil {
		return Entry{}, err
	}
	id := e.ID()
	for _, a := range out.To {
		t.set(outboxKey(a, entry.Position), id[:])
	}
	if out.ToGroup {
		t.set(groupBoxKey(out.Chat, entry.Position), id[:])
	}
	return entry, nil
}

// signAt has an event signed for the place behind the chain of its device.
func signAt(c *chatRecord, chain chain, now time.Time, out Outgoing) (*event.Event, error) {
	slot := Slot{Sequence: chain.last + 1, Previous: chain.lastID}
	seen := []event.Time{c.latest}
	for _, h := range c.heads[:min(len(c.heads), event.MaxParents)] {
		slot.Parents = append(slot.Parents, h.id)
		seen = append(seen, h.eff)
	}
	slot.Time = event.Next(now, seen...)
	e, err := out.Sign(slot)
	if err != nil {
		return nil, fmt.Errorf("making the event: %w", err)
	}
	if h := e.Header(); h.Conversation != out.Chat || h.Sequence != slot.Sequence || h.Previous != slot.Previous {
		return nil, fmt.Errorf("making the event: it does not stand where it was asked to")
	}
	return e, nil
}
