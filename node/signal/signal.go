package signal

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/signal/pb"
	"github.com/kith-chat/kith/node/wire"
)

// Protocol names the protocol on the wire.
const Protocol protocol.ID = "/kith/signal/1"

const (
	service  = "kith.signal"
	maxFrame = 256             // bytes
	timeout  = 5 * time.Second // for one signal on its way
	backlog  = 64              // signals that wait to be sent; more are dropped
	senders  = 4
	// minGap is the least time between two signals of one peer; what comes
	// sooner is dropped, beyond a burst of two.
	minGap   = 500 * time.Millisecond
	maxPeers = 1024 // whose last signals are remembered
)

// Kind says what a signal means.
type Kind uint8

// The kinds that this version knows.
const (
	Typing Kind = iota + 1
	Stopped
)

// Signal is one thing that is true for a moment.
type Signal struct {
	Conversation event.ConversationID
	Kind         Kind
}

// Config says what the service needs. Host and On are required.
type Config struct {
	Host host.Host
	// May reports whether a peer's signals are read at all; nil for all.
	May func(peer.ID) bool
	// On is called with each signal of a peer, by the goroutine of its stream.
	On  func(from peer.ID, s Signal)
	Log *slog.Logger
}

// Service sends and takes signals. It is safe for concurrent use.
type Service struct {
	cfg   Config
	queue chan outgoing

	mu   sync.Mutex
	last map[peer.ID]meter
	wg   sync.WaitGroup
}

type outgoing struct {
	to []peer.ID
	s  Signal
}

// meter is when a peer may be heard again; it may be ahead by one signal.
type meter time.Time

// New makes a service; Run starts it.
func New(cfg Config) *Service {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.May == nil {
		cfg.May = func(peer.ID) bool { return true }
	}
	return &Service{cfg: cfg, queue: make(chan outgoing, backlog), last: make(map[peer.ID]meter)}
}

// Run takes and sends signals until ctx ends, and waits for them.
func (s *Service) Run(ctx context.Context) error {
	s.cfg.Host.SetStreamHandler(Protocol, func(st network.Stream) { s.take(ctx, st) })
	var wg sync.WaitGroup
	for range senders {
		wg.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case o := <-s.queue:
					for _, p := range o.to {
						if err := s.tell(ctx, p, o.s); err != nil {
							s.cfg.Log.Debug("a signal was not sent", "peer", p, "error", err)
						}
					}
				}
			}
		})
	}
	<-ctx.Done()
	s.cfg.Host.RemoveStreamHandler(Protocol)
	wg.Wait()
	s.wg.Wait()
	return nil
}

// Send gives a signal to peers that are connected. It does not wait; when too
// many signals wait, this one is dropped.
func (s *Service) Send(to []peer.ID, sig Signal) {
	if len(to) == 0 {
		return
	}
	select {
	case s.queue <- outgoing{to, sig}:
	default:
	}
}

// tell opens a stream for one signal.
func (s *Service) tell(ctx context.Context, p peer.ID, sig Signal) (err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	open := network.WithAllowLimitedConn(network.WithNoDial(ctx, service), service)
	st, err := s.cfg.Host.NewStream(open, p, Protocol)
	if err != nil {
		return err
	}
	done, err := wire.Attach(ctx, st, service, maxFrame, timeout)
	if err != nil {
		return err
	}
	defer func() { done(err) }()
	w := wire.NewWriter(st, maxFrame)
	if err := w.WriteMessage(&pb.Signal{Conversation: sig.Conversation[:], Kind: pb.Kind(sig.Kind)}); err != nil {
		return err
	}
	return w.Flush()
}

// take reads the signal of a stream.
func (s *Service) take(ctx context.Context, st network.Stream) {
	p := st.Conn().RemotePeer()
	if !s.admit(p, time.Now()) || !s.cfg.May(p) {
		_ = st.Reset()
		return
	}
	s.wg.Add(1)
	defer s.wg.Done()
	done, err := wire.Attach(ctx, st, service, maxFrame, timeout)
	if err != nil {
		return
	}
	var m pb.Signal
	err = wire.NewReader(st, maxFrame).ReadMessage(&m)
	done(err)
	if err != nil {
		return
	}
	if sig, ok := decode(&m); ok {
		s.cfg.On(p, sig)
	}
}

// decode checks a frame; false for what this version does not know.
func decode(m *pb.Signal) (Signal, bool) {
	var sig Signal
	if len(m.GetConversation()) != len(sig.Conversation) {
		return Signal{}, false
	}
	copy(sig.Conversation[:], m.GetConversation())
	switch m.GetKind() {
	case pb.Kind_KIND_TYPING:
		sig.Kind = Typing
	case pb.Kind_KIND_STOPPED:
		sig.Kind = Stopped
	default:
		return Signal{}, false
	}
	return sig, true
}

// admit bounds how often a peer is heard.
func (s *Service) admit(p peer.ID, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := time.Time(s.last[p])
	if next.After(now.Add(minGap)) {
		return false
	}
	if len(s.last) >= maxPeers {
		clear(s.last)
	}
	if next.Before(now) {
		next = now
	}
	s.last[p] = meter(next.Add(minGap))
	return true
}
