package pubsub

import (
	"context"
	"sync"

	gossip "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/identity/event"
)

// PeerChange says that a peer has come into a topic that we are in, or left.
// A peer is in the topic from when it has told us so and we can send to it.
type PeerChange struct {
	Group string // the public group's name; else empty
	Raw   string // the raw topic; else empty

	Private event.ConversationID // the private group; else zero

	Peer   peer.ID
	Joined bool
	Peers  int // how many are in the topic now
}

// streams is the set of peers to which gossipsub has a stream open.
type streams struct {
	mu   sync.RWMutex
	open map[peer.ID]struct{}
}

func (s *streams) set(p peer.ID, open bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if open {
		s.open[p] = struct{}{}
	} else {
		delete(s.open, p)
	}
}

func (s *streams) has(p peer.ID) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, ok := s.open[p]
	return ok
}

// peers knows who is in a topic.
type peers struct {
	streams *streams
	changed chan struct{} // holds one signal

	mu        sync.Mutex
	announced map[peer.ID]struct{} // who has told us, reachable or not
}

func newPeers(s *streams) *peers {
	return &peers{streams: s, changed: make(chan struct{}, 1), announced: make(map[peer.ID]struct{})}
}

func (p *peers) signal() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// list returns who is in the topic and can be sent to.
func (p *peers) list() []peer.ID {
	p.mu.Lock()
	defer p.mu.Unlock()
	var in []peer.ID
	for id := range p.announced {
		if p.streams.has(id) {
			in = append(in, id)
		}
	}
	return in
}

// anybody reports whether list would not be empty.
func (p *peers) anybody() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id := range p.announced {
		if p.streams.has(id) {
			return true
		}
	}
	return false
}

// follow keeps announced up to date until ctx ends.
func (p *peers) follow(ctx context.Context, events *gossip.TopicEventHandler) {
	for {
		e, err := events.NextPeerEvent(ctx)
		if err != nil {
			return
		}
		p.mu.Lock()
		if e.Type == gossip.PeerJoin {
			p.announced[e.Peer] = struct{}{}
		} else {
			delete(p.announced, e.Peer)
		}
		p.mu.Unlock()
		p.signal()
	}
}

// report calls back for every peer that comes or goes until ctx ends.
func (p *peers) report(ctx context.Context, about PeerChange, call func(PeerChange)) {
	was := make(map[peer.ID]struct{})
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.changed:
		}
		list := p.list()
		is := make(map[peer.ID]struct{}, len(list))
		for _, id := range list {
			is[id] = struct{}{}
		}
		about.Peers = len(is)
		for id := range was {
			if _, ok := is[id]; !ok {
				about.Peer, about.Joined = id, false
				call(about)
			}
		}
		for id := range is {
			if _, ok := was[id]; !ok {
				about.Peer, about.Joined = id, true
				call(about)
			}
		}
		was = is
	}
}
