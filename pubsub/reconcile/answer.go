package reconcile

import (
	"context"
	"fmt"
)

// answerer answers one round.
type answerer struct {
	*span
	b       *builder
	refused map[uint64]struct{} // salted: not wanted, whoever has them
	wants   []int               // places in what the round listed
	wish    []uint64            // the same, by name
	limit   int                 // events that may be offered and wanted yet, negative for any number
	last    bool                // nothing may be asked any more
}

// answer says what is to be said to the ranges of a round.
func (a *answerer) answer(ctx context.Context, in []entry) error {
	hi, place := a.hi, 0
	for i := range in {
		x := &in[i]
		if err := a.one(ctx, x, hi, place); err != nil {
			return err
		}
		hi, place = x.lo, place+len(x.ids)
	}
	return nil
}

func (a *answerer) one(ctx context.Context, x *entry, hi Key, place int) error {
	lo := x.lo
	switch {
	case x.mode == modeSkip:
		a.b.skip(lo)
		return nil
	case x.mode == modeOffer:
		a.take(x.ids, place)
		a.b.skip(lo)
		return nil
	case !a.floor.less(hi): // all of it has been pruned here
		a.b.skip(lo)
		return nil
	}
	// Of a range that reaches below the floor the other side has told too
	// much: what is above is told anew. From an empty list nothing is wanted.
	clipped := lo.less(a.floor) && (x.mode == modePrint || len(x.ids) > 0)
	lo = later(lo, a.floor)
	var err error
	switch {
	case clipped:
		err = a.mine(ctx, lo, hi)
	case x.mode == modeList:
		err = a.settle(ctx, lo, hi, x.ids, place)
	default:
		err = a.compare(ctx, lo, hi, x.print)
	}
	if err == nil && lo != x.lo {
		a.b.skip(x.lo)
	}
	return err
}

// take wants what is offered.
func (a *answerer) take(ids []uint64, place int) {
	for i, id := range ids {
		if _, no := a.refused[id]; !no && a.limit != 0 {
			a.wants = append(a.wants, place+i)
			a.wish = append(a.wish, id)
			a.limit--
		}
	}
}

func (a *answerer) compare(ctx context.Context, lo, hi Key, theirs fingerprint) error {
	ours, count, err := a.print(ctx, lo, hi)
	if err != nil {
		return err
	}
	if ours == theirs {
		a.b.skip(lo)
		return nil
	}
	return a.differ(ctx, lo, hi, count)
}

// mine tells of a range what we have, whatever the other side said of it.
func (a *answerer) mine(ctx context.Context, lo, hi Key) error {
	count, _, err := a.set.Summary(ctx, lo, hi)
	if err != nil {
		return fmt.Errorf("summing a range: %w", err)
	}
	return a.differ(ctx, lo, hi, count)
}

// differ tells more of a range that is not the same on both sides: all its
// IDs, or the fingerprints of its parts.
func (a *answerer) differ(ctx context.Context, lo, hi Key, count uint64) error {
	if a.last {
		a.b.more = true
		a.b.skip(lo)
		return nil
	}
	if count <= leaf {
		keys, err := a.set.Newest(ctx, lo, hi, leaf)
		if err != nil {
			return fmt.Errorf("reading a range: %w", err)
		}
		a.b.list(lo, keys)
		return nil
	}
	parts := wide
	if count <= narrowAt {
		parts = narrow
	}
	bounds, err := a.set.Split(ctx, lo, hi, parts)
	if err != nil {
		return fmt.Errorf("splitting a range: %w", err)
	}
	low := lo
	cuts := make([]Key, 0, parts)
	for _, k := range bounds {
		if low.less(k) && k.less(hi) && len(cuts) < parts {
			low = shorten(k, low)
			cuts = append(cuts, low)
		}
	}
	if len(cuts) == 0 { // a set that cannot split lists what fits
		keys, err := a.set.Newest(ctx, lo, hi, maxListed)
		if err != nil {
			return fmt.Errorf("reading a range: %w", err)
		}
		a.b.list(lo, keys)
		return nil
	}
	for i := len(cuts) - 1; i >= 0; i-- {
		if err := a.tell(ctx, a.b, cuts[i], hi); err != nil {
			return err
		}
		hi = cuts[i]
	}
	return a.tell(ctx, a.b, lo, hi)
}

// settle compares a range that the other side has listed: what only they have
// is wanted, what only we have is offered.
func (a *answerer) settle(ctx context.Context, lo, hi Key, theirs []uint64, place int) error {
	ours, err := a.set.Newest(ctx, lo, hi, scanned+1)
	if err != nil {
		return fmt.Errorf("reading a range: %w", err)
	}
	whole := len(ours) <= scanned
	if !whole {
		ours = ours[:scanned]
		a.b.more = true
	}
	at := make(map[uint64]int, len(theirs))
	for i, id := range theirs {
		at[id] = i
	}
	var only []Key
	for _, k := range ours {
		id := salted(a.salt, k.ID)
		if _, both := at[id]; both {
			delete(at, id)
			continue
		}
		only = append(only, k)
	}
	if whole {
		for i, id := range theirs {
			if j, lacking := at[id]; lacking && i == j {
				a.take(theirs[i:i+1], place+i)
			}
		}
	}
	if a.limit >= 0 && len(only) > a.limit {
		only = only[:a.limit]
	}
	switch {
	case a.last:
		a.b.more = a.b.more || len(only) > 0
		a.b.skip(lo)
	case len(only) == 0:
		a.b.skip(lo)
	default:
		n := a.b.offer(lo, only)
		if a.limit > 0 {
			a.limit -= n
		}
	}
	return nil
}
