package node

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/store"
	"github.com/kith-chat/kith/node/wire"
	"github.com/kith-chat/kith/pubsub/reconcile"
)

// Whatever a carrier has lost comes back by comparing chats with those who
// share them: on meeting, on joining, after a gap, and now and then.

const (
	syncProtocol = protocol.ID("/kith/sync/1")
	syncService  = "kith.sync"
	syncMemory   = 3 << 19 // bytes that a session may hold

	syncOpen    = 10 * time.Second
	syncSecond  = 1500 * time.Millisecond // how much later the side with the larger ID asks
	syncGap     = 400 * time.Millisecond  // after a gap: the missing event may be on its way
	syncPace    = 4 * time.Minute         // between two rounds of asking while connected
	syncOwn     = 150 * time.Millisecond  // after a change, until our other devices are asked
	syncExact   = 7 * 24 * time.Hour      // between two comparisons by hashes
	syncHistory = 3 * time.Second         // how long a page of history may take
	syncKnown   = 10 * time.Minute        // how long after a comparison nobody is asked for a page
	syncSome    = 2                       // members that are asked after a gap
	syncSpread  = 4                       // members that are told of what has come from another
)

// newSync makes what keeps chats equal with others.
func (n *Node) newSync() {
	n.orders = &orders{n: n, chats: make(map[event.ConversationID]*order)}
	n.sync = reconcile.New(reconcile.Config{
		Open: n.openSync, Task: n.syncTask, May: n.maySync, ExactDue: n.exactDue, Done: n.synced, Log: n.log,
	})
}

// runSync answers those who ask and asks others, until ctx ends.
func (n *Node) runSync(ctx context.Context) error {
	var wg sync.WaitGroup
	n.host.SetStreamHandler(syncProtocol, func(st network.Stream) {
		s, err := attachSync(ctx, st)
		if err != nil {
			n.log.Debug("taking a stream", "error", err)
			return
		}
		n.sync.Handle(ctx, st.Conn().RemotePeer(), s)
	})
	wg.Go(func() { n.paceSync(ctx) })
	wg.Go(func() { n.followOwn(ctx) })
	err := n.sync.Run(ctx)
	n.host.RemoveStreamHandler(syncProtocol)
	wg.Wait()
	return err
}

// syncStream carries the frames of a session.
type syncStream struct {
	*wire.Reader
	*wire.Writer
	network.Stream
	end func(error)
}

func attachSync(ctx context.Context, st network.Stream) (*syncStream, error) {
	end, err := wire.Attach(ctx, st, syncService, syncMemory, 0)
	if err != nil {
		return nil, err
	}
	return &syncStream{
		Reader: wire.NewReader(st, reconcile.MaxFrame), Writer: wire.NewWriter(st, reconcile.MaxFrame), Stream: st, end: end,
	}, nil
}

// Next returns the next frame.
func (s *syncStream) Next() ([]byte, error) { return s.Reader.Next() }

// Write adds a frame.
func (s *syncStream) Write(frame []byte) error { return s.Writer.Write(frame) }

// Close ends the stream.
func (s *syncStream) Close(err error) { s.end(err) }

// openSync opens a session with a connected peer.
func (n *Node) openSync(ctx context.Context, p peer.ID) (reconcile.Closer, error) {
	ctx2, cancel := context.WithTimeout(ctx, syncOpen)
	defer cancel()
	st, err := n.host.NewStream(network.WithAllowLimitedConn(network.WithNoDial(ctx2, syncService), syncService), p, syncProtocol)
	if err != nil {
		return nil, err
	}
	return attachSync(ctx, st)
}

// maySync reports whether a peer may know what is in a chat: our own devices
// all of it, a friend what we have said to each other, those who are in a
// public group with us what is said there.
func (n *Node) maySync(p peer.ID, id event.ConversationID) bool {
	c, err := n.store.Chat(n.ctx, id)
	return err == nil && n.shares(p, c)
}

// shares is maySync for a chat that has been read.
func (n *Node) shares(p peer.ID, c store.Chat) bool {
	if n.ours(p) {
		return c.Kind != store.Raw && (c.Joined || c.Kind == store.Self || c.Kind == store.Direct)
	}
	switch c.Kind {
	case store.Direct:
		who, ok := n.hello.Person(p)
		return ok && who.Account() == c.Peer && n.policy.friend(c.Peer) && !n.policy.revoked(c.Peer, who.Certificate.Device)
	case store.Public:
		return c.Joined && slices.Contains(n.groups.peersIn(c.ID), p)
	}
	return false
}

// askSync compares a chat with peers soon. Of two that meet, one begins.
func (n *Node) askSync(id event.ConversationID, peers ...peer.ID) {
	if n.sync == nil {
		return
	}
	for _, p := range peers {
		var delay time.Duration
		if n.host.ID() > p {
			delay = syncSecond
			if c, err := n.store.Chat(n.ctx, id); err == nil && c.LastArrival.IsZero() {
				delay = 0 // a newcomer does not wait
			}
		}
		n.sync.Ask(id, delay, p)
	}
}

// metSync compares what is shared with a peer that has said who it is.
func (n *Node) metSync(ctx context.Context, p peer.ID) {
	if n.sync == nil {
		return
	}
	n.sync.Met(p)
	chats, err := n.store.Chats(ctx)
	if err != nil {
		return
	}
	for _, c := range chats {
		if c.Kind != store.Raw && n.shares(p, c) {
			n.askSync(c.ID, p)
		}
	}
}

