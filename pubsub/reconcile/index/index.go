package index

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"sync"

	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/pubsub/reconcile"
)

// bucketMost is how many keys a bucket has at most; half of it after a split.
const bucketMost = 1024

// Index is an ordered set of keys. The zero value is empty and ready; it is
// safe for concurrent use.
type Index struct {
	mu      sync.RWMutex
	buckets []*bucket // ascending, none of them empty
	count   uint64
}

type bucket struct {
	keys []reconcile.Key // ascending
	sum  sum
}

// sum is a number modulo 2^256, the lowest word first.
type sum [4]uint64

func (s *sum) add(o sum) {
	var c uint64
	for i := range s {
		s[i], c = bits.Add64(s[i], o[i], c)
	}
}

func (s *sum) sub(o sum) {
	var b uint64
	for i := range s {
		s[i], b = bits.Sub64(s[i], o[i], b)
	}
}

func sumOf(id event.ID) (s sum) {
	for i := range s {
		s[3-i] = binary.BigEndian.Uint64(id[8*i:])
	}
	return s
}

func (s sum) bytes() (out [32]byte) {
	for i := range s {
		binary.BigEndian.PutUint64(out[8*i:], s[3-i])
	}
	return out
}

// Insert adds a key, and reports whether it is new.
func (x *Index) Insert(k reconcile.Key) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.buckets) == 0 {
		x.buckets = []*bucket{{}}
	}
	i := max(0, x.bucketOf(k))
	b := x.buckets[i]
	at, have := slices.BinarySearchFunc(b.keys, k, reconcile.Key.Compare)
	if have {
		return false
	}
	b.keys = slices.Insert(b.keys, at, k)
	b.sum.add(sumOf(k.ID))
	x.count++
	if len(b.keys) > bucketMost {
		half := &bucket{keys: slices.Clone(b.keys[bucketMost/2:])}
		for _, k := range half.keys {
			half.sum.add(sumOf(k.ID))
		}
		b.keys = b.keys[: bucketMost/2 : bucketMost/2]
		b.sum.sub(half.sum)
		x.buckets = slices.Insert(x.buckets, i+1, half)
	}
	return true
}

// Remove takes a key away, and reports whether it was there.
func (x *Index) Remove(k reconcile.Key) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	i := x.bucketOf(k)
	if i < 0 {
		return false
	}
	b := x.buckets[i]
	at, have := slices.BinarySearchFunc(b.keys, k, reconcile.Key.Compare)
	if !have {
		return false
	}
	b.keys = slices.Delete(b.keys, at, at+1)
	b.sum.sub(sumOf(k.ID))
	x.count--
	if len(b.keys) == 0 {
		x.buckets = slices.Delete(x.buckets, i, i+1)
	}
	return true
}

// Has reports whether a key is here.
func (x *Index) Has(k reconcile.Key) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	i := x.bucketOf(k)
	if i < 0 {
		return false
	}
	_, have := slices.BinarySearchFunc(x.buckets[i].keys, k, reconcile.Key.Compare)
	return have
}

// Len returns how many keys there are.
func (x *Index) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return int(x.count)
}

// bucketOf returns the last bucket that begins at or before k, -1 for none.
func (x *Index) bucketOf(k reconcile.Key) int {
	at, have := slices.BinarySearchFunc(x.buckets, k, func(b *bucket, k reconcile.Key) int {
		if len(b.keys) == 0 {
			return -1
		}
		return b.keys[0].Compare(k)
	})
	if have {
		return at
	}
	return at - 1
}

// part returns the keys of bucket i that are in lo <= key < hi.
func (x *Index) part(i int, lo, hi reconcile.Key) []reconcile.Key {
	keys := x.buckets[i].keys
	from, _ := slices.BinarySearchFunc(keys, lo, reconcile.Key.Compare)
	to, _ := slices.BinarySearchFunc(keys, hi, reconcile.Key.Compare)
	return keys[from:max(from, to)]
}

// span returns the buckets that a range touches: from <= i < to.
func (x *Index) span(lo, hi reconcile.Key) (from, to int) {
	if hi.Compare(lo) <= 0 {
		return 0, 0
	}
	from = max(0, x.bucketOf(lo))
	to = x.bucketOf(hi) + 1
	return from, max(from, to)
}

// Summary returns the count and the sum of the IDs of lo <= key < hi.
func (x *Index) Summary(lo, hi reconcile.Key) (count uint64, total [32]byte) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var s sum
	from, to := x.span(lo, hi)
	for i := from; i < to; i++ {
		b := x.buckets[i]
		if i > from && i < to-1 {
			count += uint64(len(b.keys))
			s.add(b.sum)
			continue
		}
		part := x.part(i, lo, hi)
		count += uint64(len(part))
		switch {
		case len(part) == len(b.keys):
			s.add(b.sum)
		case len(part) > len(b.keys)/2: // what is left out is less
			s.add(b.sum)
			for _, k := range b.keys[:len(b.keys)] {
				if k.Compare(lo) < 0 || k.Compare(hi) >= 0 {
					s.sub(sumOf(k.ID))
				}
			}
		default:
			for j := range part {
				s.add(sumOf(part[j].ID))
			}
		}
	}
	return count, s.bytes()
}

// Newest returns at most n keys of lo <= key < hi, the newest first.
func (x *Index) Newest(lo, hi reconcile.Key, n int) []reconcile.Key {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var out []reconcile.Key
	from, to := x.span(lo, hi)
	for i := to - 1; i >= from && len(out) < n; i-- {
		part := x.part(i, lo, hi)
		for j := len(part) - 1; j >= 0 && len(out) < n; j-- {
			out = append(out, part[j])
		}
	}
	return out
}

// Split returns at most parts-1 keys that divide lo < key < hi into parts of
// equal counts.
func (x *Index) Split(lo, hi reconcile.Key, parts int) []reconcile.Key {
	x.mu.RLock()
	defer x.mu.RUnlock()
	from, to := x.span(lo, hi)
	total := 0
	for i := from; i < to; i++ {
		total += x.size(i, from, to, lo, hi)
	}
	var out []reconcile.Key
	seen, next := 0, 1
	for i := from; i < to && next < parts; i++ {
		n := x.size(i, from, to, lo, hi)
		for next < parts && total*next/parts < seen+n {
			k := x.part(i, lo, hi)[total*next/parts-seen]
			if k.Compare(lo) > 0 && (len(out) == 0 || out[len(out)-1].Compare(k) < 0) {
				out = append(out, k)
			}
			next++
		}
		seen += n
	}
	return out
}

// size returns how many keys of a range bucket i has, one of from <= i < to.
func (x *Index) size(i, from, to int, lo, hi reconcile.Key) int {
	if i > from && i < to-1 {
		return len(x.buckets[i].keys)
	}
	return len(x.part(i, lo, hi))
}
