package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/store"
	"github.com/kith-chat/kith/pubsub/reconcile"
	"github.com/kith-chat/kith/pubsub/reconcile/index"
)

// orders keeps, of each chat that is compared with others, the order that both
// sides agree on. It is read from the store at the first comparison, and
// follows the log of changes from then on.
type orders struct {
	n     *Node
	mu    sync.Mutex
	chats map[event.ConversationID]*order
}

type order struct {
	mu     sync.Mutex // held while it catches up
	index  *index.Index
	cursor uint64
	put    map[event.ID]struct{} // what a session has put since
}

// of returns the order of a chat as it is now.
func (o *orders) of(ctx context.Context, chat event.ConversationID) (*order, error) {
	o.mu.Lock()
	x := o.chats[chat]
	if x == nil {
		x = &order{}
		o.chats[chat] = x
	}
	o.mu.Unlock()
	x.mu.Lock()
	defer x.mu.Unlock()
	for x.index != nil {
		changes, next, reset, err := o.n.store.Changes(ctx, x.cursor, watchStep)
		if err != nil {
			return nil, err
		}
		for _, c := range changes {
			if c.Chat != chat {
				continue
			}
			if c.What == store.ChangedErased {
				reset = true
			}
			if c.What == store.ChangedEvent && c.Fresh {
				x.follow(ctx, o.n.store, c.ID)
			}
		}
		x.cursor = next
		if reset {
			x.index = nil
		} else if len(changes) < watchStep {
			clear(x.put)
			return x, nil
		}
	}
	x.cursor, x.put = o.n.store.Cursor(), make(map[event.ID]struct{})
	fresh := new(index.Index)
	err := o.n.store.Order(ctx, chat, func(t event.Time, id event.ID) { fresh.Insert(reconcile.Key{Time: t, ID: id}) })
	if err != nil {
		return nil, err
	}
	x.index = fresh
	return x, nil
}

// follow takes an event that has become durable into the order.
func (x *order) follow(ctx context.Context, s *store.Store, id event.ID) {
	if _, have := x.put[id]; have {
		return
	}
	if e, err := s.Get(ctx, id); err == nil {
		x.index.Insert(reconcile.KeyOf(e.Event))
	}
}

func (x *order) putKey(k reconcile.Key) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.index != nil && x.index.Insert(k) {
		x.put[k.ID] = struct{}{}
	}
}

// syncSet is a chat as it is compared with a peer.
type syncSet struct {
	n     *Node
	chat  store.Chat
	peer  peer.ID
	order *order
	index *index.Index
}

// syncTask returns what a chat is compared from.
func (n *Node) syncTask(ctx context.Context, p peer.ID, id event.ConversationID) (reconcile.Task, error) {
	c, err := n.store.Chat(ctx, id)
	if err != nil {
		return reconcile.Task{}, err
	}
	x, err := n.orders.of(ctx, id)
	if err != nil {
		return reconcile.Task{}, fmt.Errorf("reading the order of a chat: %w", err)
	}
	set := &syncSet{n: n, chat: c, peer: p, order: x, index: x.index}
	return reconcile.Task{Set: set, Certificates: &n.syncCerts}, nil
}

// Summary returns the count and the sum of a range.
func (s *syncSet) Summary(_ context.Context, lo, hi reconcile.Key) (uint64, [32]byte, error) {
	count, sum := s.index.Summary(lo, hi)
	return count, sum, nil
}

// Newest returns the newest keys of a range.
func (s *syncSet) Newest(_ context.Context, lo, hi reconcile.Key, n int) ([]reconcile.Key, error) {
	return s.index.Newest(lo, hi, n), nil
}

// Split divides a range.
func (s *syncSet) Split(_ context.Context, lo, hi reconcile.Key, parts int) ([]reconcile.Key, error) {
	return s.index.Split(lo, hi, parts), nil
}

// Raw returns encoded events.
func (s *syncSet) Raw(ctx context.Context, ids []event.ID) ([][]byte, error) {
	out := make([][]byte, len(ids))
	for i, id := range ids {
		if e, err := s.n.store.Get(ctx, id); err == nil && e.Event.Header().Conversation == s.chat.ID {
			out[i] = e.Event.Bytes()
		}
	}
	return out, ctx.Err()
}

