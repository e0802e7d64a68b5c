package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/store"
	"github.com/kith-chat/kith/pubsub"
)

// groups holds the groups and topics that we are in. Each has one goroutine
// that publishes what waits in its outbox.
type groups struct {
	n *Node

	mu     sync.Mutex
	rooms  map[event.ConversationID]*room
	closed bool
	wg     sync.WaitGroup
}

// room is one group or topic that we are in.
type room struct {
	chat   store.Chat
	group  *pubsub.Group    // nil for a topic of another program
	raw    *pubsub.RawTopic // nil for a group
	wake   chan struct{}
	cancel context.CancelFunc

	newcomers  bool // somebody has come who may not know our name
	introduced time.Time
}

func newGroups(n *Node) *groups {
	return &groups{n: n, rooms: make(map[event.ConversationID]*room)}
}

// join enters a group or topic; without a network it does nothing.
func (g *groups) join(ctx context.Context, c store.Chat) error {
	if g.n.gossip == nil {
		return nil
	}
	g.mu.Lock()
	if g.closed || g.rooms[c.ID] != nil {
		g.mu.Unlock()
		return nil
	}
	life, cancel := context.WithCancel(g.n.ctx)
	r := &room{chat: c, wake: make(chan struct{}, 1), cancel: cancel}
	g.rooms[c.ID] = r
	g.mu.Unlock()
	var group *pubsub.Group
	var raw *pubsub.RawTopic
	var err error
	if c.Kind == store.Public {
		group, err = g.n.gossip.Join(ctx, c.Name)
	} else {
		raw, err = g.n.gossip.JoinRaw(ctx, c.Name, func(m pubsub.RawMessage) { g.n.foreign(life, c, m) })
	}
	if err != nil {
		cancel()
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.rooms[c.ID] == r {
			delete(g.rooms, c.ID)
		}
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if !g.enter(life, r, group, raw) {
		cancel()
		g.quit(c)
	}
	return nil
}

// enter makes a joined room usable; it reports false if it was left meanwhile,
// or everything is closing.
func (g *groups) enter(ctx context.Context, r *room, group *pubsub.Group, raw *pubsub.RawTopic) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed || g.rooms[r.chat.ID] != r {
		return false
	}
	r.group, r.raw = group, raw
	if group != nil {
		g.wg.Go(func() { g.publish(ctx, r) })
		g.wg.Go(func() { g.n.introduce(ctx, r.chat) })
	}
	return true
}

func (g *groups) leave(id event.ConversationID) {
	g.mu.Lock()
	r := g.rooms[id]
	delete(g.rooms, id)
	g.mu.Unlock()
	if r == nil {
		return
	}
	r.cancel()
	g.quit(r.chat)
}

// quit leaves the topic of a chat.
func (g *groups) quit(c store.Chat) {
	leave := g.n.gossip.LeaveRaw
	if c.Kind == store.Public {
		leave = g.n.gossip.Leave
	}
	if err := leave(c.Name); err != nil {
		g.n.log.Warn("leaving a group", "chat", c.ID, "error", err)
	}
}

// close ends the publishing and waits for it.
func (g *groups) close() {
	g.mu.Lock()
	g.closed = true
	for _, r := range g.rooms {
		r.cancel()
	}
	g.mu.Unlock()
	g.wg.Wait()
}

// room returns a group or topic that we are in, nil while it is being joined.
func (g *groups) room(id event.ConversationID) *room {
	g.mu.Lock()
	defer g.mu.Unlock()
	r := g.rooms[id]
	if r == nil || r.group == nil && r.raw == nil {
		return nil
	}
	return r
}

