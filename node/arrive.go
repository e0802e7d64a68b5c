package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/file"
	"github.com/kith-chat/kith/node/store"
	"github.com/kith-chat/kith/pubsub"
)

// arrived acts on an event of somebody else that has just become durable.
func (n *Node) arrived(ctx context.Context, e store.Entry) {
	body, err := e.Event.Body()
	if err != nil {
		return
	}
	switch b := body.(type) {
	case event.File:
		t := file.Incoming(e.Event.ID(), e.Event.Header().Conversation, e.Event.Author(), b)
		if _, err := n.files.Offered(ctx, t); err != nil {
			n.log.Warn("taking note of an offered file", "event", e.Event.ID(), "error", err)
		}
	case event.Setting:
		n.heardOwn(ctx, e.Event, b)
	case event.Retract:
		if target, err := n.store.Get(ctx, b.Target); err != nil || target.Event.Author() != e.Event.Author() {
			return
		}
		if err := n.files.Forget(b.Target); err != nil {
			n.log.Warn("a message was taken back", "event", b.Target, "error", err)
		}
	case event.Profile:
		n.learn(ctx, e.Event.Author(), b.Name)
	}
}

// released acts on events that were dated ahead and have become due.
func (n *Node) released(e store.Entry) {
	select {
	case <-n.ready:
		n.arrived(n.ctx, e)
	case <-n.ctx.Done():
	}
}

// nameSetting is where the name of somebody who is no contact is kept.
const nameSetting = "name/"

// learn notes how somebody calls themselves.
func (n *Node) learn(ctx context.Context, a identity.AccountID, name string) {
	name = identity.CleanName(name)
	if name == "" || a == n.self.Account() {
		return
	}
	if c, err := n.store.Contact(ctx, a); err == nil {
		if c.Name != name {
			if err := n.updateContact(ctx, a, func(c *store.Contact) error { c.Name = name; return nil }); err != nil {
				n.log.Warn("noting a contact's name", "account", a, "error", err)
			}
		}
		return
	}
	if n.people.named(a, "").Name == name {
		return
	}
	n.people.met(a, name)
	if err := n.store.PutSetting(ctx, nameSetting+a.String(), []byte(name)); err != nil {
		n.log.Warn("noting a name", "account", a, "error", err)
	}
}

// loadPeople reads the names that are known.
func (n *Node) loadPeople(ctx context.Context) error {
	err := n.store.Settings(ctx, nameSetting, func(k string, v []byte) error {
		if a, err := identity.ParseAccountID(k[len(nameSetting):]); err == nil {
			n.people.met(a, string(v))
		}
		return nil
	})
	if err != nil {
		return kindOf(err)
	}
	all, err := n.store.Contacts(ctx)
	if err != nil {
		return kindOf(err)
	}
	for _, c := range all {
		n.people.contact(c)
	}
	return nil
}

// introduceAgain is how long after an introduction newcomers wait for the next.
const introduceAgain = 10 * time.Minute

// reintroduce tells a group our name again if somebody has come since, before
// we speak there: nobody sees a message beside a bare key.
func (n *Node) reintroduce(ctx context.Context, c store.Chat) {
	if !n.groups.owesName(c.ID, time.Now()) {
		return
	}
	if err := n.putName(ctx, c, n.Name()); err != nil {
		n.log.Warn("telling a group our name again", "chat", c.ID, "error", err)
	}
}

// putName puts a name of ours into a group's outbox.
func (n *Node) putName(ctx context.Context, c store.Chat, name string) error {
	_, err := n.store.PutOutgoing(ctx, store.Outgoing{
		Chat: c.ID, ToGroup: true, Sign: n.signer(c.ID, event.Profile{Name: name}),
	})
	return err
}

// introduce tells a group our name, once for each name that we have.
func (n *Node) introduce(ctx context.Context, c store.Chat) {
	setting := "introduced/" + c.ID.String()
	told, err := n.store.Setting(ctx, setting)
	if err != nil || string(told) == n.Name() {
		return
	}
	name := n.Name()
	if err = n.putName(ctx, c, name); err == nil {
		err = n.store.PutSetting(ctx, setting, []byte(name))
	}
	if err != nil {
		n.log.Warn("telling a group our name", "chat", c.ID, "error", err)
		return
	}
	n.groups.wake(c.ID)
}

// foreign keeps a message of another program's topic as an event of our own
// that never leaves this device.
func (n *Node) foreign(ctx context.Context, c store.Chat, m pubsub.RawMessage) {
	body := event.Foreign{Peer: []byte(m.Peer), Topic: c.Name, Data: m.Data, Seqno: m.Seqno}
	if len(m.Data) > event.MaxEvent-2*event.MaxHeader {
		n.log.Warn("a message of another program is too large to be kept", "chat", c.ID, "bytes", len(m.Data))
		return
	}
	_, err := n.store.PutOutgoing(ctx, store.Outgoing{Chat: c.ID, Foreign: true, Sign: n.signer(c.ID, body)})
	if err != nil && ctx.Err() == nil {
		n.log.Warn("keeping a message of another program", "chat", c.ID, "error", err)
	}
}

// sendRaw says something in another program's topic, and keeps it.
func (n *Node) sendRaw(ctx context.Context, c store.Chat, text string) (Message, error) {
	r := n.groups.room(c.ID)
	if r == nil || r.raw == nil {
		return Message{}, fmt.Errorf("%w: the topic can be written to only while the node is on the network", ErrOffline)
	}
	if err := r.raw.Publish(ctx, []byte(text)); err != nil {
		if errors.Is(err, pubsub.ErrNobody) {
			return Message{}, fmt.Errorf("%w: nobody else is in the topic", ErrOffline)
		}
		return Message{}, err
	}
	body := event.Foreign{Peer: []byte(n.self.ID().Peer()), Topic: c.Name, Data: []byte(text)}
	e, err := n.store.PutOutgoing(ctx, store.Outgoing{Chat: c.ID, Sign: n.signer(c.ID, body)})
	if err != nil {
		return Message{}, kindOf(err)
	}
	m, _, err := n.message(ctx, e, refOf(c))
	return m, err
}

// sendReceipt tells a friend up to where their messages were read.
func (n *Node) sendReceipt(ctx context.Context, c store.Chat) {
	if c.Kind != store.Direct || !n.config.Receipts {
		return
	}
	contact, err := n.store.Contact(ctx, c.Peer)
	if err != nil || contact.State != store.Friend {
		return
	}
	newest, _, err := n.store.History(ctx, c.ID, store.Page{Limit: 50})
	if err != nil {
		return
	}
	var upTo event.ID
	for _, e := range newest {
		if e.Event.Author() == c.Peer {
			upTo = e.Event.ID()
		}
	}
	if upTo.IsZero() {
		return
	}
	setting := "receipt/" + c.ID.String()
	if last, err := n.store.Setting(ctx, setting); err != nil || string(last) == string(upTo[:]) {
		return
	}
	if _, err := n.say(ctx, c, event.Receipt{ReadUpTo: upTo}); err != nil {
		n.log.Debug("sending a receipt", "error", err)
		return
	}
	if err := n.store.PutSetting(ctx, setting, upTo[:]); err != nil {
		n.log.Debug("noting a receipt", "error", err)
	}
}

// foreignAuthor returns how the author of another program's message is shown.
func foreignAuthor(raw []byte) Person {
	p, err := peer.IDFromBytes(raw)
	if err != nil {
		return Person{Name: "unknown peer"}
	}
	return Person{Name: p.ShortString()}
}

// now is the present in whole milliseconds, as it is stored.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }
