package node

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/store"
	"github.com/kith-chat/kith/node/timeline"
)

// Send says something in a chat. It answers when the message is durable here;
// with wait it goes on until the message is delivered (in a group: sent), and
// returns it with ErrTimeout if that does not happen in time: the message
// stays queued.
func (n *Node) Send(ctx context.Context, ref, text, replyTo string, wait time.Duration) (Message, error) {
	c, err := n.chatBy(ctx, ref)
	if err != nil {
		return Message{}, err
	}
	if err := checkText(text); err != nil {
		return Message{}, err
	}
	if c.Kind == store.Raw {
		return n.sendRaw(ctx, c, text)
	}
	body := event.Text{Text: text, Mentions: n.mentions(ctx, c, text)}
	if replyTo != "" {
		to, err := n.eventIn(ctx, c, replyTo)
		if err != nil {
			return Message{}, err
		}
		body.ReplyTo = to.Event.ID()
	}
	e, err := n.say(ctx, c, body)
	if err != nil {
		return Message{}, err
	}
	if wait > 0 {
		return n.await(ctx, c, e.Event.ID(), wait)
	}
	m, _, err := n.message(ctx, e, refOf(c))
	return m, err
}

func checkText(text string) error {
	switch {
	case strings.TrimSpace(text) == "":
		return fmt.Errorf("%w: the message is empty", ErrInvalid)
	case len(text) > event.MaxText:
		return fmt.Errorf("%w: the message has %d bytes, more than %d", ErrTooLarge, len(text), event.MaxText)
	case !utf8.ValidString(text):
		return fmt.Errorf("%w: the message is not UTF-8 text", ErrInvalid)
	}
	return nil
}

// say makes an event of our own in a chat and wakes who carries it.
func (n *Node) say(ctx context.Context, c store.Chat, body event.Body) (store.Entry, error) {
	if err := n.maySay(ctx, c); err != nil {
		return store.Entry{}, err
	}
	out := store.Outgoing{Chat: c.ID, Sign: n.signer(c.ID, body)}
	switch c.Kind {
	case store.Direct:
		out.To = []identity.AccountID{c.Peer}
	case store.Public:
		out.ToGroup = true
		n.reintroduce(ctx, c)
	}
	e, err := n.store.PutOutgoing(ctx, out)
	if err != nil {
		return store.Entry{}, kindOf(err)
	}
	n.wake(c)
	return e, nil
}

// maySay refuses what could never be delivered.
func (n *Node) maySay(ctx context.Context, c store.Chat) error {
	switch c.Kind {
	case store.Direct:
		if n.policy != nil && n.policy.friend(c.Peer) {
			return nil
		}
		contact, err := n.store.Contact(ctx, c.Peer)
		if err != nil {
			return kindOf(err)
		}
		if contact.State != store.Friend {
			return fmt.Errorf("%w: %s is not a friend (yet): %s", ErrNotAllowed, n.person(c.Peer).Name, nextStep(contact.State))
		}
	case store.Public, store.Raw:
		if !c.Joined {
			return fmt.Errorf("%w: you have left %s: kith join %s", ErrNotAllowed, refOf(c), refOf(c))
		}
	}
	return nil
}

func nextStep(s store.ContactState) string {
	switch s {
	case store.Requested:
		return "your request has not been answered"
	case store.Incoming:
		return "accept the request first with kith friends accept"
	case store.Blocked:
		return "unblock them first with kith friends unblock"
	default:
		return "ask first with kith friends add"
	}
}

// signer returns what the store calls to make the event once it has given it
// its place.
func (n *Node) signer(chat event.ConversationID, body event.Body) func(store.Slot) (*event.Event, error) {
	return func(s store.Slot) (*event.Event, error) {
		return event.Sign(n.self, event.Header{
			Conversation: chat, Sequence: s.Sequence, Previous: s.Previous, Parents: s.Parents, Time: s.Time,
		}, body)
	}
}

// wake tells the carrier of a chat that there is something to carry.
func (n *Node) wake(c store.Chat) {
	switch c.Kind {
	case store.Direct:
		if n.courier != nil {
			n.courier.Wake(c.Peer)
		}
	case store.Public:
		n.groups.wake(c.ID)
	}
}

// await waits until a message is delivered, or refused.
func (n *Node) await(ctx context.Context, c store.Chat, id event.ID, wait time.Duration) (Message, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	acked, forget := n.acks.expect(id)
	defer forget()
	for {
		cursor := n.store.Cursor()
		e, err := n.store.Get(context.WithoutCancel(ctx), id)
		if err != nil {
			return Message{}, kindOf(err)
		}
		for {
			if e.State < store.Delivered && isClosed(acked) {
				e.State = store.Delivered
			}
			if done, err := settled(c, e); done {
				m, _, merr := n.message(context.WithoutCancel(ctx), e, refOf(c))
				return m, errors.Join(err, merr)
			}
			if _, err := n.changedOr(ctx, cursor, acked); err != nil && !isClosed(acked) {
				m, _, merr := n.message(context.WithoutCancel(ctx), e, refOf(c))
				if merr != nil {
					return Message{}, merr
				}
				return m, fmt.Errorf("%w: not delivered within %v; it stays queued", ErrTimeout, wait)
			}
			if !isClosed(acked) {
				break // something has changed: read it again
			}
		}
	}
}

