package pubsub

import (
	"context"
	"errors"
	"time"

	gossip "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
)

// errUnfit marks what no honest peer sends.
var errUnfit = errors.New("not a message of this group")

// carried reports whether events of a kind travel in public groups. Kinds that
// this version does not know do: an older node carries what a newer one says.
func carried(k event.Kind) bool {
	switch k {
	case event.KindForeign, event.KindContact, event.KindReceipt:
		return false
	}
	return true
}

// validate is the verdict on a gossip message of the group, after gossipsub
// has checked that its author signed it. Accept passes it on to other peers,
// Reject punishes the neighbour that brought it, Ignore does neither. The
// steps go from cheap to dear, and nothing counts against an author before it
// is proven to be the author, nor for events that are stored already: both
// would let a third party use up somebody's allowance.
func (g *Group) validate(ctx context.Context, from peer.ID, m *gossip.Message) gossip.ValidationResult {
	s := g.topic.s
	if from == s.host.ID() {
		return gossip.ValidationAccept // ours, made by Publish
	}
	events, err := g.parse(m.GetFrom(), m.GetData())
	if err != nil {
		return gossip.ValidationReject
	}
	size := len(m.GetData())
	events = s.unknown(ctx, events)
	if len(events) == 0 {
		return gossip.ValidationIgnore
	}
	now := time.Now()
	// The first signature binds the device to its account; the rest are only
	// worth checking for an author who may speak.
	if err := events[0].Verify(&s.certificates); err != nil {
		return gossip.ValidationReject
	}
	author := events[0].Author()
	if !s.allow(author) {
		return gossip.ValidationIgnore
	}
	live := countLive(events, now)
	if !g.authors.allow(author, live, len(events)-live, now) {
		if from == m.GetFrom() {
			// Whoever passes it on may have had more left for this author.
			s.inspector.strike(from, strikeExcess)
		}
		return gossip.ValidationIgnore
	}
	for _, e := range events[1:] {
		if err := e.Verify(&s.certificates); err != nil || e.Author() != author {
			return gossip.ValidationReject
		}
	}
	g.heard(author, events[0].Header().Device, now)
	return g.topic.take(g.name, author, events, size, now)
}

// parse reads the events of a payload and checks all that needs no signature.
func (g *Group) parse(from peer.ID, data []byte) ([]*event.Event, error) {
	return parseEvents(g.conversation, from, data, carried)
}

func parseEvents(conversation event.ConversationID, from peer.ID, data []byte, carried func(event.Kind) bool) ([]*event.Event, error) {
	raws, err := splitBatch(data)
	if err != nil {
		return nil, err
	}
	events := make([]*event.Event, 0, len(raws))
	seen := make(map[event.ID]struct{}, len(raws))
	var device identity.DeviceID
	for i, raw := range raws {
		e, err := event.Parse(raw)
		if err != nil {
			return nil, err
		}
		h := e.Header()
		if i == 0 {
			// Whether it is a sound key, the certificate says.
			if device = h.Device; device.Peer() != from {
				return nil, errUnfit
			}
		}
		if _, twice := seen[e.ID()]; twice || h.Conversation != conversation || h.Device != device || !carried(h.Kind) {
			return nil, errUnfit
		}
		seen[e.ID()] = struct{}{}
		events = append(events, e)
	}
	return events, nil
}

// unknown returns the events that are neither stored nor about to be.
func (s *Service) unknown(ctx context.Context, events []*event.Event) []*event.Event {
	fresh := events[:0]
	for _, e := range events {
		if !s.inbox.known(ctx, e.ID()) {
			fresh = append(fresh, e)
		}
	}
	return fresh
}
