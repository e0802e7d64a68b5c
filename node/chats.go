package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/store"
)

// maxTopic bounds the name of another program's topic, in bytes.
const maxTopic = 256

// Chats returns every chat: pinned first, then by the time of the last message.
func (n *Node) Chats(ctx context.Context) ([]Chat, error) {
	all, err := n.store.Chats(ctx)
	if err != nil {
		return nil, kindOf(err)
	}
	slices.SortFunc(all, func(a, b store.Chat) int {
		if a.Pinned != b.Pinned {
			if a.Pinned {
				return -1
			}
			return 1
		}
		if c := b.LastTime.Compare(a.LastTime); c != 0 {
			return c
		}
		return strings.Compare(refOf(a), refOf(b))
	})
	out := make([]Chat, 0, len(all))
	for _, c := range all {
		if hidden, err := n.hidden(ctx, c); err != nil {
			return nil, err
		} else if hidden {
			continue
		}
		view, err := n.chatView(ctx, c)
		if err != nil {
			return nil, err
		}
		out = append(out, view)
	}
	return out, nil
}

// hidden reports whether a chat has nothing to show yet: a direct one with
// somebody who is no friend, in which nothing was said.
func (n *Node) hidden(ctx context.Context, c store.Chat) (bool, error) {
	if c.Kind == store.Self {
		return true, nil
	}
	if c.Kind != store.Direct || c.Shown > 0 {
		return false, nil
	}
	contact, err := n.store.Contact(ctx, c.Peer)
	if errors.Is(err, store.ErrNotFound) {
		return true, nil
	}
	return contact.State != store.Friend, kindOf(err)
}

// ChatInfo returns one chat; ErrNotFound, ErrAmbiguous.
func (n *Node) ChatInfo(ctx context.Context, ref string) (Chat, error) {
	c, err := n.chatBy(ctx, ref)
	if err != nil {
		return Chat{}, err
	}
	return n.chatView(ctx, c)
}

// chatView returns a chat as a person sees it.
func (n *Node) chatView(ctx context.Context, c store.Chat) (Chat, error) {
	view := Chat{
		ID: c.ID, Ref: refOf(c), Name: c.Name,
		Unread: c.Unread, Mentions: c.Mentions, Messages: c.Shown, Missing: n.missing(ctx, c),
		Joined: c.Joined, Pinned: c.Pinned,
		RetentionDays: c.RetentionDays, Draft: c.Draft, ReadUpTo: c.ReadUpTo,
	}
	if m, on := n.muted(c); on {
		view.Muted, view.MutedUntil, view.MentionsOnly = true, instant(m.Until), m.MentionsOnly
	}
	switch c.Kind {
	case store.Public:
		view.Kind, view.Members = ChatPublic, len(n.groups.members(c.ID))
	case store.Raw:
		view.Kind, view.Members = ChatRaw, n.groups.peers(c.ID)
	default:
		view.Kind = ChatDirect
		p := n.person(c.Peer)
		view.Peer, view.Name = &p, p.Name
	}
	if c.Last.IsZero() {
		return view, nil
	}
	last, err := n.store.Get(ctx, c.Last)
	if err != nil {
		if errors.Is(err, store.ErrNotFound) { // pruned since
			return view, nil
		}
		return Chat{}, kindOf(err)
	}
	m, shown, err := n.message(ctx, last, view.Ref)
	if err != nil {
		return Chat{}, err
	}
	if shown {
		view.Last = &m
	}
	return view, nil
}

