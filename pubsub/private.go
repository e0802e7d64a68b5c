package pubsub

import (
	"context"
	"errors"
	"fmt"
	"time"

	gossip "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
)

// PrivatePrefix is what the topic of an epoch of a private group starts with;
// the name that follows comes from the epoch's secret.
const PrivatePrefix = "/kith/1/private/"

// maxSealing bounds what Seal may add to a payload, in bytes.
const maxSealing = 256

// PrivateOptions says how an epoch of a private group is carried. All are
// required; the functions are called from several goroutines and must be
// quick.
type PrivateOptions struct {
	Conversation event.ConversationID
	Topic        string // what follows PrivatePrefix: letters and digits, at most 64
	// Seal seals the batch of one gossip message and adds at most 256 bytes.
	// An error keeps the message back: nothing is sent.
	Seal func(batch []byte) ([]byte, error)
	// Open opens what Seal made. What does not open is neither stored nor
	// passed on.
	Open func(payload []byte) ([]byte, error)
	// Admit says whether an event, whose signatures are checked, is by somebody
	// who may speak in the group as it is now. What it refuses is dropped: it
	// comes by reconciliation if it belongs to the group.
	Admit func(*event.Event) bool
}

// Private is our part in one epoch of a private group.
type Private struct {
	o       PrivateOptions
	topic   *topic
	authors *authors[identity.AccountID]
}

// JoinPrivate enters the topic of an epoch. The topic must not have been
// joined; Close leaves it. One group can be in several epochs at once, for as
// long as some members have not heard of the newest.
func (s *Service) JoinPrivate(ctx context.Context, o PrivateOptions) (*Private, error) {
	if err := checkEpochTopic(o); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.topic(PrivatePrefix+o.Topic) != nil {
		return nil, fmt.Errorf("%w: the epoch has been joined already", ErrTopic)
	}
	p := &Private{o: o, topic: s.newTopic(PrivatePrefix+o.Topic, false), authors: newAuthors[identity.AccountID]()}
	p.topic.sealed = true
	p.topic.out.encode = p.encode
	about := PeerChange{Private: o.Conversation}
	if err := s.enter(p.topic, func() error { return p.topic.open(p.validate, groupMessageID, about) }); err != nil {
		return nil, fmt.Errorf("joining a private group: %w", err)
	}
	return p, nil
}

func checkEpochTopic(o PrivateOptions) error {
	if o.Seal == nil || o.Open == nil || o.Admit == nil || o.Conversation.IsZero() {
		return errors.New("joining a private group: its conversation, seal and members are required")
	}
	if o.Topic == "" || len(o.Topic) > 64 {
		return fmt.Errorf("%w: it must have 1 to 64 letters and digits", ErrTopic)
	}
	for _, c := range o.Topic {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return fmt.Errorf("%w: it must have 1 to 64 letters and digits", ErrTopic)
		}
	}
	return nil
}

// Close leaves the topic. Closing again does nothing.
func (p *Private) Close() error {
	s := p.topic.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.topic(p.topic.name) != p.topic {
		return nil
	}
	return s.leave(p.topic)
}

// Peers returns who is in the epoch's topic and connected to us now. Anybody
// who is our neighbour learns the topic's name: this is no proof of being a
// member.
func (p *Private) Peers() []peer.ID { return p.topic.peers.list() }

// Publish sends events of our own device as Group.Publish does, sealed.
func (p *Private) Publish(ctx context.Context, events ...*event.Event) error {
	return p.topic.publish(ctx, "a private group", p.o.Conversation, carriedPrivately, events)
}

func (p *Private) encode(items [][]byte) ([]byte, error) {
	batch, err := encodeBatch(items)
	if err != nil {
		return nil, err
	}
	return p.o.Seal(batch)
}

// carriedPrivately reports whether events of a kind travel in private groups:
// those of public ones, and who has read what.
func carriedPrivately(k event.Kind) bool { return k == event.KindReceipt || carried(k) }

// validate is the verdict on a gossip message. What does not open is ignored
// and not punished: its author may be a stranger who has seen the topic's name,
// or a member whose day has begun before ours. From there on it goes as in
// public groups, except that who may speak is decided event by event.
func (p *Private) validate(ctx context.Context, from peer.ID, m *gossip.Message) gossip.ValidationResult {
	s := p.topic.s
	if from == s.host.ID() {
		return gossip.ValidationAccept // ours, made by Publish
	}
	if len(m.GetData()) > maxData+maxSealing {
		return gossip.ValidationReject
	}
	batch, err := p.o.Open(m.GetData())
	if err != nil {
		if from == m.GetFrom() {
			s.inspector.strike(from, strikeExcess)
		}
		return gossip.ValidationIgnore
	}
	events, err := parseEvents(p.o.Conversation, m.GetFrom(), batch, carriedPrivately)
	if err != nil {
		return gossip.ValidationReject
	}
	events = s.unknown(ctx, events)
	if len(events) == 0 {
		return gossip.ValidationIgnore
	}
	now := time.Now()
	if err := events[0].Verify(&s.certificates); err != nil {
		return gossip.ValidationReject
	}
	author := events[0].Author()
	live := countLive(events, now)
	if !s.allow(author) || !p.authors.allow(author, live, len(events)-live, now) {
		return gossip.ValidationIgnore
	}
	admitted := make([]*event.Event, 0, len(events))
	for _, e := range events {
		if err := e.Verify(&s.certificates); err != nil || e.Author() != author {
			return gossip.ValidationReject
		}
		if p.o.Admit(e) {
			admitted = append(admitted, e)
		}
	}
	if len(admitted) == 0 {
		return gossip.ValidationIgnore
	}
	return p.topic.take(p.topic.name, author, admitted, len(m.GetData()), now)
}
