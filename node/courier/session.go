package courier

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sync/errgroup"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/wire"
)

var (
	errStalled  = errors.New("the other side does not answer for what it was sent")
	errSomebody = errors.New("somebody else answered")
	errAnswer   = errors.New("the other side answered for something it was not sent")
	// errIdle ends a session that has had nothing to send for a while, errRenew
	// one whose limits are those of the strangers that we were.
	errIdle  = errors.New("nothing to send")
	errRenew = errors.New("to be opened again as friends")
)

// session is a stream that we opened, after both sides have said who they are.
// Three goroutines work on it: the line's own sends, one reads the answers, and
// one notes them in the outbox, so that a sync here never delays the next
// frame or the next answer.
type session struct {
	c            *Courier
	to           identity.AccountID
	s            network.Stream
	r            *wire.Reader
	w            *wire.Writer
	windowEvents int
	windowBytes  int
	asFriend     bool // what they were to us when the stream was opened

	moved chan struct{} // answers came, or were noted
	note  chan struct{} // there are answers to note

	mu       sync.Mutex
	flight   []flying // sent and not answered for, in order, from head on
	head     int
	bytes    int      // of flight
	number   uint64   // of the last event that was answered for
	answers  []Answer // not noted in the outbox
	noting   int      // handed to the outbox, which has not returned
	last     time.Time
	progress bool
	// turnedDown holds events that they do not accept from us: steps of a
	// friendship may be among them.
	turnedDown [][]byte
}

// flying is an event that was sent and not answered for.
type flying struct {
	id  event.ID
	raw []byte
}

// session opens a stream to p and sends what waits. It returns nil when there
// was nothing to send for idleTimeout.
func (l *line) session(ctx context.Context, p peer.ID) (bool, error) {
	open, cancel := context.WithTimeout(network.WithAllowLimitedConn(ctx, "direct delivery"), openTimeout)
	defer cancel()
	s, err := l.c.cfg.Host.NewStream(open, p, ProtocolID)
	if err != nil {
		return false, fmt.Errorf("opening a stream: %w", err)
	}
	done, err := wire.Attach(ctx, s, ServiceName, streamMemory, openTimeout)
	if err != nil {
		return false, err
	}
	x := &session{
		c: l.c, to: l.to, s: s, w: wire.NewWriter(s, maxFrame),
		moved: make(chan struct{}, 1), note: make(chan struct{}, 1), last: time.Now(),
	}
	if err := x.greet(ctx, p); err != nil {
		done(err)
		return false, err
	}
	l.c.count.streamsOut.Add(1)
	l.mu.Lock()
	l.open, l.state.Connected, l.state.LastError = x, true, ""
	l.mu.Unlock()

	err = x.work(ctx, l)
	done(err)
	l.mu.Lock()
	l.state.LastAck = x.lastAck(l.state.LastAck)
	l.mu.Unlock()
	return x.progress, err
}

// work sends, listens and notes until the session is over.
func (x *session) work(ctx context.Context, l *line) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	over := make(chan struct{})
	var keeper sync.WaitGroup
	keeper.Go(func() {
		if err := x.keep(ctx, over); err != nil {
			fail(err)
		}
	})
	g, running := errgroup.WithContext(ctx)
	g.Go(func() error {
		err := x.listen(running)
		if running.Err() == nil {
			_ = x.s.Reset() // ends a write that is under way
		}
		return err
	})
	g.Go(func() error {
		err := x.send(running, l)
		_ = x.s.CloseRead() // ends the listener
		return err
	})
	err := g.Wait()
	close(over)
	keeper.Wait()
	if errors.Is(err, errIdle) || errors.Is(err, errRenew) {
		return nil
	}
	return err
}

// keep notes answers in the outbox. It goes on for what has come when the
// session is over: otherwise all of it would be sent again.
func (x *session) keep(ctx context.Context, over <-chan struct{}) error {
	for {
		x.mu.Lock()
		answers, down := x.answers, x.turnedDown
		x.answers, x.noting, x.turnedDown = nil, len(answers), nil
		x.mu.Unlock()
		if len(answers) == 0 {
			select {
			case <-x.note:
				continue
			case <-over:
			}
			if x.settled() {
				return nil
			}
			continue
		}
		note, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTimeout)
		err := x.c.cfg.Outbox.Answered(note, x.to, answers)
		for _, raw := range down {
			x.c.undo(note, x.to, raw)
		}
		cancel()
		if err != nil {
			return fmt.Errorf("noting what was delivered: %w", err)
		}
		x.mu.Lock()
		x.noting = 0
		x.mu.Unlock()
		signal(x.moved)
	}
}