// Join joins a public group by name, or with raw another program's topic. To
// join what has been joined is no error.
func (n *Node) Join(ctx context.Context, name string, raw bool) (Chat, error) {
	c := store.Chat{Joined: true, Created: time.Now(), RetentionDays: n.config.RetentionDays}
	if raw || strings.HasPrefix(name, rawPrefix) {
		topic := strings.TrimPrefix(name, rawPrefix)
		if topic == "" || len(topic) > maxTopic || !utf8.ValidString(topic) {
			return Chat{}, fmt.Errorf("%w: a topic has 1 to %d bytes of UTF-8", ErrInvalid, maxTopic)
		}
		c.ID, c.Kind, c.Name = event.Raw(topic), store.Raw, topic
	} else {
		clean, err := event.CleanGroup(name)
		if err != nil {
			return Chat{}, fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		c.ID, c.Kind, c.Name = event.Public(clean), store.Public, clean
	}
	if was, err := n.store.Chat(ctx, c.ID); err == nil {
		c, c.Joined = was, true
	} else if !errors.Is(err, store.ErrNotFound) {
		return Chat{}, kindOf(err)
	}
	if err := n.store.PutChat(ctx, c); err != nil {
		return Chat{}, kindOf(err)
	}
	if err := n.groups.join(ctx, c); err != nil {
		return Chat{}, err
	}
	c, err := n.store.Chat(ctx, c.ID)
	if err != nil {
		return Chat{}, kindOf(err)
	}
	return n.chatView(ctx, c)
}

// Leave leaves a group or topic; with forget its history is erased as well,
// which is also how a direct chat is cleared.
func (n *Node) Leave(ctx context.Context, ref string, forget bool) error {
	c, err := n.chatBy(ctx, ref)
	if err != nil {
		return err
	}
	if c.Kind == store.Direct && !forget {
		return fmt.Errorf("%w: a direct chat is not left: kith friends remove %s", ErrInvalid, ref)
	}
	n.groups.leave(c.ID)
	if forget {
		return kindOf(n.store.DeleteChat(ctx, c.ID))
	}
	c.Joined = false
	return kindOf(n.store.PutChat(ctx, c))
}

// Members returns who has been seen in a group, those online first; of a
// direct chat the other person.
func (n *Node) Members(ctx context.Context, ref string) ([]Member, error) {
	c, err := n.chatBy(ctx, ref)
	if err != nil {
		return nil, err
	}
	if c.Kind == store.Direct {
		return []Member{n.peerMember(ctx, c.Peer)}, nil
	}
	out := n.groups.members(c.ID)
	slices.SortStableFunc(out, func(a, b Member) int {
		if a.Online != b.Online {
			if a.Online {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Person.Name, b.Person.Name)
	})
	return out, nil
}

// SetChat changes what is not nil in change.
func (n *Node) SetChat(ctx context.Context, ref string, change ChatChange) (Chat, error) {
	c, err := n.chatBy(ctx, ref)
	if err != nil {
		return Chat{}, err
	}
	if err := n.setMute(ctx, &c, change); err != nil {
		return Chat{}, err
	}
	if change.Pinned != nil {
		c.Pinned = *change.Pinned
	}
	if change.RetentionDays != nil {
		c.RetentionDays = *change.RetentionDays
	}
	if change.Draft != nil {
		if len(*change.Draft) > event.MaxText {
			return Chat{}, fmt.Errorf("%w: the draft has more than %d bytes", ErrTooLarge, event.MaxText)
		}
		c.Draft = *change.Draft
	}
	if err := n.store.PutChat(ctx, c); err != nil {
		return Chat{}, kindOf(err)
	}
	if c, err = n.store.Chat(ctx, c.ID); err != nil {
		return Chat{}, kindOf(err)
	}
	return n.chatView(ctx, c)
}

// MarkRead moves the read position to a message, or to the end with an empty
// upTo, and tells the friend if receipts are on.
func (n *Node) MarkRead(ctx context.Context, ref, upTo string) (Chat, error) {
	c, err := n.chatBy(ctx, ref)
	if err != nil {
		return Chat{}, err
	}
	target := c.Last
	if upTo != "" {
		e, err := n.eventBy(ctx, upTo)
		if err != nil {
			return Chat{}, err
		}
		target = e.Event.ID()
	}
	if !target.IsZero() {
		moved, err := n.store.MarkRead(ctx, c.ID, target)
		if err != nil {
			return Chat{}, kindOf(err)
		}
		if moved {
			n.sendReceipt(ctx, c)
		}
	}
	if c, err = n.store.Chat(ctx, c.ID); err != nil {
		return Chat{}, kindOf(err)
	}
	return n.chatView(ctx, c)
}
