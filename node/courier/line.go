package courier

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/identity"
)

// line brings what waits for one account on its way. One goroutine owns it;
// others leave it notes: rows (there is something new), seen (they can be
// reached).
type line struct {
	c    *Courier
	to   identity.AccountID
	rows chan struct{}
	seen chan struct{}

	eager meter // of the goroutine alone: tries because they were seen

	mu     sync.Mutex
	state  Status
	open   *session           // nil while there is none
	giveUp context.CancelFunc // ends the search that is under way
	cutOff context.CancelFunc // ends the session that is under way
}

func newLine(c *Courier, to identity.AccountID) *line {
	return &line{c: c, to: to, rows: make(chan struct{}, 1), seen: make(chan struct{}, 1)}
}

// run sends whenever something waits, until ctx ends.
func (l *line) run(ctx context.Context) {
	var back backoff
	for ctx.Err() == nil {
		waiting, err := l.waiting(ctx)
		if err == nil && !waiting {
			back.reset()
			if !l.wait(ctx) {
				return
			}
			continue
		}
		var progress bool
		if err == nil {
			progress, err = l.try(ctx)
		}
		if progress {
			back.reset()
		}
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return
		}
		l.c.log.Debug("nothing can be delivered now", "account", l.to, "error", err)
		l.rest(ctx, err, back.next(time.Now()))
	}
}

// wait waits for something to send. It returns false when the line is taken
// down because there was nothing for a while: lines are made for whoever is
// met, and must not pile up.
func (l *line) wait(ctx context.Context) bool {
	timer := time.NewTimer(lineTimeout)
	defer timer.Stop()
	for {
		select {
		case <-l.rows:
			return true
		case <-ctx.Done():
			return true
		case <-timer.C:
			if l.c.retire(l) {
				return false
			}
			timer.Reset(lineTimeout)
		}
	}
}

// waiting reports whether there is something to send. What waits for somebody
// we have blocked is refused.
func (l *line) waiting(ctx context.Context) (bool, error) {
	rows, err := l.c.cfg.Outbox.Queued(ctx, l.to, 0, 1, 1)
	if err != nil {
		return false, fmt.Errorf("reading the outbox: %w", err)
	}
	if len(rows) == 0 {
		return false, nil
	}
	ct, err := l.c.cfg.Contacts.Contact(ctx, l.to)
	if err != nil {
		return false, fmt.Errorf("reading the contact: %w", err)
	}
	if ct.State == Blocked {
		return false, l.c.discard(ctx, l.to)
	}
	return true, nil
}

// try finds a connection and sends over it until there is nothing left to send
// for a while. It reports whether anything was answered for.
func (l *line) try(ctx context.Context) (bool, error) {
	p, err := l.reach(ctx)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l.mu.Lock()
	l.state.Peer, l.cutOff = p, cancel
	l.mu.Unlock()
	progress, err := l.session(ctx, p)
	l.mu.Lock()
	l.open, l.cutOff, l.state.Connected = nil, nil, false
	l.mu.Unlock()
	return progress, err
}

// reach asks for a connection. When they appear on their own meanwhile, the
// search starts again, because the answer is known then.
func (l *line) reach(ctx context.Context) (peer.ID, error) {
	select {
	case l.c.reaching <- struct{}{}:
		defer func() { <-l.c.reaching }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	for again := true; ; again = false {
		search, cancel := context.WithTimeout(ctx, reachTimeout)
		l.mu.Lock()
		l.giveUp = cancel
		l.mu.Unlock()
		p, err := l.c.cfg.Finder.Reach(search, l.to)
		l.mu.Lock()
		l.giveUp = nil
		l.mu.Unlock()
		cancel()
		if err == nil {
			return p, nil
		}
		select {
		case <-l.seen:
			if again && ctx.Err() == nil {
				continue
			}
		default:
		}
		return "", fmt.Errorf("looking for them: %w", err)
	}
}

// rest waits after a failure: until the wait is over, they appear, or, after a
// decent interval, something new is to be sent.
func (l *line) rest(ctx context.Context, err error, wait time.Duration) {
	l.mu.Lock()
	l.state.LastError, l.state.NextTry = err.Error(), time.Now().Add(wait)
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		l.state.NextTry = time.Time{}
		l.mu.Unlock()
	}()
	var goneAway goAway
	rows := l.rows
	if errors.As(err, &goneAway) {
		rows = nil // they are there and take nothing: something new changes nothing
	}
	eager := time.Now().Add(min(wait, eagerRetry))
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-rows:
			rows = nil
			timer.Reset(time.Until(eager))
		case <-l.seen:
			// A peer that comes and goes, or one that turns us away whenever
			// we connect, must not keep us busy.
			now := time.Now()
			if l.eager.fill(now, eagerRate, eagerBurst); l.eager.tokens >= 1 {
				l.eager.tokens--
				return
			}
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// appear notes that they can be reached.
func (l *line) appear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open != nil {
		return
	}
	signal(l.seen)
	if l.giveUp != nil {
		l.giveUp()
	}
}

// hangUp ends the session that is under way.
func (l *line) hangUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cutOff != nil {
		l.cutOff()
	}
}

func (l *line) lastPeer() peer.ID {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.Peer
}

func (l *line) status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.state
	if l.open != nil {
		s.InFlight = l.open.inFlight()
	}
	return s
}
