package courier

import (
	"crypto/rand"
	"encoding/binary"
	"time"
)

// backoff says how long to wait after a failed try. Waits double from
// firstRetry; for somebody who has been away for a short time they stay short,
// so that a friend whose network was cut is found again soon, and they grow
// with the time that the friend is away. The zero value is ready.
type backoff struct {
	tries int
	since time.Time // of the first failure in a row
}

// next returns the wait after a failure at now: between half and all of the
// nominal one, so that those who lost each other do not return all at once.
func (b *backoff) next(now time.Time) time.Duration {
	if b.tries == 0 {
		b.since = now
	}
	nominal := slowRetry
	if b.tries < 16 {
		nominal = firstRetry << b.tries
	}
	b.tries++
	nominal = min(nominal, max(quickRetry, now.Sub(b.since)/20), slowRetry)
	return nominal/2 + jitter(nominal/2)
}

func (b *backoff) reset() { *b = backoff{} }

// jitter returns a random part of d.
func jitter(d time.Duration) time.Duration {
	var r [8]byte
	if _, err := rand.Read(r[:]); err != nil || d <= 0 {
		return 0
	}
	return time.Duration(binary.LittleEndian.Uint64(r[:]) % uint64(d))
}
