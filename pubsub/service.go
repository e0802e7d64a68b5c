package pubsub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	gossip "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/discovery"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
)

// Errors of this package.
var (
	ErrNobody  = errors.New("nobody else is in the group yet")
	ErrClosed  = errors.New("the group has been left")
	ErrTooMany = fmt.Errorf("a node can be in at most %d groups and topics at once", MaxTopics)
	ErrTopic   = errors.New("not a topic name")
	ErrTooLong = errors.New("the message is too long")
)

// Log is where verified events go; the node supplies it. Both methods are
// called from several goroutines.
type Log interface {
	// Take stores events durably. It is called with events of any of the
	// groups that were joined, in order of arrival; it must take an event that
	// it has already as a success, and keep one that is dated too far ahead
	// aside until it is due. An error means that nothing is known about what
	// was stored: the same events come again.
	Take(ctx context.Context, events []*event.Event) error
	// Have reports whether an event has been taken, even if it was erased
	// since. It is called for every event of every message, so it must be
	// quick.
	Have(ctx context.Context, id event.ID) bool
}

// Options says how a Service works. Device and Log are required.
type Options struct {
	Device *identity.Device // ours; its key must be the host's
	Log    Log
	Logger *slog.Logger // nil for none

	// Discovery finds members of a topic beyond the peers that we are
	// connected to; nil for none.
	Discovery discovery.Discovery
	// AllowAuthor says whether an account is heard; nil hears everybody. What
	// it refuses is neither stored nor passed on, and nobody is told. It is
	// called for every message, so it must be quick.
	AllowAuthor func(identity.AccountID) bool
	// OnPeer is told who comes into a topic and leaves it, one call at a time
	// for each topic; nil for nobody. With the first peer, what ErrNobody kept
	// back can be published again. It must not join or leave.
	OnPeer func(PeerChange)
	// Banish is told of a peer that floods or forges; nil closes the
	// connections to it.
	Banish func(peer.ID)
}

// Stats counts what a Service has done since it was made.
type Stats struct {
	Taken    uint64 // events that the log has taken
	Ignored  uint64 // messages known already, from the future, too many of one author or by somebody we do not hear
	Rejected uint64 // messages that no honest peer sends
	Excess   uint64 // messages above what a neighbour may send
	Unsigned uint64 // messages without a signature or a number in raw topics
	Dropped  uint64 // valid messages lost here because the store or the machine was too slow
	Unsent   uint64 // frames that a slow neighbour lost
}

// Service is a node's part in public groups and raw topics.
type Service struct {
	host          host.Host
	device        *identity.Device
	logger        *slog.Logger
	allow         func(identity.AccountID) bool
	onPeer        func(PeerChange)
	banish        func(peer.ID)
	gossip        *gossip.PubSub
	stop          context.CancelFunc // of gossipsub
	inspector     *inspector
	subscriptions *subscriptions
	streams       streams
	certificates  event.CertificateCache
	inbox         *inbox
	wg            sync.WaitGroup
	closing       chan struct{}
	closed        sync.Once
	bad           chan peer.ID // found by review

	joined atomic.Pointer[map[string]*topic] // by topic; replaced, never changed

	mu     sync.Mutex // of joining, leaving and closing
	groups map[string]*Group
	raws   map[string]*RawTopic

	stats struct {
		ignored, rejected, excess, unsigned, dropped, unsent atomic.Uint64
	}
}

// New starts gossipsub on the host. The caller calls Run, and closes the
// Service before the host.
func New(h host.Host, o Options) (*Service, error) {
	if o.Device == nil || o.Log == nil {
		return nil, errors.New("starting gossip: a device and a log are required")
	}
	if o.Device.ID().Peer() != h.ID() {
		return nil, errors.New("starting gossip: the host has another key than the device")
	}
	s := &Service{
		host: h, device: o.Device, logger: o.Logger, allow: o.AllowAuthor, onPeer: o.OnPeer, banish: o.Banish,
		streams: streams{open: make(map[peer.ID]struct{})},
		closing: make(chan struct{}), bad: make(chan peer.ID, 64),
		groups: make(map[string]*Group), raws: make(map[string]*RawTopic),
	}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	if s.allow == nil {
		s.allow = func(identity.AccountID) bool { return true }
	}
	if s.onPeer == nil {
		s.onPeer = func(PeerChange) {}
	}
	if s.banish == nil {
		s.banish = func(p peer.ID) { _ = h.Network().ClosePeer(p) }
	}
	s.joined.Store(&map[string]*topic{})
	s.inspector = newInspector(h.ID(), s.topic)
	s.subscriptions = newSubscriptions(func(name string) bool { return s.topic(name) != nil })
	s.inbox = newInbox(o.Log, s.logger, &s.stats.dropped)
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	g, err := gossip.NewGossipSub(ctx, h, gossipOptions(s, o)...)
	if err != nil {
		stop()
		return nil, fmt.Errorf("starting gossip: %w", err)
	}
	s.gossip = g
	s.wg.Go(func() { s.inbox.run(ctx) })
	return s, nil
}

