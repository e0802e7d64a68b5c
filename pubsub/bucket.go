package pubsub

import "time"

// bucket is a token bucket. The zero value is full once filled with now. It
// runs on the monotonic clock that time.Now carries, so setting the wall clock
// neither blocks nor opens it. It is not safe for concurrent use.
type bucket struct {
	tokens float64
	last   time.Time
}

// fill adds what has accrued since the last call.
func (b *bucket) fill(now time.Time, rate, burst float64) {
	if b.last.IsZero() {
		b.tokens = burst
	} else if d := now.Sub(b.last); d > 0 {
		b.tokens = min(burst, b.tokens+d.Seconds()*rate)
	}
	b.last = now
}

// take removes n tokens if they are there.
func (b *bucket) take(now time.Time, n, rate, burst float64) bool {
	b.fill(now, rate, burst)
	if b.tokens < n {
		return false
	}
	b.tokens -= n
	return true
}

// charge removes n tokens whether they are there or not, down to one burst of
// debt.
func (b *bucket) charge(now time.Time, n, rate, burst float64) {
	b.fill(now, rate, burst)
	b.tokens = max(b.tokens-n, -burst)
}

// whole returns how many whole tokens there are, and how long it takes until
// there are at least want of them, zero if there are.
func (b *bucket) whole(now time.Time, want int, rate, burst float64) (int, time.Duration) {
	b.fill(now, rate, burst)
	if b.tokens >= float64(want) {
		return int(b.tokens), 0
	}
	wait := time.Duration((float64(want) - b.tokens) / rate * float64(time.Second))
	return max(0, int(b.tokens)), max(wait, time.Millisecond)
}
