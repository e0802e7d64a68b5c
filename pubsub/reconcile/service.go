package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/identity/event"
)

// Closer is a stream that can be ended: closed if err is nil, else reset.
type Closer interface {
	Stream
	Close(err error)
}

// Report is what became of a session with a peer.
type Report struct {
	Peer         peer.ID
	Conversation event.ConversationID
	Asked        bool // we opened it
	Exact        bool
	Part         bool // of a window, and not of the whole conversation
	Result       Result
	Err          error
}

// Config is what a Service needs. All functions are called from several
// goroutines.
type Config struct {
	// Open opens a stream of /kith/sync/1 to a connected peer.
	Open func(ctx context.Context, p peer.ID) (Closer, error)
	// Task returns what a conversation is compared from with a peer: the set,
	// and what else of a Task does not change.
	Task func(ctx context.Context, p peer.ID, c event.ConversationID) (Task, error)
	// May reports whether a peer may know what is in a conversation. It must
	// not depend on what the peer says in the session.
	May func(p peer.ID, c event.ConversationID) bool
	// ExactDue reports whether it is time to compare with a peer by hashes;
	// nil for never.
	ExactDue func(p peer.ID, c event.ConversationID) bool
	// Done is told of each session that has ended; nil for nobody.
	Done func(Report)
	// Log is where what happens is told; nil for nowhere.
	Log *slog.Logger
}

// Service keeps conversations equal with those peers that share them: it
// decides whom to ask, in what order and how soon again, and answers those who
// ask. It is made by New; all methods are safe for concurrent use.
type Service struct {
	config Config
	log    *slog.Logger

	mu     sync.Mutex
	talks  map[event.ConversationID]*talk
	faults map[peer.ID]*fault
	rates  map[peer.ID]*rate
	in     int // sessions that we answer
	out    int // sessions that we have opened
	closed bool
	wake   chan struct{}
	wg     sync.WaitGroup
}

// New makes a service; Run sets it to work.
func New(c Config) *Service {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{
		config: c, log: c.Log, talks: make(map[event.ConversationID]*talk), faults: make(map[peer.ID]*fault),
		rates: make(map[peer.ID]*rate), wake: make(chan struct{}, 1),
	}
}

// Run asks those whose turn it is, until ctx ends, and then waits for the
// sessions that are open.
func (s *Service) Run(ctx context.Context) error {
	defer func() {
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
		s.wg.Wait()
	}()
	for {
		wait := s.start(ctx)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-s.wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// enter counts a session as long as the service works.
func (s *Service) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.wg.Add(1)
	return true
}

// Handle answers a peer on a stream that it has opened, and ends the stream.
func (s *Service) Handle(ctx context.Context, p peer.ID, stream Closer) {
	if !s.enter() {
		stream.Close(ErrBusy)
		return
	}
	defer s.wg.Done()
	began := time.Now()
	admitted := false
	var about event.ConversationID
	exact := false
	r, err := Serve(ctx, stream, func(c event.ConversationID, wantsExact bool) (Task, error) {
		// First whether there is time at all, so that the answer tells
		// nothing of what is here.
		if !s.admit(p, wantsExact) {
			return Task{}, ErrBusy
		}
		admitted, about, exact = true, c, wantsExact
		if !s.config.May(p, c) {
			return Task{}, ErrRefused
		}
		t, err := s.config.Task(ctx, p, c)
		if err != nil {
			s.log.Debug("a peer asked about a conversation that cannot be read", "peer", p, "error", err)
			return Task{}, ErrRefused
		}
		t.Refusals = s.refusals(c)
		return t, nil
	})
	if errors.Is(err, ErrRefused) || errors.Is(err, ErrBusy) {
		stream.Close(nil) // the refusal is to be read
	} else {
		stream.Close(err)
	}
	if !admitted {
		return
	}
	s.dismiss(p)
	if errors.Is(err, ErrPeer) {
		s.blame(p, err)
	}
	if r.Passes == 0 {
		return
	}
	s.compared(p, about, began, err == nil && r.Equal)
	s.report(Report{Peer: p, Conversation: about, Exact: exact, Part: r.Part, Result: r, Err: err})
}

func (s *Service) report(r Report) {
	s.log.Debug("compared a conversation", "peer", r.Peer, "chat", r.Conversation, "asked", r.Asked,
		"taken", r.Result.Taken, "given", r.Result.Given, "bytes", r.Result.Bytes, "error", r.Err)
	if s.config.Done != nil {
		s.config.Done(r)
	}
}

// Fetch asks peers, one after the other, for a part of a conversation, until
// one of them has answered. It is for somebody who waits for a page of
// history.
func (s *Service) Fetch(ctx context.Context, c event.ConversationID, w Window, peers []peer.ID) (Result, error) {
	err := ErrNobody
	for _, p := range s.reliable(peers) {
		if !s.enter() {
			return Result{}, ErrNobody
		}
		var r Result
		r, err = s.ask(ctx, p, c, w)
		s.wg.Done()
		if err == nil {
			return r, nil
		}
		if ctx.Err() != nil {
			return r, context.Cause(ctx)
		}
	}
	return Result{}, err
}

// ask opens a session.
func (s *Service) ask(ctx context.Context, p peer.ID, c event.ConversationID, w Window) (Result, error) {
	if !s.config.May(p, c) {
		return Result{}, ErrRefused
	}
	task, err := s.config.Task(ctx, p, c)
	if err != nil {
		return Result{}, fmt.Errorf("reading the conversation: %w", err)
	}
	task.Conversation, task.Window, task.Refusals = c, w, s.refusals(c)
	task.Exact = w == Window{} && s.config.ExactDue != nil && s.config.ExactDue(p, c)
	stream, err := s.config.Open(ctx, p)
	if err != nil {
		return Result{}, fmt.Errorf("opening a stream: %w", err)
	}
	r, err := Sync(ctx, stream, task)
	stream.Close(err)
	switch {
	case err == nil:
		s.forgive(p)
	case ctx.Err() == nil && !errors.Is(err, ErrBusy) && !errors.Is(err, ErrRefused):
		s.blame(p, err)
	}
	s.report(Report{Peer: p, Conversation: c, Asked: true, Exact: task.Exact, Part: w != Window{}, Result: r, Err: err})
	return r, err
}
