package pubsub

import (
	"context"
	"fmt"
	"sync"
	"time"

	gossip "github.com/libp2p/go-libp2p-pubsub"
	gossippb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
)

// Group is our membership in a public group.
type Group struct {
	name         string
	conversation event.ConversationID
	topic        *topic
	authors      *authors[identity.AccountID]

	mu      sync.Mutex
	members *recent[identity.AccountID, Member]
}

// Member is somebody who has spoken in a group while we were in it.
type Member struct {
	Account identity.AccountID
	Device  identity.DeviceID // the one that spoke last
	Seen    time.Time         // when it was received
}

// Join enters the public group of that name, in any form that
// event.CleanGroup takes. Joining a group again gives the same Group.
func (s *Service) Join(ctx context.Context, name string) (*Group, error) {
	name, err := event.CleanGroup(name)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if g, ok := s.groups[name]; ok {
		return g, nil
	}
	g := &Group{
		name: name, conversation: event.Public(name),
		authors: newAuthors[identity.AccountID](),
		members: newRecent[identity.AccountID, Member](maxMembers),
	}
	g.topic = s.newTopic(TopicPrefix+name, false)
	g.topic.out.encode = encodeBatch
	if err := s.enter(g.topic, func() error {
		return g.topic.open(g.validate, groupMessageID, PeerChange{Group: name})
	}); err != nil {
		return nil, fmt.Errorf("joining #%s: %w", name, err)
	}
	s.groups[name] = g
	return g, nil
}

// Leave ends the membership in a group. Leaving a group that was not joined
// does nothing.
func (s *Service) Leave(name string) error {
	name, err := event.CleanGroup(name)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g, ok := s.groups[name]
	if !ok {
		return nil
	}
	delete(s.groups, name)
	return s.leave(g.topic)
}

func (s *Service) newTopic(name string, raw bool) *topic {
	p := newPeers(&s.streams)
	return &topic{
		s: s, name: name, raw: raw, peers: p,
		out: &sender{anybody: p.anybody, wake: make(chan struct{}, 1)},
	}
}

// groupMessageID names a gossip message by its author, topic and payload.
// gossipsub takes a name for seen before the validator has looked at the
// payload; this one can be occupied by the author alone, whose signature
// covers all of it. An event's ID could be occupied by anybody who repeats the
// event. The first part delimits itself and a topic holds no zero byte.
func groupMessageID(m *gossippb.Message) string {
	id := identity.DomainGossipID.Sum(m.GetFrom(), []byte(m.GetTopic()), []byte{0}, m.GetData())
	return string(id[:])
}

var _ gossip.MsgIdFunction = groupMessageID

// Name returns the group's clean name.
func (g *Group) Name() string { return g.name }

// Conversation returns the group's conversation.
func (g *Group) Conversation() event.ConversationID { return g.conversation }

// Publish sends events of our own device, signed and stored before, to
// everybody in the group, in order, and returns when all of them have been
// handed to at least one peer. It waits where the pace of SendRate demands it.
// It returns ErrNobody when no peer is in the group, ErrClosed after Leave, and
// ctx's error when ctx ends first. After an error some of the events may have
// been sent; publishing them again is harmless, but within two minutes a
// message with exactly the same events is not repeated.
func (g *Group) Publish(ctx context.Context, events ...*event.Event) error {
	return g.topic.publish(ctx, "#"+g.name, g.conversation, carried, events)
}

// Peers returns who is in the group and connected to us now.
func (g *Group) Peers() []peer.ID { return g.topic.peers.list() }

// Members returns who has spoken since we joined, last speaker first, at most
// 4,096.
func (g *Group) Members() []Member {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.members.values()
}

func (g *Group) heard(account identity.AccountID, device identity.DeviceID, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.members.put(account, Member{account, device, now})
}
