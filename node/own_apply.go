package node

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/identity/vault"
	"github.com/kith-chat/kith/node/store"
)

// heardOwn does what another device of ours has set.
func (n *Node) heardOwn(ctx context.Context, e *event.Event, s event.Setting) {
	h := e.Header()
	if h.Conversation != n.selfChat() || e.Author() != n.self.Account() || h.Device == n.self.ID() {
		return
	}
	n.mirror.mu.Lock()
	last := n.mirror.shared[s.Name]
	n.mirror.mu.Unlock()
	if !last.before(h.Time, e.ID()) {
		return
	}
	core, err := n.applyOwn(ctx, s)
	if err != nil {
		n.log.Warn("doing what another device of ours has set", "name", beginningOf(s.Name), "error", err)
		return
	}
	if err := n.markOwn(ctx, s.Name, mark{sha256.Sum256(core), h.Time, e.ID()}); err != nil && ctx.Err() == nil {
		n.log.Warn("noting what another device of ours has set", "error", err)
	}
	poke(n.mirror.wake)
}

// beginningOf is the part of a setting's name that a log may show.
func beginningOf(name string) string {
	before, _, _ := strings.Cut(name, "/")
	return before
}

// applyOwn sets what another device of ours has set, and returns what is
// compared from then on.
func (n *Node) applyOwn(ctx context.Context, s event.Setting) ([]byte, error) {
	kind, rest, _ := strings.Cut(s.Name, "/")
	switch kind {
	case "contact":
		return n.applyContact(ctx, rest, s.Value)
	case "chat":
		return s.Value, n.applyChat(ctx, rest, s.Value)
	case "read":
		return s.Value, n.applyRead(ctx, rest, s.Value)
	case "secret":
		return s.Value, n.applySecret(s.Value)
	case "name":
		_, err := n.SetName(ctx, string(s.Value))
		return s.Value, err
	case strings.TrimSuffix(preferencePrefix, "/"):
		return s.Value, n.SetPreference(ctx, rest, string(s.Value))
	case strings.TrimSuffix(ignoredPrefix, "/"), wordsSetting:
		if err := n.store.PutSetting(ctx, s.Name, s.Value); err != nil {
			return nil, kindOf(err)
		}
		return s.Value, n.loadScreen(ctx)
	case strings.TrimSuffix(mutePrefix, "/"):
		id, err := conversationOf(rest)
		if err != nil {
			return nil, err
		}
		if err := n.store.PutSetting(ctx, mutePrefix+string(id[:]), s.Value); err != nil {
			return nil, kindOf(err)
		}
		return s.Value, n.loadMutes(ctx)
	}
	return s.Value, nil // of a newer version; what it was is kept in the conversation
}

func conversationOf(text string) (id event.ConversationID, err error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(id) {
		return id, fmt.Errorf("%w: %q is no conversation", ErrInvalid, text)
	}
	copy(id[:], raw)
	return id, nil
}

