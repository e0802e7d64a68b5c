package courier

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
)

// memo is what the courier keeps with a contact for itself.
type memo struct {
	// The last step of theirs that was handled, so that one which comes again
	// after a crash does nothing a second time.
	device   identity.DeviceID
	sequence uint64
	time     event.Time // never later than our clock was
	id       [8]byte

	// owed is the step that is still to be said to them: it is noted together
	// with the state that it follows from, and taken off once it is in the
	// outbox.
	owed event.ContactStep
	// told is the mark of the discovery secret of ours that they were last
	// told; zero for none.
	told secretMark
	// said is the beginning of the ID of the last step that was said to them:
	// only its refusal means anything.
	said [8]byte
}

// secretMark tells two secrets apart without saying either.
type secretMark [8]byte

func markOf(secret []byte) secretMark {
	if len(secret) == 0 {
		return secretMark{}
	}
	sum := sha256.Sum256(secret)
	return secretMark(sum[:8])
}

const memoSize = 1 + 32 + 8 + 8 + 8 + 1 + 8 + 8

// parseMemo reads a memo; bytes that it does not know are an empty one.
func parseMemo(b []byte) memo {
	var m memo
	if len(b) != memoSize || b[0] != 1 {
		return m
	}
	b = b[1:]
	m.device = identity.DeviceID(b[:32])
	m.sequence = binary.BigEndian.Uint64(b[32:])
	m.time = event.Time(binary.BigEndian.Uint64(b[40:]))
	m.id = [8]byte(b[48:56])
	m.owed = event.ContactStep(b[56])
	m.told = secretMark(b[57:65])
	m.said = [8]byte(b[65:])
	return m
}

func (m memo) bytes() []byte {
	b := make([]byte, 0, memoSize)
	b = append(b, 1)
	b = append(b, m.device[:]...)
	b = binary.BigEndian.AppendUint64(b, m.sequence)
	b = binary.BigEndian.AppendUint64(b, uint64(m.time))
	b = append(b, m.id[:]...)
	b = append(b, byte(m.owed))
	b = append(b, m.told[:]...)
	return append(b, m.said[:]...)
}

// newer reports whether the step has not been handled yet. Numbers decide
// within one device, so a clock that was set back does not silence it; the
// time decides between devices, and where a device begins again at a lower
// number.
func (m memo) newer(e *event.Event, now time.Time) bool {
	h, id := e.Header(), e.ID()
	if m.id == [8]byte(id[:8]) {
		return false
	}
	if h.Device == m.device && h.Sequence > m.sequence {
		return true
	}
	return min(h.Time, event.TimeOf(now)) > m.time
}

// note remembers the step as handled.
func (m *memo) note(e *event.Event, now time.Time) {
	h, id := e.Header(), e.ID()
	m.device, m.sequence, m.time, m.id = h.Device, h.Sequence, min(h.Time, event.TimeOf(now)), [8]byte(id[:8])
}
