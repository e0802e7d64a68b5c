package node

import (
	"context"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/signal"
	"github.com/kith-chat/kith/node/store"
)

// typingEvery is the least time between two signals that we are typing in a
// chat; whoever takes them shows them for a little longer.
const typingEvery = 4 * time.Second

// typing is when we last said that we are typing, by chat.
type typing struct {
	mu   sync.Mutex
	last map[event.ConversationID]time.Time
}

// due reports whether a signal is to be sent now.
func (t *typing) due(c event.ConversationID, stopped bool, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	last, said := t.last[c]
	if stopped {
		delete(t.last, c)
		return said
	}
	if said && now.Sub(last) < typingEvery {
		return false
	}
	if t.last == nil {
		t.last = make(map[event.ConversationID]time.Time)
	}
	t.last[c] = now
	return true
}

// SignalTyping tells the other person of a direct chat that we are typing, or
// have stopped. In public groups, with typing switched off, or when nobody is
// connected it does nothing. It can be called for each key.
func (n *Node) SignalTyping(ctx context.Context, ref string, stopped bool) error {
	c, err := n.chatBy(ctx, ref)
	if err != nil {
		return err
	}
	if !n.config.Typing || n.signals == nil || c.Kind != store.Direct || !n.typing.due(c.ID, stopped, time.Now()) {
		return nil
	}
	s := signal.Signal{Conversation: c.ID, Kind: signal.Typing}
	if stopped {
		s.Kind = signal.Stopped
	}
	if n.policy.friend(c.Peer) {
		n.signals.Send(n.hello.Devices(c.Peer), s)
	}
	return nil
}

// maySignal reports whether a peer's signals are read: friends' alone.
func (n *Node) maySignal(p peer.ID) bool {
	who, ok := n.hello.Person(p)
	return ok && n.policy.friend(who.Account()) && !n.policy.revoked(who.Account(), who.Certificate.Device)
}

// signalled passes on that a friend is typing.
func (n *Node) signalled(from peer.ID, s signal.Signal) {
	who, ok := n.hello.Person(from)
	if !ok || s.Conversation != event.Direct(n.self.Account(), who.Account()) {
		return
	}
	n.bus.publish(News{Typing: &Typing{
		Chat: "@" + who.Account().String(), Person: n.person(who.Account()), Stopped: s.Kind == signal.Stopped,
	}})
}

// instant is the time of Unix milliseconds; zero for 0.
func instant(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