func (n *Node) applyContact(ctx context.Context, account string, value []byte) ([]byte, error) {
	a, err := identity.ParseAccountID(account)
	if err != nil {
		return nil, err
	}
	var v sharedContact
	if err := json.Unmarshal(value, &v); err != nil {
		return nil, err
	}
	if v.State > uint8(store.Removed) || len(v.Secret) != 0 && len(v.Secret) != identity.SecretSize {
		return nil, fmt.Errorf("%w: a contact out of bounds", ErrInvalid)
	}
	err = n.updateContact(ctx, a, func(c *store.Contact) error {
		c.State, c.Name, c.LocalName, c.Note = store.ContactState(v.State), identity.CleanName(v.Name), identity.CleanName(v.LocalName), v.Note
		c.Verified, c.DiscoverySecret, c.Since = v.Verified, v.Secret, v.Since
		if len(c.Addresses) == 0 {
			c.Addresses = v.Addresses[:min(len(v.Addresses), maxKept)]
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := n.takeDeviceList(ctx, a, v.Devices); err != nil {
		n.log.Debug("a device list was not taken", "account", a, "error", err)
	}
	if v.State == uint8(store.Friend) {
		if err := n.ensureDirect(ctx, a); err != nil {
			return nil, kindOf(err)
		}
		n.courier.Seen(a)
	}
	v.Addresses = nil
	i, err := jsonItem("contact", v)
	return i.core, err
}

func (n *Node) applyChat(ctx context.Context, text string, value []byte) error {
	id, err := conversationOf(text)
	if err != nil {
		return err
	}
	var v sharedChat
	if err := json.Unmarshal(value, &v); err != nil {
		return err
	}
	c, err := n.store.Chat(ctx, id)
	fresh := errors.Is(err, store.ErrNotFound)
	switch {
	case fresh:
		c = store.Chat{ID: id, Kind: store.ChatKind(v.Kind), Name: v.Name, Created: time.Now()}
		copy(c.Peer[:], v.Peer)
	case err != nil:
		return kindOf(err)
	}
	want := map[store.ChatKind]event.ConversationID{
		store.Public: event.Public(c.Name), store.Raw: event.Raw(c.Name), store.Direct: event.Direct(n.self.Account(), c.Peer),
	}[c.Kind]
	if want != id || c.Kind == store.Public && !isCleanGroup(c.Name) {
		return fmt.Errorf("%w: a chat that is not what it says", ErrInvalid)
	}
	if fresh && c.Kind == store.Direct {
		return nil // it comes with the contact
	}
	c.Joined, c.Muted, c.Pinned, c.RetentionDays = v.Joined, v.Muted, v.Pinned, v.Retention
	if err := n.store.PutChat(ctx, c); err != nil {
		return kindOf(err)
	}
	if c.Kind == store.Direct {
		return nil
	}
	if c.Joined {
		return n.groups.join(ctx, c)
	}
	n.groups.leave(c.ID)
	return nil
}

func isCleanGroup(name string) bool {
	clean, err := event.CleanGroup(name)
	return err == nil && clean == name
}

// applyRead moves a read position; when its message has not come yet, later.
func (n *Node) applyRead(ctx context.Context, text string, value []byte) error {
	id, err := conversationOf(text)
	if err != nil {
		return err
	}
	var upTo event.ID
	if copy(upTo[:], value) != len(upTo) {
		return fmt.Errorf("%w: a read position of %d bytes", ErrInvalid, len(value))
	}
	_, err = n.store.MarkRead(ctx, id, upTo)
	if errors.Is(err, store.ErrNotFound) {
		return kindOf(n.store.PutSetting(ctx, pendingPrefix+text, value))
	}
	return kindOf(err)
}

// retryReads moves read positions whose message has come, and returns the
// names of those that still wait.
func (n *Node) retryReads(ctx context.Context) (map[string]bool, error) {
	waiting := make(map[string][]byte)
	err := n.store.Settings(ctx, pendingPrefix, func(k string, v []byte) error {
		if len(v) > 0 {
			waiting[k[len(pendingPrefix):]] = v
		}
		return nil
	})
	if err != nil {
		return nil, kindOf(err)
	}
	out := make(map[string]bool)
	for text, value := range waiting {
		id, err := conversationOf(text)
		var upTo event.ID
		if err == nil && copy(upTo[:], value) == len(upTo) {
			if _, err := n.store.MarkRead(ctx, id, upTo); errors.Is(err, store.ErrNotFound) {
				out["read/"+text] = true
				continue
			}
		}
		if err := n.store.PutSetting(ctx, pendingPrefix+text, nil); err != nil {
			return nil, kindOf(err)
		}
	}
	return out, nil
}

func (n *Node) applySecret(value []byte) error {
	var secret identity.DiscoverySecret
	if copy(secret[:], value) != len(secret) || len(value) != len(secret) || secret.IsZero() {
		return fmt.Errorf("%w: a discovery secret of %d bytes", ErrInvalid, len(value))
	}
	if n.config.Vault.Secrets().Discovery == secret {
		return nil
	}
	if err := n.config.Vault.Update(func(s *vault.Secrets) error { s.Discovery = secret; return nil }); err != nil {
		return fmt.Errorf("keeping the discovery secret: %w", err)
	}
	if n.rendezvous != nil {
		n.rendezvous.SecretChanged()
	}
	return nil
}
