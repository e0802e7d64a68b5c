package event

import "time"

// Time is hybrid logical time (Kulkarni et al. 2014): milliseconds since 1970
// in the upper 48 bits, a counter in the lower 16. It orders as a number, and
// the zero value is before everything.
type Time uint64

// TimeOf returns the hybrid time of a wall-clock instant with counter zero.
// Instants before 1970 give zero, those after the year 10889 the last there is.
func TimeOf(t time.Time) Time {
	const last = 1<<48 - 1
	switch s := t.Unix(); { // seconds first: milliseconds overflow in the far future
	case s < 0:
		return 0
	case s > last/1000:
		return Time(last) << 16
	}
	return Time(min(t.UnixMilli(), last)) << 16
}

// Wall returns the wall-clock part, in UTC with millisecond precision.
func (t Time) Wall() time.Time { return time.UnixMilli(int64(t >> 16)).UTC() }

// Next returns the time of a new event of our own: after every time in seen
// as far as the wall clock allows (a seen time more than MaxFollow ahead of
// now does not pull us further), never before now.
func Next(now time.Time, seen ...Time) Time {
	next := TimeOf(now)
	limit := TimeOf(now.Add(MaxFollow))
	for _, s := range seen {
		if s >= limit {
			s = max(limit, 1) - 1
		}
		if s >= next {
			next = s + 1
		}
	}
	return next
}

// Effective returns where an event stands in its conversation: its own time,
// but always after each of its parents, so that a reply never stands before
// its question whatever the clocks said.
func Effective(own Time, parents ...Time) Time {
	for _, p := range parents {
		if p >= own {
			own = p + 1
			if own == 0 { // the parent had the last time there is
				return p
			}
		}
	}
	return own
}

// TooFarAhead reports whether an event dated t must be kept aside at now.
func TooFarAhead(t Time, now time.Time) bool { return t > TimeOf(now.Add(MaxAhead)) }
