package pubsub

import (
	"sync"

	gossip "github.com/libp2p/go-libp2p-pubsub"
	gossippb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/peer"
)

// subscriptions decides which of a neighbour's subscriptions gossipsub keeps
// in mind. Without a limit one peer can fill the memory; with a list of only
// the topics that we are in, we would miss for ever that a neighbour is in a
// topic that we join later, because a subscription is announced once. So a
// neighbour's first MaxTopics topics are kept, and our own topics always.
type subscriptions struct {
	joined func(string) bool

	mu   sync.Mutex
	kept map[peer.ID]map[string]struct{} // topics that we are not in count too
}

var _ gossip.SubscriptionFilter = (*subscriptions)(nil)

func newSubscriptions(joined func(string) bool) *subscriptions {
	return &subscriptions{joined: joined, kept: make(map[peer.ID]map[string]struct{})}
}

// CanSubscribe limits what we ourselves join to what Join and JoinRaw allow.
func (s *subscriptions) CanSubscribe(topic string) bool { return s.joined(topic) }

// FilterIncomingSubscriptions returns the announcements that count. A frame
// with more than MaxTopics is no kith node's; of it only topics that we are in
// are looked at, each once.
func (s *subscriptions) FilterIncomingSubscriptions(from peer.ID, subs []*gossippb.RPC_SubOpts) ([]*gossippb.RPC_SubOpts, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	many := len(subs) > MaxTopics
	kept := s.kept[from]
	var out []*gossippb.RPC_SubOpts
	for _, sub := range subs {
		name := sub.GetTopicid()
		_, known := kept[name]
		if !sub.GetSubscribe() {
			if known {
				delete(kept, name)
				out = append(out, sub)
			}
			continue
		}
		ours := s.joined(name)
		full := many || len(kept) >= MaxTopics || (kept == nil && len(s.kept) >= maxLinks)
		if len(name) > maxTopicName || (!ours && !known && full) {
			continue
		}
		if kept == nil {
			kept = make(map[string]struct{})
			s.kept[from] = kept
		}
		kept[name] = struct{}{}
		out = append(out, sub)
	}
	if len(kept) == 0 {
		delete(s.kept, from)
	}
	return out, nil
}

// forget drops a neighbour that has gone.
func (s *subscriptions) forget(p peer.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.kept, p)
}

// sweep drops every neighbour that is gone: one that never let us open a
// stream to it is not reported by gossipsub when it leaves.
func (s *subscriptions) sweep(gone func(peer.ID) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := range s.kept {
		if gone(p) {
			delete(s.kept, p)
		}
	}
}