// greet says who we are and makes sure that the other side is who it should be
// before it is told anything.
func (x *session) greet(ctx context.Context, p peer.ID) error {
	ours := opening{certificate: x.c.cfg.Device.Certificate(), windowEvents: 1, windowBytes: 1}
	if ct, err := x.c.cfg.Contacts.Contact(ctx, x.to); err != nil {
		return fmt.Errorf("reading the contact: %w", err)
	} else if x.asFriend = ct.State == Friend; x.asFriend {
		ours.deviceList = x.c.cfg.Self.DeviceList(ctx)
	}
	if err := writeOpening(x.w, ours); err != nil {
		return err
	}
	r := wire.NewReader(x.s, maxOpen)
	raw, err := r.Next()
	if err != nil {
		return fmt.Errorf("waiting to be let in: %w", err)
	}
	f, err := decodeFrame(raw)
	if err != nil {
		return err
	}
	if f.goAway != 0 {
		return f.goAway
	}
	if f.open == nil {
		return fmt.Errorf("%w: it does not begin with an opening", errFrame)
	}
	cert := f.open.certificate
	device, err := identity.DeviceOf(p)
	if err != nil || cert.Account != x.to || cert.Device != device {
		return errSomebody
	}
	if x.c.cfg.Devices.Revoked(ctx, x.to, device) {
		return fmt.Errorf("%w: a device that they have revoked", errSomebody)
	}
	if len(f.open.deviceList) > 0 {
		x.c.cfg.Devices.TakeList(ctx, x.to, f.open.deviceList)
	}
	x.windowEvents, x.windowBytes = f.open.windowEvents, f.open.windowBytes
	if x.windowEvents < 1 || x.windowBytes < event.MaxRequest {
		return fmt.Errorf("%w: it takes nothing", errFrame)
	}
	x.r = wire.NewReader(r, maxAckFrame)
	return x.s.SetDeadline(time.Time{})
}

// send keeps the window full.
func (x *session) send(ctx context.Context, l *line) error {
	var after uint64
	var buf []byte
	looked := time.Now() // from the beginning
	idle := time.NewTimer(idleTimeout)
	defer idle.Stop()
	for {
		events, bytes := x.room()
		var rows []Queued
		if events > 0 && bytes > 0 {
			var err error
			rows, err = x.c.cfg.Outbox.Queued(ctx, x.to, after, min(events, MaxEvents), min(bytes, maxFrame/2))
			if err != nil {
				return fmt.Errorf("reading the outbox: %w", err)
			}
		}
		if len(rows) > 0 {
			if err := x.outgrown(ctx); err != nil {
				return err
			}
			after = rows[len(rows)-1].Position
			var err error
			if buf, err = x.dispatch(buf, rows); err != nil {
				return err
			}
			idle.Reset(idleTimeout)
			continue
		}
		// Everything is answered for and noted: the outbox is empty, or holds
		// rows that we have not seen. New ones have higher positions; looking
		// from the beginning is for a store that has lost count, and dear,
		// because a store steps over what was lately removed.
		resting := x.resting()
		if resting && after != 0 && time.Since(looked) >= lookAgain {
			after, looked = 0, time.Now()
			continue
		}
		stall := time.NewTimer(x.patience())
		select {
		case <-l.rows:
		case <-x.moved:
		case <-stall.C:
			if x.stalled() {
				stall.Stop()
				return errStalled
			}
		case <-idle.C:
			if resting {
				stall.Stop()
				return errIdle
			}
			idle.Reset(idleTimeout)
		case <-ctx.Done():
			stall.Stop()
			return context.Cause(ctx)
		}
		stall.Stop()
	}
}

// outgrown ends a session that was opened to ask for a friendship once the
// friendship is there.
func (x *session) outgrown(ctx context.Context) error {
	if x.asFriend || x.windowBytes >= event.MaxEvent {
		return nil
	}
	ct, err := x.c.cfg.Contacts.Contact(ctx, x.to)
	if err != nil {
		return fmt.Errorf("reading the contact: %w", err)
	}
	if ct.State == Friend {
		return errRenew
	}
	return nil
}

// dispatch sends rows in one frame. A row that the other side cannot take, by
// its own limits, is answered for here.
func (x *session) dispatch(buf []byte, rows []Queued) ([]byte, error) {
	fit := rows[:0]
	size := 0
	flush := func() error {
		if len(fit) == 0 {
			return nil
		}
		buf = appendEvents(buf[:0], fit)
		var sent []event.ID
		if x.c.cfg.Sent != nil {
			for _, r := range fit {
				sent = append(sent, r.ID)
			}
		}
		fit, size = fit[:0], 0
		if err := x.s.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
			return err
		}
		x.c.count.bytesOut.Add(uint64(len(buf)))
		if err := x.w.Write(buf); err != nil {
			return fmt.Errorf("sending: %w", err)
		}
		if err := x.w.Flush(); err != nil {
			return fmt.Errorf("sending: %w", err)
		}
		if x.c.cfg.Sent != nil {
			x.c.cfg.Sent(x.to, sent)
		}
		return nil
	}
	for _, r := range rows {
		n := len(r.Bytes)
		if reason := x.unfit(n); reason != ReasonNone {
			x.answered([]Answer{{ID: r.ID, Refused: reason}})
			continue
		}
		if size += eventCost(n); size > maxFrame-16 {
			if err := flush(); err != nil {
				return buf, err
			}
			size = eventCost(n)
		}
		fit = append(fit, r)
		x.took(r)
	}
	return buf, flush()
}

