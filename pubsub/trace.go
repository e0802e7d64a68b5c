package pubsub

import (
	"time"

	gossip "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// tracer learns from gossipsub what it tells nobody else: to whom a stream is
// open, and what it drops. Every method runs on gossipsub's loop or a
// validation worker and must not block.
type tracer struct{ s *Service }

var _ gossip.RawTracer = (*tracer)(nil)

// OnNewOutboundStream notes that what is published from now on reaches p.
func (t *tracer) OnNewOutboundStream(p peer.ID, _ protocol.ID) { t.s.streamChanged(p, true) }

// OnClosedOutboundStream notes that nothing reaches p any more; gossipsub has
// forgotten its subscriptions.
func (t *tracer) OnClosedOutboundStream(p peer.ID) {
	t.s.subscriptions.forget(p)
	t.s.streamChanged(p, false)
}

// RejectMessage counts what validation refused or could not look at.
func (t *tracer) RejectMessage(_ *gossip.Message, reason string) {
	switch reason {
	case gossip.RejectValidationQueueFull, gossip.RejectValidationThrottled:
		t.s.stats.dropped.Add(1)
	case gossip.RejectValidationIgnored:
		t.s.stats.ignored.Add(1)
	default:
		t.s.stats.rejected.Add(1)
	}
}

// DropRPC counts frames that a neighbour's full queue could not take.
func (t *tracer) DropRPC(*gossip.RPC, peer.ID) { t.s.stats.unsent.Add(1) }

// The rest of what gossipsub reports is of no use here.

// Join does nothing.
func (t *tracer) Join(string) {}

// Leave does nothing.
func (t *tracer) Leave(string) {}

// Graft does nothing.
func (t *tracer) Graft(peer.ID, string) {}

// Prune does nothing.
func (t *tracer) Prune(peer.ID, string) {}

// ValidateMessage does nothing.
func (t *tracer) ValidateMessage(*gossip.Message) {}

// DeliverMessage does nothing.
func (t *tracer) DeliverMessage(*gossip.Message) {}

// DuplicateMessage does nothing.
func (t *tracer) DuplicateMessage(*gossip.Message) {}

// ThrottlePeer does nothing.
func (t *tracer) ThrottlePeer(peer.ID) {}

// RecvRPC does nothing.
func (t *tracer) RecvRPC(*gossip.RPC) {}

// SendRPC does nothing.
func (t *tracer) SendRPC(*gossip.RPC, peer.ID) {}

// SendRPCCompleted does nothing.
func (t *tracer) SendRPCCompleted(*gossip.RPC, peer.ID, time.Duration) {}

// UndeliverableMessage does nothing: nothing is delivered through
// subscriptions.
func (t *tracer) UndeliverableMessage(*gossip.Message) {}
