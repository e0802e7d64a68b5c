package event_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kith-chat/kith/identity/event"
)

// Whatever the clocks of others say, our own time stays within MaxFollow of
// our clock, what is dated far ahead is kept aside, and a reply stands after
// its question.
func TestClockSkew(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	const year = 365 * 24 * time.Hour
	for _, c := range []struct {
		what  string
		peer  event.Time
		aside bool // kept aside
		after bool // our next event stands after it
	}{
		{"0", 0, false, true},
		{"1 year ago", event.TimeOf(now.Add(-year)), false, true},
		{"5 minutes ago", event.TimeOf(now.Add(-5 * time.Minute)), false, true},
		{"now", event.TimeOf(now), false, true},
		{"1 minute ahead", event.TimeOf(now.Add(time.Minute)), false, true},
		{"2 minutes ahead", event.TimeOf(now.Add(event.MaxFollow)), false, false},
		{"5 minutes ahead", event.TimeOf(now.Add(5 * time.Minute)), false, false},
		{"10 minutes ahead", event.TimeOf(now.Add(event.MaxAhead)), false, false},
		{"10 minutes and a millisecond", event.TimeOf(now.Add(event.MaxAhead + time.Millisecond)), true, false},
		{"10 minutes and a count", event.TimeOf(now.Add(event.MaxAhead)) + 1, true, false},
		{"1 year ahead", event.TimeOf(now.Add(year)), true, false},
		{"year 2100", event.TimeOf(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)), true, false},
		{"2^63-1", math.MaxInt64, true, false},
		{"2^64-1", math.MaxUint64, true, false},
	} {
		if got := event.TooFarAhead(c.peer, now); got != c.aside {
			t.Errorf("%s: kept aside: %v", c.what, got)
		}
		next := event.Next(now, c.peer)
		if next < event.TimeOf(now) || next.Wall().Sub(now) > event.MaxFollow {
			t.Errorf("%s: our time is %s", c.what, next.Wall())
		}
		if (next > c.peer) != c.after {
			t.Errorf("%s: our next event, %d, and the peer's, %d", c.what, next, c.peer)
		}
		if got := event.Effective(next, c.peer); got < c.peer || got == c.peer && c.peer != math.MaxUint64 {
			t.Errorf("%s: a reply stands before its question", c.what)
		}
	}
}

func TestTimeOfExtremes(t *testing.T) {
	t.Parallel()
	const last = event.Time(1<<48-1) << 16
	for what, c := range map[string]struct {
		at   time.Time
		want event.Time
	}{
		"zero time":      {time.Time{}, 0},
		"1970":           {time.Unix(0, 0), 0},
		"before 1970":    {time.Unix(-1, 999_999_999), 0},
		"far before":     {time.Unix(math.MinInt64/2, 0), 0},
		"1 ms":           {time.UnixMilli(1), 1 << 16},
		"the last":       {time.UnixMilli(1<<48 - 1), last},
		"after it":       {time.UnixMilli(1 << 48), last},
		"2^63-1 ms":      {time.UnixMilli(math.MaxInt64), last},
		"2^62 s":         {time.Unix(1<<62, 0), last},
		"2^55 s (wraps)": {time.Unix(1<<55, 0), last},
	} {
		if got := event.TimeOf(c.at); got != c.want {
			t.Errorf("%s: %d, not %d", what, got, c.want)
		}
	}
	if got := event.Next(time.Unix(-1e6, 0), 5, math.MaxUint64); got > 1<<16 {
		t.Errorf("a clock before 1970 gives %d", got)
	}
	if _, err := event.Time(math.MaxUint64).Wall().MarshalText(); err == nil {
		t.Log("the last time can be written")
	}
}

func TestTimeProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.UnixMilli(rapid.Int64Range(0, 1<<47).Draw(t, "now"))
		seen := make([]event.Time, rapid.IntRange(0, 4).Draw(t, "n"))
		for i := range seen {
			seen[i] = event.Time(rapid.Uint64().Draw(t, "seen"))
		}
		next := event.Next(now, seen...)
		limit := event.TimeOf(now.Add(event.MaxFollow))
		if next < event.TimeOf(now) || next > limit {
			t.Fatalf("%d outside of %d to %d", next, event.TimeOf(now), limit)
		}
		for _, s := range seen {
			if s < limit && s >= next {
				t.Fatalf("%d is not after %d", next, s)
			}
		}
		e := event.Effective(next, seen...)
		if e < next {
			t.Fatal("the effective time is before the own")
		}
		for _, s := range seen {
			if e <= s && s != math.MaxUint64 {
				t.Fatalf("effective %d is not after the parent %d", e, s)
			}
		}
	})
}