// unfit says why an event of n bytes cannot be sent on this stream.
func (x *session) unfit(n int) Reason {
	switch {
	case n == 0 || n > event.MaxEvent:
		return ReasonInvalid
	case n > x.windowBytes:
		return ReasonNotAccepted // they take requests from us, nothing more
	}
	return ReasonNone
}

// took notes an event as in flight.
func (x *session) took(r Queued) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.flying() == 0 {
		x.last = time.Now()
	}
	x.flight = append(x.flight, flying{id: r.ID, raw: r.Bytes})
	x.bytes += len(r.Bytes)
	x.c.count.sent.Add(1)
}

// listen reads answers until the stream ends.
func (x *session) listen(ctx context.Context) error {
	for {
		raw, err := x.r.Next()
		if err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fmt.Errorf("waiting for answers: %w", err)
		}
		x.c.count.bytesIn.Add(uint64(len(raw)))
		f, err := decodeFrame(raw)
		switch {
		case err != nil:
			return err
		case f.goAway != 0:
			return f.goAway
		case f.acks == nil:
			return fmt.Errorf("%w: an answer was expected", errFrame)
		}
		answers, err := x.match(f.acks)
		if err != nil {
			return err
		}
		x.tell(answers)
		x.answered(answers)
	}
}

// match takes what was answered for out of the flight.
func (x *session) match(a *acks) ([]Answer, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if a.through <= x.number || a.through-x.number > uint64(x.flying()) {
		return nil, errAnswer
	}
	n := int(a.through - x.number)
	answers := make([]Answer, n)
	done := x.flight[x.head : x.head+n]
	for i, f := range done {
		answers[i].ID = f.id
		x.bytes -= len(f.raw)
	}
	last := x.number
	for _, r := range a.refused {
		if r.number <= last || r.number > a.through {
			return nil, errAnswer
		}
		last = r.number
		answers[r.number-x.number-1].Refused = r.reason
		if raw := done[r.number-x.number-1].raw; r.reason == ReasonNotAccepted && len(raw) <= event.MaxRequest {
			x.turnedDown = append(x.turnedDown, raw)
		}
	}
	clear(done)
	if x.head += n; 2*x.head >= len(x.flight) {
		left := copy(x.flight, x.flight[x.head:])
		clear(x.flight[left:])
		x.flight, x.head = x.flight[:left], 0
	}
	x.number, x.progress, x.last = a.through, true, time.Now()
	return answers, nil
}

// tell counts answers and passes acknowledgements on at once.
func (x *session) tell(answers []Answer) {
	var ids []event.ID
	for _, a := range answers {
		if a.Refused == ReasonNone {
			ids = append(ids, a.ID)
		}
	}
	x.c.count.acknowledged.Add(uint64(len(ids)))
	x.c.count.refusedByThem.Add(uint64(len(answers) - len(ids)))
	if len(ids) > 0 && x.c.cfg.Acknowledged != nil {
		x.c.cfg.Acknowledged(x.to, ids)
	}
}

// answered leaves answers for keep.
func (x *session) answered(answers []Answer) {
	x.mu.Lock()
	x.answers = append(x.answers, answers...)
	x.mu.Unlock()
	signal(x.moved)
	signal(x.note)
}

// flying returns how many events are in flight; the caller holds mu.
func (x *session) flying() int { return len(x.flight) - x.head }

func (x *session) room() (events, bytes int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.windowEvents - x.flying(), x.windowBytes - x.bytes
}

// resting reports whether nothing is in flight or to be noted.
func (x *session) resting() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.flying() == 0 && len(x.answers) == 0 && x.noting == 0
}

// settled reports whether every answer is noted.
func (x *session) settled() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.answers) == 0
}

func (x *session) inFlight() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.flying()
}

// patience is how long to wait for the next answer.
func (x *session) patience() time.Duration {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.flying() == 0 {
		return stallTimeout
	}
	return max(time.Millisecond, stallTimeout-time.Since(x.last))
}

func (x *session) stalled() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.flying() > 0 && time.Since(x.last) >= stallTimeout
}

func (x *session) lastAck(before time.Time) time.Time {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.progress {
		return x.last
	}
	return before
}
