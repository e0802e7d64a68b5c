package node

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/store"
)

// mutes holds how the muted chats are muted: until when, and whether mentions
// notify all the same. That a chat is muted at all stands in the chat.
type mutes struct {
	mu  sync.RWMutex
	all map[event.ConversationID]mute
}

type mute struct {
	Until        int64 `json:"until,omitempty"` // Unix milliseconds; 0: for good
	MentionsOnly bool  `json:"mentions_only,omitempty"`
}

const mutePrefix = "mute/"

// loadMutes reads the mutes; what cannot be read mutes for good.
func (n *Node) loadMutes(ctx context.Context) error {
	n.mutes.mu.Lock()
	defer n.mutes.mu.Unlock()
	n.mutes.all = make(map[event.ConversationID]mute)
	return kindOf(n.store.Settings(ctx, mutePrefix, func(k string, v []byte) error {
		var m mute
		var id event.ConversationID
		if copy(id[:], k[len(mutePrefix):]) == len(id) && json.Unmarshal(v, &m) == nil {
			n.mutes.all[id] = m
		}
		return nil
	}))
}

// muted returns how a chat is muted now; false for one that is not.
func (n *Node) muted(c store.Chat) (m mute, on bool) {
	if !c.Muted {
		return mute{}, false
	}
	n.mutes.mu.RLock()
	defer n.mutes.mu.RUnlock()
	m = n.mutes.all[c.ID]
	return m, m.Until == 0 || time.Now().UnixMilli() < m.Until
}

// setMute changes how a chat is muted.
func (n *Node) setMute(ctx context.Context, c *store.Chat, change ChatChange) error {
	if change.Muted == nil && change.MutedUntil == nil && change.MentionsOnly == nil {
		return nil
	}
	m, on := n.muted(*c)
	if change.MentionsOnly != nil {
		m.MentionsOnly = *change.MentionsOnly
		on = on || m.MentionsOnly
	}
	if change.Muted != nil {
		on, m.Until = *change.Muted, 0
	}
	if change.MutedUntil != nil && !change.MutedUntil.IsZero() {
		if !change.MutedUntil.After(time.Now()) {
			return fmt.Errorf("%w: the time until which the chat is to be muted is past", ErrInvalid)
		}
		on, m.Until = true, change.MutedUntil.UnixMilli()
	}
	if !on {
		m = mute{}
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("keeping a mute: %w", err)
	}
	if err := n.store.PutSetting(ctx, mutePrefix+string(c.ID[:]), raw); err != nil {
		return kindOf(err)
	}
	n.mutes.mu.Lock()
	n.mutes.all[c.ID] = m
	n.mutes.mu.Unlock()
	poke(n.mirror.wake)
	c.Muted = on
	return nil
}