// gapSync asks members of a group for what an event shows to be missing.
func (n *Node) gapSync(ctx context.Context, id event.ConversationID, events []*event.Event) {
	if n.sync == nil {
		return
	}
	here := make(map[event.ID]struct{}, len(events))
	for _, e := range events {
		here[e.ID()] = struct{}{}
	}
	for _, e := range events {
		h := e.Header()
		before := h.Parents
		if !h.Previous.IsZero() {
			before = append(before[:len(before):len(before)], h.Previous)
		}
		for _, p := range before {
			if _, ok := here[p]; !ok && !n.store.Has(ctx, p) {
				n.sync.Ask(id, syncGap, n.someOf(id, syncSome)...)
				return
			}
		}
	}
}

// syncPeers returns the connected peers that share a chat.
func (n *Node) syncPeers(c store.Chat) []peer.ID {
	if n.hello == nil {
		return nil
	}
	out := n.hello.Devices(n.self.Account())
	switch c.Kind {
	case store.Direct:
		out = append(out, n.hello.Devices(c.Peer)...)
	case store.Public:
		for _, p := range n.groups.peersIn(c.ID) {
			if !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	return out
}

// someOf returns some of the peers that share a chat.
func (n *Node) someOf(id event.ConversationID, most int) []peer.ID {
	c, err := n.store.Chat(n.ctx, id)
	if err != nil {
		return nil
	}
	all := n.syncPeers(c)
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:min(len(all), most)]
}

// paceSync compares every chat with somebody now and then.
func (n *Node) paceSync(ctx context.Context) {
	for {
		t := time.NewTimer(syncPace/2 + rand.N(syncPace))
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
		chats, err := n.store.Chats(ctx)
		if err != nil {
			continue
		}
		for _, c := range chats {
			if c.Kind != store.Raw {
				n.sync.Ask(c.ID, rand.N(syncPace/4), n.someOf(c.ID, 1)...)
			}
		}
	}
}

// followOwn lets our other devices have what becomes durable here. Groups have
// their own carrier.
func (n *Node) followOwn(ctx context.Context) {
	for cursor := n.store.Cursor(); n.store.Wait(ctx, cursor) == nil; {
		others := n.hello.Devices(n.self.Account())
		if len(others) == 0 { // whoever comes is compared with on meeting
			cursor = n.store.Cursor()
			continue
		}
		changes, next, _, err := n.store.Changes(ctx, cursor, watchStep)
		if err != nil {
			return
		}
		cursor = max(next, cursor)
		changed := make(map[event.ConversationID]struct{})
		for _, c := range changes {
			if c.What == store.ChangedEvent && c.Fresh {
				changed[c.Chat] = struct{}{}
			}
		}
		for id := range changed {
			if c, err := n.store.Chat(ctx, id); err == nil && (c.Kind == store.Direct || c.Kind == store.Self) {
				n.sync.Ask(id, syncOwn, others...)
			}
		}
	}
}

// exactSetting is where the last comparison by hashes is kept.
func exactSetting(p peer.ID, id event.ConversationID) string {
	return fmt.Sprintf("exact/%s/%s", id, p)
}

// exactDue reports whether the last comparison by hashes is long ago. The
// first one with a peer counts as one: both sides begin with little.
func (n *Node) exactDue(p peer.ID, id event.ConversationID) bool {
	raw, err := n.store.Setting(n.ctx, exactSetting(p, id))
	if err != nil {
		return false
	}
	last, err := time.Parse(time.RFC3339, string(raw))
	return err == nil && time.Since(last) > syncExact
}

// synced is told of each session that has ended.
func (n *Node) synced(r reconcile.Report) {
	if r.Result.Taken > 0 { // what healed here heals those behind us
		others := n.someOf(r.Conversation, syncSpread)
		for i, p := range others {
			if p != r.Peer {
				n.sync.Ask(r.Conversation, time.Duration(i+1)*syncOwn, p)
			}
		}
	}
	if r.Err != nil || !r.Result.Equal {
		return
	}
	if !r.Part {
		n.checked.Store(r.Conversation, time.Now())
	}
	if !r.Asked || r.Part {
		return
	}
	name := exactSetting(r.Peer, r.Conversation)
	if raw, err := n.store.Setting(n.ctx, name); err == nil && len(raw) > 0 && !r.Exact {
		return
	}
	if err := n.store.PutSetting(n.ctx, name, []byte(time.Now().UTC().Format(time.RFC3339))); err != nil && n.ctx.Err() == nil {
		n.log.Debug("noting a comparison", "error", err)
	}
}

// fetchBefore asks members for the page of history before an event, or the
// newest one.
func (n *Node) fetchBefore(ctx context.Context, c store.Chat, before *event.Event, limit int) (int, error) {
	if n.sync == nil || c.Kind == store.Raw || time.Since(n.checkedAt(c.ID)) < syncKnown {
		return 0, nil
	}
	w := reconcile.Window{Limit: limit}
	if before != nil {
		w.To = reconcile.KeyOf(before)
	}
	ctx, cancel := context.WithTimeout(ctx, syncHistory)
	defer cancel()
	r, err := n.sync.Fetch(ctx, c.ID, w, n.syncPeers(c))
	if errors.Is(err, reconcile.ErrNobody) {
		err = nil
	}
	return r.Taken, err
}
