package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/kith-chat/kith/identity/event"
)

// ErrDamaged says that a record is not what was written: the disk has changed it.
var ErrDamaged = errors.New("a record in the store is damaged")

// The flags of an event's record and of its place in the timeline.
const (
	flagLate   = 1 << 0
	flagErased = 1 << 1

	flagShown   = 1 << 0
	flagRelated = 1 << 1
	flagUnread  = 1 << 2 // counts as unread until it is read
	flagMention = 1 << 3
)

// eventRecord is the value under eventKey.
type eventRecord struct {
	position  uint64
	arrived   time.Time
	effective event.Time
	flags     byte
	raw       []byte // the event as it travels
}

const eventRecordHead = 8 + 8 + 8 + 1

func (r eventRecord) encode() []byte {
	b := make([]byte, 0, eventRecordHead+len(r.raw))
	b = binary.BigEndian.AppendUint64(b, r.position)
	b = binary.BigEndian.AppendUint64(b, uint64(r.arrived.UnixMilli()))
	b = binary.BigEndian.AppendUint64(b, uint64(r.effective))
	b = append(b, r.flags)
	return append(b, r.raw...)
}

func decodeEventRecord(b []byte) (eventRecord, error) {
	if len(b) < eventRecordHead {
		return eventRecord{}, ErrDamaged
	}
	return eventRecord{
		position:  binary.BigEndian.Uint64(b),
		arrived:   time.UnixMilli(int64(binary.BigEndian.Uint64(b[8:]))).UTC(),
		effective: event.Time(binary.BigEndian.Uint64(b[16:])),
		flags:     b[24],
		raw:       b[eventRecordHead:],
	}, nil
}

// place is the value under timelineKey.
type place struct {
	state    State
	flags    byte
	kind     event.Kind
	position uint64
	refused  string
}

const placeHead = 1 + 1 + 4 + 8

func (p place) encode() []byte {
	b := make([]byte, 0, placeHead+len(p.refused))
	b = append(b, byte(p.state), p.flags)
	b = binary.BigEndian.AppendUint32(b, uint32(p.kind))
	b = binary.BigEndian.AppendUint64(b, p.position)
	return append(b, p.refused...)
}

func decodePlace(b []byte) (place, error) {
	if len(b) < placeHead {
		return place{}, ErrDamaged
	}
	return place{
		state: State(b[0]), flags: b[1],
		kind:     event.Kind(binary.BigEndian.Uint32(b[2:])),
		position: binary.BigEndian.Uint64(b[6:]),
		refused:  string(b[placeHead:]),
	}, nil
}

// splitTimeline takes a timeline key apart.
func splitTimeline(k []byte) (eff event.Time, id event.ID, err error) {
	if len(k) != 1+32+8+32 {
		return 0, id, ErrDamaged
	}
	return event.Time(binary.BigEndian.Uint64(k[33:])), event.ID(k[41:]), nil
}

// record reads an event's record.
func (t *tx) record(id event.ID) (eventRecord, error) {
	raw, err := t.get(eventKey(id))
	if err != nil {
		return eventRecord{}, err
	}
	return decodeEventRecord(raw)
}

// parse reads the event of a record and compares it with the name that it is
// stored under: encryption at rest does not notice a flipped bit.
func (t *tx) parse(id event.ID, r eventRecord) (*event.Event, error) {
	e, err := event.Parse(r.raw)
	if err != nil {
		return nil, fmt.Errorf("%w: the event %s: %w", ErrDamaged, id.Short(), err)
	}
	if e.ID() != id {
		return nil, fmt.Errorf("%w: the event %s has another name now", ErrDamaged, id.Short())
	}
	if err := e.Readmit(&t.store.certs); err != nil {
		return nil, fmt.Errorf("%w: the event %s: %w", ErrDamaged, id.Short(), err)
	}
	return e, nil
}

// entry reads an event with all that is known of it.
func (t *tx) entry(id event.ID) (Entry, error) {
	r, err := t.record(id)
	if err != nil {
		return Entry{}, err
	}
	e, err := t.parse(id, r)
	if err != nil {
		return Entry{}, err
	}
	raw, err := t.get(timelineKey(e.Header().Conversation, r.effective, id))
	if err != nil {
		return Entry{}, fmt.Errorf("%w: the event %s has no place", ErrDamaged, id.Short())
	}
	p, err := decodePlace(raw)
	if err != nil {
		return Entry{}, err
	}
	return entryOf(e, r, p), nil
}

func entryOf(e *event.Event, r eventRecord, p place) Entry {
	return Entry{
		Event: e, Effective: r.effective, Position: r.position, Arrived: r.arrived,
		State: p.state, Late: r.flags&flagLate != 0, Related: p.flags&flagRelated != 0, Refused: p.refused,
	}
}

// Get returns an event by its ID; ErrNotFound.
func (s *Store) Get(_ context.Context, id event.ID) (e Entry, err error) {
	err = s.view(func(t *tx) error {
		e, err = t.entry(id)
		return err
	})
	return e, err
}

// Has reports whether an event is here, also when its body was erased.
func (s *Store) Has(_ context.Context, id event.ID) bool {
	have := false
	err := s.view(func(t *tx) error {
		have = t.has(eventKey(id))
		return nil
	})
	return err == nil && have
}