// topic returns our membership in a topic, or nil.
func (s *Service) topic(name string) *topic { return (*s.joined.Load())[name] }

// setTopic changes the memberships; t is nil to remove one.
func (s *Service) setTopic(name string, t *topic) {
	next := maps.Clone(*s.joined.Load())
	if t == nil {
		delete(next, name)
	} else {
		next[name] = t
	}
	s.joined.Store(&next)
}

// streamChanged notes that a stream to p was opened or closed.
func (s *Service) streamChanged(p peer.ID, open bool) {
	s.streams.set(p, open)
	for _, t := range *s.joined.Load() {
		t.peers.signal()
	}
}

// review gets everybody's score now and then.
func (s *Service) review(scores map[peer.ID]float64) {
	for p, score := range scores {
		if score >= ignored {
			continue
		}
		select {
		case s.bad <- p:
		default: // it is still bad at the next review
		}
	}
}

// Run looks after the service until ctx ends or Close is called, and closes
// it. It returns nil then.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	lost := uint64(0)
	for {
		select {
		case <-ctx.Done():
			return s.Close()
		case <-s.closing:
			return s.Close()
		case p := <-s.bad:
			if s.host.Network().Connectedness(p) != network.NotConnected {
				s.logger.Warn("a peer floods or forges; it is put off", "peer", short(p))
				s.banish(p)
			}
		case <-tick.C:
			s.subscriptions.sweep(func(p peer.ID) bool {
				return s.host.Network().Connectedness(p) == network.NotConnected
			})
			if now := s.stats.dropped.Load(); now > lost {
				s.logger.Warn("messages of groups were lost here because this machine was too slow", "messages", now-lost)
				lost = now
			}
		}
	}
}

// Close leaves all groups and topics and stops gossipsub. It waits until what
// was received is stored, two seconds at most, and may be called repeatedly.
func (s *Service) Close() error {
	var errs []error
	s.closed.Do(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		close(s.closing)
		// The topics first, so that neighbours are told that we leave.
		for name, t := range *s.joined.Load() {
			errs = append(errs, t.close())
			s.setTopic(name, nil)
		}
		clear(s.groups)
		clear(s.raws)
		// gossipsub leaves its handlers behind; without a loop they would hang.
		for _, id := range protocols() {
			s.host.RemoveStreamHandler(id)
		}
		s.stop()
	})
	s.wg.Wait()
	return errors.Join(errs...)
}

// Stats returns the counters.
func (s *Service) Stats() Stats {
	return Stats{
		Taken: s.inbox.taken.Load(), Ignored: s.stats.ignored.Load(), Rejected: s.stats.rejected.Load(),
		Excess: s.stats.excess.Load(), Unsigned: s.stats.unsigned.Load(), Dropped: s.stats.dropped.Load(),
		Unsent: s.stats.unsent.Load(),
	}
}

// enter opens a membership with room for it checked; s.mu is held.
func (s *Service) enter(t *topic, open func() error) error {
	select {
	case <-s.closing:
		return ErrClosed
	default:
	}
	if len(*s.joined.Load()) >= MaxTopics {
		return ErrTooMany
	}
	s.setTopic(t.name, t)
	if err := open(); err != nil {
		s.setTopic(t.name, nil)
		return err
	}
	return nil
}

// leave ends a membership; s.mu is held.
func (s *Service) leave(t *topic) error {
	err := t.close()
	s.setTopic(t.name, nil)
	return err
}

// short is how a peer is named in a log.
func short(p peer.ID) string {
	text := p.String()
	return "…" + text[max(0, len(text)-8):]
}
