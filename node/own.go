package node

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/store"
)

// What a person has set is the same on all their devices: contacts, groups,
// read positions, mutes, whom they ignore, preferences. Each is a name with a
// value in the self conversation, and the last one in order holds. The mirror
// compares what is here with what was last said or heard under each name, says
// what has changed here, and does what has changed elsewhere.

const (
	// sharedPrefix keeps what was last said or heard, by name.
	sharedPrefix = "shared/"
	// pendingPrefix keeps read positions whose message has not come yet.
	pendingPrefix = "own-read/"
	// mirrorGap is the least time between two comparisons.
	mirrorGap = time.Second
)

// mirror is what the comparison needs; owned by its goroutine but for wake.
type mirror struct {
	wake chan struct{}

	mu     sync.Mutex
	shared map[string]mark
}

// mark is the last setting of a name, whoever said it.
type mark struct {
	Hash [32]byte
	Time event.Time
	ID   event.ID
}

func (m mark) bytes() []byte {
	out := append([]byte(nil), m.Hash[:]...)
	out = append(out, m.ID[:]...)
	return fmt.Appendf(out, "%d", uint64(m.Time))
}

func parseMark(raw []byte) (m mark, ok bool) {
	if len(raw) <= 64 {
		return mark{}, false
	}
	copy(m.Hash[:], raw)
	copy(m.ID[:], raw[32:])
	var t uint64
	if _, err := fmt.Sscanf(string(raw[64:]), "%d", &t); err != nil {
		return mark{}, false
	}
	m.Time = event.Time(t)
	return m, true
}

// before reports whether a setting at (t, id) replaces m.
func (m mark) before(t event.Time, id event.ID) bool {
	if c := cmp.Compare(m.Time, t); c != 0 {
		return c < 0
	}
	return bytes.Compare(m.ID[:], id[:]) < 0
}

// ownItem is one thing to share: core is what is compared, value what is said.
type ownItem struct {
	name        string
	core, value []byte
}

// sharedContact is a contact as our devices tell it each other.
type sharedContact struct {
	State     uint8     `json:"state"`
	Name      string    `json:"name,omitempty"`
	LocalName string    `json:"local_name,omitempty"`
	Note      string    `json:"note,omitempty"`
	Verified  bool      `json:"verified,omitempty"`
	Secret    []byte    `json:"secret,omitempty"`
	Devices   []byte    `json:"devices,omitempty"`
	Since     time.Time `json:"since,omitzero"`
	Addresses [][]byte  `json:"addresses,omitempty"` // a hint, not compared
}

// sharedChat is a joined group or topic, or how a direct chat is kept.
type sharedChat struct {
	Kind      uint8  `json:"kind"`
	Name      string `json:"name,omitempty"`
	Peer      []byte `json:"peer,omitempty"`
	Joined    bool   `json:"joined"`
	Muted     bool   `json:"muted,omitempty"`
	Pinned    bool   `json:"pinned,omitempty"`
	Retention uint32 `json:"retention,omitempty"`
}

// several reports whether the account has other devices.
func (n *Node) several() bool { return len(n.config.Vault.Devices().Devices) > 1 }

// selfChat is the conversation among our own devices.
func (n *Node) selfChat() event.ConversationID { return event.Self(n.self.Account()) }

// runMirror compares whenever something has changed, until ctx ends.
func (n *Node) runMirror(ctx context.Context) error {
	cursor := uint64(0)
	for {
		if !n.several() { // nobody to tell: whoever changes that wakes us
			select {
			case <-n.mirror.wake:
				continue
			case <-ctx.Done():
				return nil
			}
		}
		next := n.store.Cursor()
		if err := n.compareOwn(ctx); err != nil && ctx.Err() == nil {
			n.log.Warn("telling our other devices what has changed", "error", err)
		}
		cursor = max(cursor, next)
		if !n.awaitMirror(ctx, &cursor) {
			return nil
		}
	}
}

