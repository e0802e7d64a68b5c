package reconcile

import (
	"context"
	"fmt"
	"slices"
)

// span is what one side knows of the pass that both agree on.
type span struct {
	set    Set
	lo, hi Key
	floor  Key // nothing below it is spoken of
	salt   uint64
	exact  bool
}

// print returns the fingerprint of a range, and how many events it has.
func (s *span) print(ctx context.Context, lo, hi Key) (fingerprint, uint64, error) {
	count, sum, err := s.set.Summary(ctx, lo, hi)
	if err != nil {
		return fingerprint{}, 0, fmt.Errorf("summing a range: %w", err)
	}
	if !s.exact {
		return fingerprintOf(count, sum), count, nil
	}
	p, err := exactFingerprint(ctx, s.set, lo, hi)
	return p, count, err
}

// open tells of the whole pass: the newest IDs, then ranges that double
// backwards, since what is missing is most often new. With a limit, it tells of
// our newest limit events alone.
func (s *span) open(ctx context.Context, b *builder, limit int) error {
	lo := later(s.lo, s.floor)
	if limit > 0 {
		page, err := s.set.Newest(ctx, lo, s.hi, limit)
		if err != nil {
			return fmt.Errorf("reading the newest: %w", err)
		}
		if len(page) == limit {
			lo = page[limit-1]
		}
	}
	newest, err := s.set.Newest(ctx, lo, s.hi, leaf+1)
	if err != nil {
		return fmt.Errorf("reading the newest: %w", err)
	}
	if len(newest) <= leaf {
		b.list(lo, newest)
		return nil
	}
	at := shorten(newest[opened-1], newest[opened])
	b.list(at, newest[:opened])
	bounds, err := s.doubling(ctx, lo, at)
	if err != nil {
		return err
	}
	for _, bound := range bounds {
		if err := s.tell(ctx, b, bound, at); err != nil {
			return err
		}
		at = bound
	}
	return nil
}

// doubling returns the lower ends of ranges from hi down to lo, each of about
// as many events as all before it.
func (s *span) doubling(ctx context.Context, lo, hi Key) ([]Key, error) {
	count, _, err := s.set.Summary(ctx, lo, hi)
	if err != nil {
		return nil, fmt.Errorf("summing a range: %w", err)
	}
	out := []Key{lo}
	for low := lo; count > leaf; {
		half, err := s.set.Split(ctx, low, hi, 2)
		if err != nil {
			return nil, fmt.Errorf("splitting a range: %w", err)
		}
		if len(half) == 0 {
			break
		}
		next := shorten(half[0], low)
		n, _, err := s.set.Summary(ctx, next, hi)
		if err != nil {
			return nil, fmt.Errorf("summing a range: %w", err)
		}
		if !next.less(hi) || n >= count {
			break
		}
		low, count = next, n
		out = append(out, next)
	}
	slices.Reverse(out)
	return out, nil
}

// tell says of a range what takes the fewest bytes: its few IDs or its
// fingerprint.
func (s *span) tell(ctx context.Context, b *builder, lo, hi Key) error {
	p, count, err := s.print(ctx, lo, hi)
	if err != nil {
		return err
	}
	if count*saltedLen >= uint64(len(p)) {
		b.print(lo, p)
		return nil
	}
	few, err := s.set.Newest(ctx, lo, hi, int(count))
	if err != nil {
		return fmt.Errorf("reading a range: %w", err)
	}
	b.list(lo, few)
	return nil
}

// builder makes a round, within its bounds. What has no more room is left for
// the next pass.
type builder struct {
	enc    encoder
	salt   uint64
	room   int // bytes that are left
	skipTo *Key
	listed []Key // what the round names, in its order
	active bool  // it asks for an answer
	more   bool  // something was left out
	ends   int
}

func newBuilder(s *span, room int) *builder {
	return &builder{enc: encoder{at: s.hi, end: s.lo}, salt: s.salt, room: room}
}

func (b *builder) skip(lo Key) { b.skipTo = &lo }

// fits reports whether an entry with so many bytes of content has room; if
// not, its range is skipped and the rest is left for later.
func (b *builder) fits(lo Key, content int) bool {
	if b.ends >= maxEntries-2 || len(b.enc.buf)+content+2*entryMost > b.room {
		b.more = true
		b.skip(lo)
		return false
	}
	return true
}

func (b *builder) add(x entry) {
	if b.skipTo != nil {
		if *b.skipTo != b.enc.at {
			b.enc.add(entry{mode: modeSkip, lo: *b.skipTo})
			b.ends++
		}
		b.skipTo = nil
	}
	b.enc.add(x)
	b.ends++
	b.active = true
}

func (b *builder) print(lo Key, p fingerprint) {
	if b.fits(lo, len(p)) {
		b.add(entry{mode: modePrint, lo: lo, print: p})
	}
}

// left returns how many more IDs the round can name.
func (b *builder) left() int {
	return max(0, min(maxListed-len(b.listed), (b.room-len(b.enc.buf)-2*entryMost)/saltedLen))
}

func (b *builder) list(lo Key, keys []Key) {
	if len(keys) > b.left() {
		b.more = true
		b.skip(lo)
		return
	}
	if b.fits(lo, len(keys)*saltedLen) {
		b.add(b.named(modeList, lo, keys))
	}
}

// offer names the newest of keys that there is room for, and reports how many.
func (b *builder) offer(lo Key, keys []Key) int {
	n := min(len(keys), b.left())
	if n == 0 || !b.fits(lo, n*saltedLen) {
		b.more = b.more || len(keys) > 0
		b.skip(lo)
		return 0
	}
	at := lo
	if n < len(keys) {
		b.more = true
		at = keys[n-1]
	}
	b.add(b.named(modeOffer, at, keys[:n]))
	if at != lo {
		b.skip(lo)
	}
	return n
}

func (b *builder) named(m mode, lo Key, keys []Key) entry {
	x := entry{mode: m, lo: lo, ids: make([]uint64, len(keys))}
	for i := range keys {
		x.ids[i] = salted(b.salt, keys[i].ID)
	}
	b.listed = append(b.listed, keys...)
	return x
}