// Floor returns before when nothing is kept.
func (s *syncSet) Floor(context.Context) (reconcile.Key, error) {
	if s.chat.RetentionDays == 0 {
		return reconcile.Key{}, nil
	}
	since := time.Now().AddDate(0, 0, -int(s.chat.RetentionDays))
	return reconcile.Key{Time: event.TimeOf(since)}, nil
}

// Put stores events as if they had arrived.
func (s *syncSet) Put(ctx context.Context, events []*event.Event) ([]reconcile.Verdict, error) {
	out := make([]reconcile.Verdict, len(events))
	taken := make([]*event.Event, 0, len(events))
	places := make([]int, 0, len(events))
	retracted := retractions(events)
	for i, e := range events {
		if out[i] = s.judge(ctx, e, retracted); out[i] == 0 {
			taken, places = append(taken, e), append(places, i)
		}
	}
	outcomes, err := s.n.store.PutIncoming(ctx, taken)
	for i, o := range outcomes {
		at := places[i]
		switch o.Result {
		case store.Taken:
			out[at] = reconcile.Taken
			s.order.putKey(reconcile.KeyOf(taken[i]))
			s.n.arrived(ctx, o.Entry)
			s.readBy(ctx, o.Entry)
		case store.Duplicate:
			out[at] = reconcile.Had
		default: // pruned, or dated ahead and kept aside
			out[at] = reconcile.Refused
		}
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("the chat was deleted meanwhile: %w", err)
	}
	return out, err
}

// judge decides whether an event may stand in the chat; zero if it may.
func (s *syncSet) judge(ctx context.Context, e *event.Event, retracted map[event.ID][]*event.Event) reconcile.Verdict {
	h, author := e.Header(), e.Author()
	own := author == s.n.self.Account()
	switch {
	case s.n.policy.revoked(author, h.Device), !own && !s.n.policy.heard(author):
		return reconcile.Refused
	case s.chat.Kind == store.Self && !own:
		return reconcile.Refused
	case s.chat.Kind == store.Direct && !own && author != s.chat.Peer:
		return reconcile.Refused
	case s.chat.Kind == store.Direct && !own && !s.n.ours(s.peer) &&
		(h.Kind == event.KindContact || h.Kind == event.KindGroupWord):
		// What has an effect beyond the chat comes by the courier, in order.
		return reconcile.Refused
	case !e.HasBody() && !s.mayBeErased(ctx, e, retracted[e.ID()]):
		return reconcile.Doubted
	}
	return 0
}

// mayBeErased reports whether there is a reason for an event to come without
// its body: nobody can hide what others have said by giving it on empty.
func (s *syncSet) mayBeErased(ctx context.Context, e *event.Event, by []*event.Event) bool {
	h := e.Header()
	if h.Expiry > 0 && time.Now().UnixMilli() >= h.Expiry || s.n.ours(s.peer) {
		return true
	}
	for _, r := range by {
		if r.Author() == e.Author() {
			return true
		}
	}
	related, err := s.n.store.Related(ctx, e.ID())
	if err != nil {
		return false
	}
	for _, r := range related {
		if b, err := r.Event.Body(); err == nil && r.Event.Author() == e.Author() {
			if _, ok := b.(event.Retract); ok {
				return true
			}
		}
	}
	// An edit that was taken back goes with its message.
	return false
}

// retractions returns the events of a batch that take others back, by target.
func retractions(events []*event.Event) map[event.ID][]*event.Event {
	out := make(map[event.ID][]*event.Event)
	for _, e := range events {
		if e.Header().Kind != event.KindRetract {
			continue
		}
		if b, err := e.Body(); err == nil {
			if r, ok := b.(event.Retract); ok {
				out[r.Target] = append(out[r.Target], e)
			}
		}
	}
	return out
}

// readBy notes a receipt that came this way.
func (s *syncSet) readBy(ctx context.Context, e store.Entry) {
	if s.chat.Kind != store.Direct || e.Event.Author() != s.chat.Peer {
		return
	}
	b, err := e.Event.Body()
	if err != nil {
		return
	}
	if r, ok := b.(event.Receipt); ok {
		if err := s.n.store.PutReadBy(ctx, s.chat.ID, r.ReadUpTo); err != nil {
			s.n.log.Debug("noting a receipt", "error", err)
		}
	}
}