// awaitMirror waits for a change of a contact or a chat, or to be woken, and
// then for the gap. It returns false when ctx ends.
func (n *Node) awaitMirror(ctx context.Context, cursor *uint64) bool {
	gap := time.NewTimer(mirrorGap)
	defer gap.Stop()
	for changed := false; !changed; {
		woken, err := n.changedOr(ctx, *cursor, n.mirror.wake)
		if err != nil || ctx.Err() != nil {
			return false
		}
		changed = woken || n.ownChange(ctx, cursor)
	}
	select {
	case <-gap.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// ownChange reports whether the changes after the cursor concern what is
// shared, and moves it.
func (n *Node) ownChange(ctx context.Context, cursor *uint64) bool {
	changes, next, reset, err := n.store.Changes(ctx, *cursor, watchStep)
	if err != nil {
		return false
	}
	*cursor = next
	for _, c := range changes {
		if c.What == store.ChangedContact || c.What == store.ChangedChat {
			return true
		}
	}
	return reset
}

func (n *Node) loadMirror(ctx context.Context) error {
	n.mirror.mu.Lock()
	defer n.mirror.mu.Unlock()
	n.mirror.shared = make(map[string]mark)
	return kindOf(n.store.Settings(ctx, sharedPrefix, func(k string, v []byte) error {
		if m, ok := parseMark(v); ok {
			n.mirror.shared[k[len(sharedPrefix):]] = m
		}
		return nil
	}))
}

// compareOwn says what has changed here, and tries again what waits.
func (n *Node) compareOwn(ctx context.Context) error {
	if _, err := n.store.Chat(ctx, n.selfChat()); errors.Is(err, store.ErrNotFound) {
		if err := n.store.PutChat(ctx, store.Chat{ID: n.selfChat(), Kind: store.Self, Joined: true, Created: time.Now()}); err != nil {
			return kindOf(err)
		}
	}
	pending, err := n.retryReads(ctx)
	if err != nil {
		return err
	}
	items, err := n.ownItems(ctx)
	if err != nil {
		return err
	}
	here := make(map[string]bool, len(items))
	for _, i := range items {
		here[i.name] = true
		if !pending[i.name] {
			if err := n.shareOwn(ctx, i); err != nil {
				return err
			}
		}
	}
	// What was taken away here is taken away elsewhere.
	n.mirror.mu.Lock()
	var gone []string
	none := sha256.Sum256(nil)
	for name, m := range n.mirror.shared {
		if !here[name] && m.Hash != none && (strings.HasPrefix(name, preferencePrefix) || strings.HasPrefix(name, ignoredPrefix)) {
			gone = append(gone, name)
		}
	}
	n.mirror.mu.Unlock()
	for _, name := range gone {
		if err := n.shareOwn(ctx, ownItem{name: name}); err != nil {
			return err
		}
	}
	return nil
}

// shareOwn says one thing, if it is not what was last said or heard.
func (n *Node) shareOwn(ctx context.Context, i ownItem) error {
	hash := sha256.Sum256(i.core)
	n.mirror.mu.Lock()
	last, known := n.mirror.shared[i.name]
	n.mirror.mu.Unlock()
	if known && last.Hash == hash || !known && len(i.value) == 0 {
		return nil
	}
	e, err := n.store.PutOutgoing(ctx, store.Outgoing{
		Chat: n.selfChat(), Sign: n.signer(n.selfChat(), event.Setting{Name: i.name, Value: i.value}),
	})
	if err != nil {
		return kindOf(err)
	}
	return n.markOwn(ctx, i.name, mark{hash, e.Event.Header().Time, e.Event.ID()})
}

func (n *Node) markOwn(ctx context.Context, name string, m mark) error {
	if err := n.store.PutSetting(ctx, sharedPrefix+name, m.bytes()); err != nil {
		return kindOf(err)
	}
	n.mirror.mu.Lock()
	defer n.mirror.mu.Unlock()
	n.mirror.shared[name] = m
	return nil
}

// ownItems returns everything that is shared, as it is here.
func (n *Node) ownItems(ctx context.Context) ([]ownItem, error) {
	s := n.config.Vault.Secrets()
	out := []ownItem{
		{name: "secret", core: s.Discovery[:], value: s.Discovery[:]},
		{name: "name", core: []byte(s.Name), value: []byte(s.Name)},
	}
	contacts, err := n.store.Contacts(ctx)
	if err != nil {
		return nil, kindOf(err)
	}
	for _, c := range contacts {
		v := sharedContact{
			State: uint8(c.State), Name: c.Name, LocalName: c.LocalName, Note: c.Note, Verified: c.Verified,
			Secret: c.DiscoverySecret, Devices: c.DeviceList, Since: c.Since.UTC().Truncate(time.Millisecond),
		}
		i, err := jsonItem("contact/"+c.Account.String(), v)
		if err != nil {
			return nil, err
		}
		if v.Addresses = c.Addresses; len(v.Addresses) > 0 {
			full, err := jsonItem(i.name, v)
			if err != nil {
				return nil, err
			}
			i.value = full.value
		}
		out = append(out, i)
	}
	chats, err := n.store.Chats(ctx)
	if err != nil {
		return nil, kindOf(err)
	}
	for _, c := range chats {
		if c.Kind != store.Public && c.Kind != store.Raw && c.Kind != store.Direct {
			continue
		}
		i, err := jsonItem("chat/"+c.ID.String(), sharedChat{
			Kind: uint8(c.Kind), Name: c.Name, Peer: c.Peer[:], Joined: c.Joined, Muted: c.Muted, Pinned: c.Pinned, Retention: c.RetentionDays,
		})
		if err != nil {
			return nil, err
		}
		out = append(out, i)
		if !c.ReadUpTo.IsZero() {
			out = append(out, ownItem{name: "read/" + c.ID.String(), core: c.ReadUpTo[:], value: c.ReadUpTo[:]})
		}
	}
	return n.ownSettings(ctx, out)
}

func jsonItem(name string, v any) (ownItem, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return ownItem{}, fmt.Errorf("telling our other devices of %s: %w", name, err)
	}
	return ownItem{name, raw, raw}, nil
}

// ownSettings adds the settings that are shared. A mute is kept under bytes
// and shared in hexadecimal.
func (n *Node) ownSettings(ctx context.Context, out []ownItem) ([]ownItem, error) {
	for _, prefix := range []string{mutePrefix, ignoredPrefix, wordsSetting, preferencePrefix} {
		err := n.store.Settings(ctx, prefix, func(k string, v []byte) error {
			if prefix == mutePrefix {
				k = mutePrefix + hex.EncodeToString([]byte(k[len(mutePrefix):]))
			}
			if len(k) <= event.MaxSettingName && len(v) > 0 && len(v) <= event.MaxSettingValue {
				out = append(out, ownItem{k, v, v})
			}
			return nil
		})
		if err != nil {
			return nil, kindOf(err)
		}
	}
	return out, nil
}