// settled reports whether a message has come where it was to go, or never will.
func settled(c store.Chat, e store.Entry) (bool, error) {
	switch {
	case e.State == store.Refused:
		return true, fmt.Errorf("%w: the other side refused it: %s", ErrNotAllowed, e.Refused)
	case e.State == store.Delivered, e.State == store.Read:
		return true, nil
	}
	return c.Kind != store.Direct && e.State == store.Sent, nil
}

// Edit replaces the text of a message of our own.
func (n *Node) Edit(ctx context.Context, id, text string) (Message, error) {
	if err := checkText(text); err != nil {
		return Message{}, err
	}
	return n.amend(ctx, id, true, func(c store.Chat, target event.ID) event.Body {
		return event.Edit{Target: target, Text: text, Mentions: n.mentions(ctx, c, text)}
	})
}

// Retract takes back a message of our own: everybody's node erases it.
func (n *Node) Retract(ctx context.Context, id string) (Message, error) {
	return n.amend(ctx, id, true, func(_ store.Chat, target event.ID) event.Body {
		return event.Retract{Target: target}
	})
}

// React sets an emoji on a message, or takes it away.
func (n *Node) React(ctx context.Context, id, emoji string, remove bool) (Message, error) {
	emoji = strings.TrimSpace(emoji)
	if emoji == "" || len(emoji) > event.MaxEmoji || !utf8.ValidString(emoji) {
		return Message{}, fmt.Errorf("%w: a reaction is one emoji", ErrInvalid)
	}
	return n.amend(ctx, id, false, func(_ store.Chat, target event.ID) event.Body {
		return event.Reaction{Target: target, Emoji: emoji, Removed: remove}
	})
}

// amend makes an event that refers to another one.
func (n *Node) amend(ctx context.Context, id string, own bool, body func(store.Chat, event.ID) event.Body) (Message, error) {
	target, err := n.eventBy(ctx, id)
	if err != nil {
		return Message{}, err
	}
	c, err := n.store.Chat(ctx, target.Event.Header().Conversation)
	if err != nil {
		return Message{}, kindOf(err)
	}
	switch {
	case c.Kind == store.Raw:
		return Message{}, fmt.Errorf("%w: another program's topic has no edits and no reactions", ErrInvalid)
	case own && target.Event.Author() != n.self.Account():
		return Message{}, fmt.Errorf("%w: that is somebody else's message", ErrNotAllowed)
	case !timeline.Shown(target.Event.Header().Kind):
		return Message{}, fmt.Errorf("%w: that is not a message", ErrInvalid)
	}
	if _, err := n.say(ctx, c, body(c, target.Event.ID())); err != nil {
		return Message{}, err
	}
	if target, err = n.store.Get(ctx, target.Event.ID()); err != nil {
		return Message{}, kindOf(err)
	}
	m, _, err := n.message(ctx, target, refOf(c))
	return m, err
}

// Message returns one message by its full or shortened ID.
func (n *Node) Message(ctx context.Context, id string) (Message, error) {
	e, err := n.eventBy(ctx, id)
	if err != nil {
		return Message{}, err
	}
	c, err := n.store.Chat(ctx, e.Event.Header().Conversation)
	if err != nil {
		return Message{}, kindOf(err)
	}
	m, shown, err := n.message(ctx, e, refOf(c))
	if err == nil && !shown {
		err = fmt.Errorf("%w: %s is no message", ErrNotFound, id)
	}
	return m, err
}

// eventIn finds an event that must stand in the chat.
func (n *Node) eventIn(ctx context.Context, c store.Chat, id string) (store.Entry, error) {
	e, err := n.eventBy(ctx, id)
	if err == nil && e.Event.Header().Conversation != c.ID {
		err = fmt.Errorf("%w: the message %s is in another chat", ErrNotFound, id)
	}
	return e, err
}

// mentions returns the accounts whose names follow an @ in the text, among
// those who can read it.
func (n *Node) mentions(ctx context.Context, c store.Chat, text string) []identity.AccountID {
	if !strings.Contains(text, "@") {
		return nil
	}
	var candidates []identity.AccountID
	if c.Kind == store.Direct {
		candidates = append(candidates, c.Peer)
	}
	for _, m := range n.groups.members(c.ID) {
		candidates = append(candidates, m.Person.Account)
	}
	if contacts, err := n.store.Contacts(ctx); err == nil && c.Kind == store.Public {
		for _, k := range contacts {
			candidates = append(candidates, k.Account)
		}
	}
	lower := strings.ToLower(text)
	seen := make(map[identity.AccountID]bool)
	var out []identity.AccountID
	for _, a := range candidates {
		name := strings.ToLower(n.person(a).OwnName)
		if seen[a] || name == "" || len(out) == event.MaxMentions {
			continue
		}
		if i := strings.Index(lower, "@"+name); i >= 0 && endsWord(lower[i+1+len(name):]) {
			seen[a] = true
			out = append(out, a)
		}
	}
	return out
}

// endsWord reports whether a name that stands before rest ends there.
func endsWord(rest string) bool {
	r, size := utf8.DecodeRuneInString(rest)
	return size == 0 || !isWord(r)
}
