package reconcile

import (
	"context"

	"github.com/kith-chat/kith/identity/event"
)

// The codec, for the fuzz tests.

func DecodeRanges(raw []byte, lo, hi Key) (again []byte, ids int, err error) {
	in, err := decodeRanges(raw, lo, hi)
	if err != nil {
		return nil, 0, err
	}
	enc := encoder{at: hi, end: lo}
	for _, x := range in {
		enc.add(x)
		ids += len(x.ids)
	}
	return enc.buf, ids, nil
}

func EncodeWants(places []int) []uint32 { return encodeWants(places) }

func Wanted(runs []uint32, listed []Key) ([]Key, error) { return wanted(runs, listed) }

func DecodeOpening(raw []byte) error {
	m, err := decodeFrame(raw)
	if err != nil {
		return err
	}
	o, err := openingFromWire(m.GetOpen())
	if err != nil {
		return err
	}
	_, err = decodeRanges(o.round.GetRanges(), o.window.From, o.window.To)
	return err
}

// Opening returns the ranges that a set opens with.
func Opening(set Set, lo, hi Key) []byte {
	s := &span{set: set, lo: lo, hi: hi}
	b := newBuilder(s, maxRanges)
	if err := s.open(context.Background(), b, 0); err != nil {
		return nil
	}
	return b.enc.buf
}

func Salted(salt uint64, id event.ID) uint64 { return salted(salt, id) }

const (
	MaxListed = maxListed
	MaxHalves = maxHalves
	MaxBad    = maxBad
)
