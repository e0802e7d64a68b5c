package reconcile

import (
	"encoding/binary"
	"fmt"

	"github.com/kith-chat/kith/identity/event"
)

// mode says what an entry tells of its range.
type mode byte

const (
	modeSkip  mode = iota // nothing: it is settled, or left for later
	modePrint             // a fingerprint of what the sender has
	modeList              // all that the sender has
	modeOffer             // what the sender has and the reader lacks
)

// entry is one range of a round. Its upper end is the lower end of the entry
// before it, that of the first is the upper end of the pass.
type entry struct {
	mode  mode
	lo    Key
	print fingerprint
	ids   []uint64 // salted
}

// A range begins with a byte: the mode in the lower three bits, then what the
// lower end is made of.
const (
	headMode = 0x07
	headFine = 0x08 // the time to its last bit, not in milliseconds
	headID   = 0x10 // 32 bytes of ID follow the time
	headEnd  = 0x20 // the range goes down to the lower end of the pass
)

// encoder writes ranges from the newest to the oldest.
type encoder struct {
	buf []byte
	at  Key // the lower end of what has been written
	end Key // the lower end of the pass
}

// Bounds of what an entry takes: the head, a time, an ID, a count.
const entryMost = 1 + binary.MaxVarintLen64 + 32 + binary.MaxVarintLen32

func (e *encoder) add(x entry) {
	head := byte(x.mode)
	fine := x.lo.Time&0xffff != 0
	switch {
	case x.lo == e.end:
		head |= headEnd
	case fine:
		head |= headFine
	}
	if x.lo != e.end && x.lo.ID != (event.ID{}) {
		head |= headID
	}
	e.buf = append(e.buf, head)
	if head&headEnd == 0 {
		if fine {
			e.buf = binary.AppendUvarint(e.buf, uint64(e.at.Time-x.lo.Time))
		} else {
			e.buf = binary.AppendUvarint(e.buf, uint64(e.at.Time>>16-x.lo.Time>>16))
		}
		if head&headID != 0 {
			e.buf = append(e.buf, x.lo.ID[:]...)
		}
	}
	e.at = x.lo
	switch x.mode {
	case modePrint:
		e.buf = append(e.buf, x.print[:]...)
	case modeList, modeOffer:
		e.buf = binary.AppendUvarint(e.buf, uint64(len(x.ids)))
		for _, id := range x.ids {
			e.buf = binary.BigEndian.AppendUint64(e.buf, id)
		}
	}
}

// decodeRanges reads the ranges of a round over lo <= key < hi. Every count is
// compared with the bytes that are there before anything is allocated for it.
func decodeRanges(raw []byte, lo, hi Key) ([]entry, error) {
	var out []entry
	at, listed := hi, 0
	for len(raw) > 0 {
		if len(out) == maxEntries {
			return nil, fmt.Errorf("%w: more than %d ranges", ErrPeer, maxEntries)
		}
		x, rest, err := decodeEntry(raw, at, lo)
		if err != nil {
			return nil, err
		}
		listed += len(x.ids)
		switch {
		case listed > maxListed:
			return nil, fmt.Errorf("%w: more than %d IDs", ErrPeer, maxListed)
		case !x.lo.less(at) || x.lo.less(lo):
			return nil, fmt.Errorf("%w: a range is out of order", ErrPeer)
		}
		out, at, raw = append(out, x), x.lo, rest
	}
	return out, nil
}

func decodeEntry(raw []byte, at, end Key) (x entry, rest []byte, err error) {
	short := fmt.Errorf("%w: a range is cut short", ErrPeer)
	head := raw[0]
	raw = raw[1:]
	x.mode = mode(head & headMode)
	if x.mode > modeOffer || head >= headEnd<<1 || head&headEnd != 0 && head&(headFine|headID) != 0 {
		return x, nil, fmt.Errorf("%w: a range of an unknown form", ErrPeer)
	}
	x.lo = end
	if head&headEnd == 0 {
		if x.lo, raw, err = decodeBound(raw, head, at); err != nil {
			return x, nil, err
		}
	}
	switch x.mode {
	case modePrint:
		if len(raw) < len(x.print) {
			return x, nil, short
		}
		x.print, raw = fingerprint(raw[:len(x.print)]), raw[len(x.print):]
	case modeList, modeOffer:
		n, size := binary.Uvarint(raw)
		if size <= 0 || n > uint64(len(raw)-size)/saltedLen {
			return x, nil, short
		}
		raw = raw[size:]
		x.ids = make([]uint64, n)
		for i := range x.ids {
			x.ids[i] = binary.BigEndian.Uint64(raw[i*saltedLen:])
		}
		raw = raw[int(n)*saltedLen:]
	}
	return x, raw, nil
}

func decodeBound(raw []byte, head byte, at Key) (k Key, rest []byte, err error) {
	back, size := binary.Uvarint(raw)
	whole := uint64(at.Time)
	if head&headFine == 0 {
		whole >>= 16
	}
	if size <= 0 || back > whole {
		return k, nil, fmt.Errorf("%w: a range's end cannot be read", ErrPeer)
	}
	raw = raw[size:]
	if head&headFine != 0 {
		k.Time = event.Time(whole - back)
	} else {
		k.Time = event.Time((whole - back) << 16)
	}
	if head&headID != 0 {
		if len(raw) < len(k.ID) {
			return k, nil, fmt.Errorf("%w: a range's end is cut short", ErrPeer)
		}
		copy(k.ID[:], raw)
		raw = raw[len(k.ID):]
	}
	return k, raw, nil
}

// encodeWants turns ascending places in a list into lengths of runs: left out,
// taken, left out, and so on.
func encodeWants(places []int) []uint32 {
	var out []uint32
	at := 0
	for i := 0; i < len(places); {
		j := i + 1
		for j < len(places) && places[j] == places[j-1]+1 {
			j++
		}
		out = append(out, uint32(places[i]-at), uint32(j-i))
		at = places[j-1] + 1
		i = j
	}
	return out
}

// wanted picks what the runs of wants name out of what was listed.
func wanted(runs []uint32, listed []Key) ([]Key, error) {
	var out []Key
	at := uint64(0)
	for i, n := range runs {
		if uint64(n) > uint64(len(listed))-at || n == 0 && i > 0 {
			return nil, fmt.Errorf("%w: it wants what was not listed", ErrPeer)
		}
		if i%2 == 1 {
			out = append(out, listed[at:at+uint64(n)]...)
		}
		at += uint64(n)
	}
	return out, nil
}
