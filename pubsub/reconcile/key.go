package reconcile

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"math"

	"github.com/kith-chat/kith/identity/event"
)

// Key is the place of an event in the order that is reconciled: the time of
// its own header, then its ID. The zero Key is before everything.
type Key struct {
	Time event.Time
	ID   event.ID
}

// KeyOf returns the place of an event.
func KeyOf(e *event.Event) Key { return Key{Time: e.Header().Time, ID: e.ID()} }

// End returns a key that is after every event's.
func End() Key {
	k := Key{Time: math.MaxUint64}
	for i := range k.ID {
		k.ID[i] = 0xff
	}
	return k
}

// Compare orders keys: -1 if k is before o, 0 if they are the same, 1 if k is
// after o.
func (k Key) Compare(o Key) int {
	if c := cmp.Compare(k.Time, o.Time); c != 0 {
		return c
	}
	return bytes.Compare(k.ID[:], o.ID[:])
}

func (k Key) less(o Key) bool { return k.Compare(o) < 0 }

func later(a, b Key) Key {
	if a.less(b) {
		return b
	}
	return a
}

// shorten returns a key after low, and not after k, that takes few bytes on
// the wire: any place in between is as good a boundary.
func shorten(k, low Key) Key {
	for _, short := range []Key{{Time: k.Time &^ 0xffff}, {Time: k.Time}} {
		if low.less(short) {
			return short
		}
	}
	return k
}

// fingerprint is a range in short.
type fingerprint [16]byte

// fingerprintOf returns the fingerprint of a count and a sum of IDs.
func fingerprintOf(count uint64, sum [32]byte) fingerprint {
	var b [40]byte
	copy(b[:], sum[:])
	binary.BigEndian.PutUint64(b[32:], count)
	h := sha256.Sum256(b[:])
	return fingerprint(h[:16])
}

// exactFingerprint hashes the IDs of a range themselves. A sum can be matched
// by somebody who makes very many events for it; this cannot.
func exactFingerprint(ctx context.Context, set Set, lo, hi Key) (fingerprint, error) {
	h := sha256.New()
	for {
		keys, err := set.Newest(ctx, lo, hi, hashed)
		if err != nil {
			return fingerprint{}, err
		}
		for i := range keys {
			h.Write(keys[i].ID[:])
		}
		if len(keys) < hashed {
			return fingerprint(h.Sum(nil)[:16]), nil
		}
		hi = keys[len(keys)-1]
	}
}

// salted returns the short name of an event within a pass. Nobody can prepare
// two events with the same one, because the salt is new each time.
func salted(salt uint64, id event.ID) uint64 {
	var b [40]byte
	binary.BigEndian.PutUint64(b[:], salt)
	copy(b[8:], id[:])
	h := sha256.Sum256(b[:])
	return binary.BigEndian.Uint64(h[:])
}
