package epoch

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/kith-chat/kith/identity/event"
)

const (
	// maxKeys bounds the epochs whose keys are kept at once.
	maxKeys = 8
	// Linger is how long the key of an epoch that is over is kept, for what
	// members send who have not heard of the new one yet.
	Linger = 48 * time.Hour
)

// Ring is the keys of a group: that of the epoch in force, those of epochs
// that have just ended, and those that came before the step that announces
// them. It is not safe for concurrent use.
type Ring struct {
	group event.ConversationID
	keys  []held // by the time of their coming
}

type held struct {
	Key
	ended time.Time // zero while it is or may become the one in force
}

// NewRing returns the empty ring of a group.
func NewRing(group event.ConversationID) *Ring { return &Ring{group: group} }

// Put adds a key. Of two for one epoch the one that reaches further back
// stays. It reports whether anything changed.
func (r *Ring) Put(k Key) bool {
	if k.number == 0 || k.group != r.group {
		return false
	}
	for i, h := range r.keys {
		if h.commitment != k.commitment || h.number != k.number {
			continue
		}
		if h.day <= k.day {
			return false
		}
		r.keys[i].Key = k
		return true
	}
	if len(r.keys) == maxKeys {
		r.keys = slices.Delete(r.keys, 0, 1)
	}
	r.keys = append(r.keys, held{Key: k})
	return true
}

// Get returns the key that a step has announced.
func (r *Ring) Get(e event.GroupEpoch) (Key, bool) {
	for _, h := range r.keys {
		if h.number == e.Number && h.commitment == e.Commitment {
			return h.Key, true
		}
	}
	return Key{}, false
}

// Keys returns all keys.
func (r *Ring) Keys() []Key {
	out := make([]Key, len(r.keys))
	for i, h := range r.keys {
		out[i] = h.Key
	}
	return out
}

// Tidy erases what has served: the keys of past days, and of epochs that are
// over for longer than Linger. current is the epoch in force. It reports
// whether anything changed.
func (r *Ring) Tidy(current event.GroupEpoch, now time.Time) bool {
	changed := false
	for i := range r.keys {
		h := &r.keys[i]
		changed = h.Advance(DayOf(now)) || changed
		over := h.number < current.Number || h.number == current.Number && h.commitment != current.Commitment
		if over && h.ended.IsZero() {
			h.ended, changed = now, true
		}
	}
	n := len(r.keys)
	r.keys = slices.DeleteFunc(r.keys, func(h held) bool { return !h.ended.IsZero() && now.Sub(h.ended) > Linger })
	return changed || len(r.keys) != n
}

// Bytes returns the ring as it rests; whoever stores it seals it.
func (r *Ring) Bytes() []byte {
	out := make([]byte, 0, len(r.keys)*(Size+8))
	for _, h := range r.keys {
		ended := int64(0)
		if !h.ended.IsZero() {
			ended = h.ended.UnixMilli()
		}
		out = binary.BigEndian.AppendUint64(out, uint64(ended))
		out, _ = h.AppendBinary(out) // it never fails
	}
	return out
}

// ParseRing reads what Bytes wrote.
func ParseRing(group event.ConversationID, raw []byte) (*Ring, error) {
	const size = 8 + Size
	if len(raw)%size != 0 || len(raw) > maxKeys*size {
		return nil, ErrKey
	}
	r := NewRing(group)
	for ; len(raw) > 0; raw = raw[size:] {
		k, err := decodeKey(group, raw[8:size])
		if err != nil {
			return nil, err
		}
		h := held{Key: k}
		if ms := binary.BigEndian.Uint64(raw); ms != 0 {
			h.ended = time.UnixMilli(int64(ms)).UTC()
		}
		r.keys = append(r.keys, h)
	}
	return r, nil
}