// wake says that something was put into a group's outbox.
func (g *groups) wake(id event.ConversationID) {
	if r := g.room(id); r != nil {
		poke(r.wake)
	}
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// publishStep is how many events are taken from the outbox at once, and
// publishRetry how soon a failed publication is tried again.
const (
	publishStep  = 128
	publishRetry = 2 * time.Second
)

// publish hands what waits for the group to its members, as soon as there is
// one.
func (g *groups) publish(ctx context.Context, r *room) {
	var after uint64 // positions rise, and stepping over removed rows is dear
	for ctx.Err() == nil {
		rows, err := g.n.store.OutboxGroup(ctx, r.chat.ID, after, publishStep)
		if err == nil && len(rows) > 0 {
			err = g.publishRows(ctx, r, rows)
			if err == nil {
				after = rows[len(rows)-1].Position
				continue
			}
		}
		var retry <-chan time.Time
		switch {
		case err == nil, errors.Is(err, pubsub.ErrNobody):
		case errors.Is(err, pubsub.ErrClosed), ctx.Err() != nil:
			return
		default:
			g.n.log.Warn("publishing in a group", "chat", r.chat.ID, "error", err)
			t := time.NewTimer(publishRetry)
			defer t.Stop()
			retry = t.C
		}
		select {
		case <-r.wake:
		case <-retry:
		case <-ctx.Done():
			return
		}
	}
}

func (g *groups) publishRows(ctx context.Context, r *room, rows []store.QueuedEvent) error {
	var events []*event.Event
	var ids []event.ID
	for _, row := range rows {
		ids = append(ids, row.ID)
		if e, err := event.Parse(row.Bytes); err == nil {
			events = append(events, e)
		}
	}
	if err := r.group.Publish(ctx, events...); err != nil {
		return err
	}
	return g.n.store.MarkSent(ctx, ids, true)
}

// onPeer follows who comes into a group and leaves it.
func (g *groups) onPeer(c pubsub.PeerChange) {
	if c.Group == "" {
		return
	}
	if c.Joined {
		g.newcomer(event.Public(c.Group))
		g.wake(event.Public(c.Group))
		// Members of a group may know each other's names.
		g.n.hello.Refresh(c.Peer)
		g.n.askSync(event.Public(c.Group), c.Peer)
	}
	if person, ok := g.n.hello.Person(c.Peer); ok {
		g.n.bus.publish(News{Presence: &Member{
			Person: g.n.person(person.Account()), Device: person.Certificate.Device, Online: c.Joined, Seen: time.Now(),
		}})
	}
}

// newcomer notes that somebody has come into a group.
func (g *groups) newcomer(id event.ConversationID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r := g.rooms[id]; r != nil {
		r.newcomers = true
	}
}

// owesName reports whether a group is to be told our name again, and takes it
// as told.
func (g *groups) owesName(id event.ConversationID, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	r := g.rooms[id]
	if r == nil || r.group == nil || !r.newcomers || now.Sub(r.introduced) < introduceAgain {
		return false
	}
	r.newcomers, r.introduced = false, now
	return true
}

// shared reports whether a peer is in a public group with us.
func (g *groups) shared(p peer.ID) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, r := range g.rooms {
		if r.group != nil && slices.Contains(r.group.Peers(), p) {
			return true
		}
	}
	return false
}

// names returns the groups that a peer is in with us.
func (g *groups) names(p peer.ID) (out []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, r := range g.rooms {
		if r.group != nil && slices.Contains(r.group.Peers(), p) {
			out = append(out, "#"+r.chat.Name)
		}
	}
	return out
}

// peersIn returns the peers that are in a group or topic now.
func (g *groups) peersIn(id event.ConversationID) []peer.ID {
	switch r := g.room(id); {
	case r == nil:
		return nil
	case r.group != nil:
		return r.group.Peers()
	default:
		return r.raw.Peers()
	}
}

// peers returns how many peers are in a group or topic now.
func (g *groups) peers(id event.ConversationID) int { return len(g.peersIn(id)) }

// members returns who is in a group now, as far as they have said who they
// are, and who has spoken since we joined.
func (g *groups) members(id event.ConversationID) []Member {
	r := g.room(id)
	if r == nil || r.group == nil {
		return nil
	}
	seen := make(map[identity.AccountID]int)
	var out []Member
	add := func(m Member) {
		if m.Person.Account == g.n.self.Account() {
			return
		}
		if i, have := seen[m.Person.Account]; have {
			out[i].Online = out[i].Online || m.Online
			return
		}
		seen[m.Person.Account] = len(out)
		out = append(out, m)
	}
	for _, p := range r.group.Peers() {
		if who, ok := g.n.hello.Person(p); ok {
			add(Member{Person: g.n.person(who.Account()), Device: who.Certificate.Device, Online: true, Seen: who.Seen})
		}
	}
	for _, m := range r.group.Members() {
		add(Member{Person: g.n.person(m.Account), Device: m.Device, Seen: m.Seen})
	}
	return out
}

// groupLog gives gossip what it needs of the store.
type groupLog struct{ n *Node }

// Take stores events that came by gossip.
func (l groupLog) Take(ctx context.Context, events []*event.Event) error {
	out, err := l.n.store.PutIncoming(ctx, events)
	for _, o := range out {
		if o.Result == store.Taken {
			l.n.arrived(ctx, o.Entry)
		}
	}
	if len(events) > 0 {
		l.n.gapSync(ctx, events[0].Header().Conversation, events)
	}
	if errors.Is(err, store.ErrNotFound) { // of a group that was left and forgotten meanwhile
		return nil
	}
	return err
}

// Have reports whether an event is here.
func (l groupLog) Have(ctx context.Context, id event.ID) bool { return l.n.store.Has(ctx, id) }
