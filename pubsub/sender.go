package pubsub

import (
	"context"
	"sync"
	"time"
)

// sender brings what we publish in one topic to gossipsub, in order, at the
// pace that receivers allow. A lone message goes at once; what is queued while
// another is on its way, or while the pace makes it wait, shares one gossip
// message as far as it fits.
type sender struct {
	// encode joins payloads into one gossip message; nil sends each alone.
	encode  func([][]byte) ([]byte, error)
	publish func(context.Context, []byte) error
	anybody func() bool
	wake    chan struct{} // holds one signal

	mu     sync.Mutex
	queue  []*parcel
	pace   bucket
	closed bool
}

// parcel is what one call of Publish sends.
type parcel struct {
	items [][]byte
	sent  int
	done  chan error // holds the one answer
}

// share is the part of a parcel that goes with one gossip message.
type share struct {
	of    *parcel
	items int
}

// put queues items and waits until all of them are handed to at least one
// peer. When ctx ends first, those not yet handed over are taken back.
func (s *sender) put(ctx context.Context, items [][]byte) error {
	if len(items) == 0 {
		return nil
	}
	p := &parcel{items: items, done: make(chan error, 1)}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	s.queue = append(s.queue, p)
	s.mu.Unlock()
	s.signal()
	select {
	case err := <-p.done:
		return err
	case <-ctx.Done():
		s.drop(p)
		return ctx.Err()
	}
}

func (s *sender) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *sender) drop(p *parcel) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, q := range s.queue {
		if q == p {
			s.queue = append(s.queue[:i], s.queue[i+1:]...)
			return
		}
	}
}

// charge lowers the pace by n, for what another device of the same account has
// said: receivers count an account, not a device.
func (s *sender) charge(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pace.charge(time.Now(), float64(n), SendRate, SendBurst)
}

// run sends until ctx ends; then everything queued fails with ErrClosed.
func (s *sender) run(ctx context.Context) {
	defer s.close()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		}
		for s.step(ctx) {
		}
	}
}

// step sends one gossip message, or waits for the pace. It returns false when
// nothing is queued or ctx has ended.
func (s *sender) step(ctx context.Context) bool {
	s.mu.Lock()
	if len(s.queue) == 0 || ctx.Err() != nil {
		s.mu.Unlock()
		return false
	}
	if !s.anybody() {
		s.fail(ErrNobody)
		s.mu.Unlock()
		return false
	}
	n, wait := s.pace.whole(time.Now(), s.want(), SendRate, SendBurst)
	if wait > 0 {
		s.mu.Unlock()
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
			return true
		}
	}
	items, shares := s.pick(n)
	s.pace.charge(time.Now(), float64(len(items)), SendRate, SendBurst)
	s.mu.Unlock()

	err := s.send(ctx, items)

	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle(shares, err)
	return true
}

// want returns how many items are worth a gossip message: one, but some more
// where they wait in line anyway, because every message costs everybody a
// signature check and several transfers.
func (s *sender) want() int {
	if s.encode == nil {
		return 1
	}
	n := 0
	for _, p := range s.queue {
		if n += len(p.items) - p.sent; n >= packPaced {
			return packPaced
		}
	}
	return n
}

// pick takes up to n items from the head of the queue, without removing them.
func (s *sender) pick(n int) ([][]byte, []share) {
	if s.encode == nil {
		n = 1
	}
	var items [][]byte
	var shares []share
	size := 0
	for _, p := range s.queue {
		taken := 0
		for _, item := range p.items[p.sent:] {
			size += len(item) + batchOverhead(len(item))
			if len(items) == n || (len(items) > 0 && size > packBytes) {
				break
			}
			items = append(items, item)
			taken++
		}
		if taken > 0 {
			shares = append(shares, share{p, taken})
		}
		if p.sent+taken < len(p.items) {
			break
		}
	}
	return items, shares
}

func (s *sender) send(ctx context.Context, items [][]byte) error {
	data := items[0]
	if s.encode != nil {
		var err error
		if data, err = s.encode(items); err != nil {
			return err
		}
	}
	return s.publish(ctx, data)
}

// settle notes what was sent and answers the parcels that are finished.
func (s *sender) settle(shares []share, err error) {
	finished := make(map[*parcel]struct{}, len(shares))
	for _, sh := range shares {
		sh.of.sent += sh.items
		if err != nil || sh.of.sent == len(sh.of.items) {
			sh.of.done <- err
			finished[sh.of] = struct{}{}
		}
	}
	rest := s.queue[:0]
	for _, p := range s.queue {
		if _, ok := finished[p]; !ok {
			rest = append(rest, p)
		}
	}
	clear(s.queue[len(rest):])
	s.queue = rest
}

// fail answers everything queued with err.
func (s *sender) fail(err error) {
	for _, p := range s.queue {
		p.done <- err
	}
	s.queue = nil
}

func (s *sender) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.fail(ErrClosed)
}
