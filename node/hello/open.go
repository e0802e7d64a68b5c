package hello

import (
	"context"
	"errors"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/node/hello/pb"
	"github.com/kith-chat/kith/node/wire"
)

// An exchange that fails while the peer stays connected is tried again, later
// and later, maxTries times in all.
const (
	maxTries   = 4
	retryFirst = time.Second
	retryBy    = 4 // each wait is this many times the one before
)

// opening is what one goroutine does to tell and ask one peer.
type opening struct {
	done    chan struct{} // closed when the exchanges that were wanted are over
	resting bool          // done is closed; a retry will follow
	again   bool          // wanted once more, since something changed
	wake    chan struct{} // ends the rest
}

// Refresh begins the exchange with a connected peer again, as after a change
// of who may know us. When one is under way, another follows it.
func (s *Service) Refresh(p peer.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx == nil || s.ctx.Err() != nil {
		return
	}
	o := s.opening[p]
	switch {
	case o == nil:
		o = &opening{done: make(chan struct{}), wake: make(chan struct{}, 1)}
		s.opening[p] = o
		ctx := s.ctx
		s.wg.Go(func() { s.converse(ctx, p, o) })
	case o.resting:
		o.resting, o.done = false, make(chan struct{})
		select {
		case o.wake <- struct{}{}:
		default:
		}
	default:
		o.again = true
	}
}

// converse exchanges hellos with a peer until both have said what they may.
func (s *Service) converse(ctx context.Context, p peer.ID, o *opening) {
	wait := retryFirst
	for try := 1; ; try++ {
		err := s.exchange(ctx, p)
		if err != nil && ctx.Err() == nil {
			s.log.Debug("saying hello", "peer", p.ShortString(), "error", err)
		}
		last := err == nil || try >= maxTries || ctx.Err() != nil || s.gone(p) || !s.speaks(p)
		if s.rest(ctx, p, o, last) {
			try, wait = 0, retryFirst
			continue
		}
		if last {
			return
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
			s.mu.Lock()
			if o.resting {
				o.resting, o.done = false, make(chan struct{})
			}
			s.mu.Unlock()
		case <-o.wake:
			try = 0
		case <-ctx.Done():
		}
		timer.Stop()
		wait *= retryBy
	}
}

// rest ends an exchange. It reports true if another is wanted at once; else
// those who wait are told, and the opening is over if it was the last.
func (s *Service) rest(ctx context.Context, p peer.ID, o *opening, last bool) (again bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o.again && ctx.Err() == nil {
		o.again = false
		return true
	}
	if last {
		delete(s.opening, p)
	}
	if !o.resting {
		o.resting = true
		close(o.done)
	}
	return false
}

func (s *Service) speaks(p peer.ID) bool {
	all, err := s.cfg.Host.Peerstore().SupportsProtocols(p, Protocol)
	return err == nil && len(all) > 0
}

// exchange opens one exchange, and a second one if the first taught us that we
// may say more.
func (s *Service) exchange(ctx context.Context, p peer.ID) error {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	more, err := s.open(ctx, p)
	if err != nil || !more {
		return err
	}
	_, err = s.open(ctx, p)
	return err
}

// open runs one exchange as the side that opens it. It reports whether what
// we learned lets us say more than we did.
func (s *Service) open(ctx context.Context, p peer.ID) (more bool, err error) {
	ctx, cancel := context.WithTimeout(network.WithAllowLimitedConn(ctx, "kith hello"), deadline)
	defer cancel()
	ctx = network.WithNoDial(ctx, "kith hello speaks to who is there")
	st, err := s.cfg.Host.NewStream(ctx, p, Protocol)
	if err != nil {
		return false, err
	}
	done, err := wire.Attach(ctx, st, service, maxFrame, deadline)
	if err != nil {
		return false, err
	}
	defer func() { done(err) }()
	lan := s.cfg.OnLAN(st.Conn())
	var account identity.AccountID
	if known, ok := s.Person(p); ok {
		account = known.Account()
	}
	ours := &pb.Hello{Version: Version}
	if secret, ok := s.cfg.Policy.SecretOf(p); ok && !secret.IsZero() {
		ours.Proof = proof(secret, s.cfg.Host.ID(), p)
	}
	told := s.cfg.Policy.Reveal(p, account, lan, false)
	if err := s.say(st, p, ours, told); err != nil {
		return false, err
	}
	var theirs pb.Hello
	if err := wire.NewReader(st, maxFrame).ReadMessage(&theirs); err != nil {
		return false, err
	}
	person, ok, err := s.take(p, &theirs, lan)
	if err != nil || !ok {
		return false, err
	}
	return !told && s.cfg.Policy.Reveal(p, person.Account(), lan, false), nil
}

// say writes our side of an exchange: a version, and who we are if reveal.
func (s *Service) say(st network.Stream, p peer.ID, m *pb.Hello, reveal bool) error {
	if reveal {
		c := s.cfg.Policy.Card()
		m.Certificate, m.Name, m.DeviceList = c.Certificate.Bytes(), c.Name, c.DeviceList
		m.Capabilities = s.cfg.Capabilities
	}
	w := wire.NewWriter(st, maxFrame)
	if err := errors.Join(w.WriteMessage(m), w.Flush()); err != nil {
		return err
	}
	if reveal {
		s.mu.Lock()
		if len(s.told) < maxPeople {
			s.told[p] = true
		}
		s.mu.Unlock()
	}
	return nil
}

// take checks what a peer says of itself and remembers it.
func (s *Service) take(p peer.ID, m *pb.Hello, lan bool) (Person, bool, error) {
	if len(m.GetCertificate()) == 0 {
		return Person{}, false, nil
	}
	person, err := parse(p, m, lan, time.Now())
	if err != nil {
		return Person{}, false, err
	}
	s.remember(person)
	return person, true, nil
}
