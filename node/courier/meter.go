package courier

import (
	"sync"
	"time"
)

// meter is a token bucket on the monotonic clock. The zero value is full.
type meter struct {
	tokens float64
	last   time.Time
}

func (m *meter) fill(now time.Time, rate, burst float64) {
	if m.last.IsZero() {
		m.tokens = burst
	} else if d := now.Sub(m.last); d > 0 {
		m.tokens = min(burst, m.tokens+d.Seconds()*rate)
	}
	m.last = now
}

// meters keeps a bucket for each of a bounded number of keys. Its zero value
// needs rate and burst.
type meters[K comparable] struct {
	rate, burst float64

	mu    sync.Mutex
	known map[K]*meter
}

func (m *meters[K]) of(k K, now time.Time) *meter {
	b := m.known[k]
	if b == nil {
		if m.known == nil {
			m.known = make(map[K]*meter)
		}
		if len(m.known) >= maxMeters {
			m.drop(now)
		}
		b = new(meter)
		m.known[k] = b
	}
	b.fill(now, m.rate, m.burst)
	return b
}

// drop makes room: full buckets say nothing, and if there are none any one
// goes.
func (m *meters[K]) drop(now time.Time) {
	for k, b := range m.known {
		if b.fill(now, m.rate, m.burst); b.tokens >= m.burst {
			delete(m.known, k)
		}
	}
	for k := range m.known {
		if len(m.known) < maxMeters {
			return
		}
		delete(m.known, k)
	}
}

// take removes one token if there is one.
func (m *meters[K]) take(k K, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.of(k, now)
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// charge removes n tokens and returns how long to wait until the debt that
// this leaves is worked off.
func (m *meters[K]) charge(k K, n float64, now time.Time) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.of(k, now)
	b.tokens -= n
	if b.tokens >= 0 {
		return 0
	}
	return time.Duration(-b.tokens / m.rate * float64(time.Second))
}
