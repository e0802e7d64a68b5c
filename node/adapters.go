package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/identity/vault"
	"github.com/kith-chat/kith/node/courier"
	"github.com/kith-chat/kith/node/store"
)

// The adapters give the courier what it asks for (courier/ports.go) from the
// store, the vault and the finding parts.

// direct stores what the courier takes, and composes what it says.
type direct struct{ n *Node }

// PutIncoming makes arrivals durable.
func (d direct) PutIncoming(ctx context.Context, arrivals []courier.Arrival) error {
	events := make([]*event.Event, len(arrivals))
	for i, a := range arrivals {
		events[i] = a.Event
	}
	out, err := d.n.store.PutIncoming(ctx, events)
	if errors.Is(err, store.ErrNotFound) { // the first event of a new friend
		if err := d.n.ensureDirect(ctx, arrivals[0].From); err != nil {
			return err
		}
		out, err = d.n.store.PutIncoming(ctx, events)
	}
	for _, o := range out {
		switch o.Result {
		case store.Taken:
			d.n.arrived(ctx, o.Entry)
		case store.Duplicate: // a crash may have come between storing it and this
			if o.Entry.Event.Header().Kind == event.KindFile && o.Entry.Event.Author() != d.n.self.Account() {
				d.n.arrived(ctx, o.Entry)
			}
		case store.Overflow: // never acknowledged: the sender is told
			err = errors.Join(err, fmt.Errorf("%w: too many messages are dated ahead", courier.ErrRefused))
		}
	}
	return err
}

// PutReadBy notes what a friend has read.
func (d direct) PutReadBy(ctx context.Context, chat event.ConversationID, _ identity.AccountID, upTo event.ID) error {
	return d.n.store.PutReadBy(ctx, chat, upTo)
}

// Compose puts an event of our own into the outbox.
func (d direct) Compose(ctx context.Context, to identity.AccountID, body event.Body) (event.ID, error) {
	if err := d.n.ensureDirect(ctx, to); err != nil {
		return event.ID{}, err
	}
	chat := event.Direct(d.n.self.Account(), to)
	e, err := d.n.store.PutOutgoing(ctx, store.Outgoing{Chat: chat, To: []identity.AccountID{to}, Sign: d.n.signer(chat, body)})
	if err != nil {
		return event.ID{}, err
	}
	return e.Event.ID(), nil
}

// ensureDirect makes the direct chat with an account if there is none.
func (n *Node) ensureDirect(ctx context.Context, a identity.AccountID) error {
	id := event.Direct(n.self.Account(), a)
	_, err := n.store.Chat(ctx, id)
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return n.store.PutChat(ctx, store.Chat{
		ID: id, Kind: store.Direct, Peer: a, Joined: true, Created: time.Now(), RetentionDays: n.config.RetentionDays,
	})
}

// outbox gives the courier what waits.
type outbox struct{ n *Node }

// Recipients returns who has something waiting.
func (o outbox) Recipients(ctx context.Context) ([]identity.AccountID, error) {
	return o.n.store.OutboxAccounts(ctx)
}

// Queued returns rows that wait, bounded in number and bytes.
func (o outbox) Queued(ctx context.Context, to identity.AccountID, after uint64, limit, bytes int) ([]courier.Queued, error) {
	rows, err := o.n.store.Outbox(ctx, to, after, limit)
	if err != nil {
		return nil, err
	}
	out := make([]courier.Queued, 0, len(rows))
	for _, r := range rows {
		out = append(out, courier.Queued{ID: r.ID, Position: r.Position, Bytes: r.Bytes})
		if bytes -= len(r.Bytes); bytes <= 0 {
			break
		}
	}
	return out, nil
}

// Answered takes rows away.
func (o outbox) Answered(ctx context.Context, to identity.AccountID, answers []courier.Answer) error {
	acks := make([]store.Ack, len(answers))
	for i, a := range answers {
		acks[i] = store.Ack{ID: a.ID, Refused: a.Refused.String()}
	}
	return o.n.store.PutAck(ctx, to, acks)
}

// Count returns how many rows wait.
func (o outbox) Count(ctx context.Context, to identity.AccountID) (int, error) {
	return o.n.store.OutboxCount(ctx, to)
}

// contacts gives the courier its part of the contacts.
type contacts struct{ n *Node }

func toCourier(c store.Contact) courier.Contact {
	return courier.Contact{
		Account: c.Account, State: courier.State(c.State), Name: c.Name, Note: c.Note,
		DiscoverySecret: c.DiscoverySecret, Addresses: c.Addresses, RequestEvent: c.RequestEvent,
		InviteToken: c.InviteToken, ByInvite: c.ByInvite, Attempts: c.Attempts, Since: c.Since, Memo: c.Memo,
	}
}

func fromCourier(to *store.Contact, c courier.Contact) {
	to.State, to.Name, to.Note = store.ContactState(c.State), identity.CleanName(c.Name), c.Note
	to.DiscoverySecret, to.Addresses, to.RequestEvent = c.DiscoverySecret, c.Addresses, c.RequestEvent
	to.InviteToken, to.ByInvite, to.Attempts, to.Since, to.Memo = c.InviteToken, c.ByInvite, c.Attempts, c.Since, c.Memo
}

// Contact returns a contact, or one in state None.
func (k contacts) Contact(ctx context.Context, a identity.AccountID) (courier.Contact, error) {
	c, err := k.n.store.Contact(ctx, a)
	if errors.Is(err, store.ErrNotFound) {
		return courier.Contact{Account: a}, nil
	}
	return toCourier(c), err
}

// Contacts returns all contacts.
func (k contacts) Contacts(ctx context.Context) ([]courier.Contact, error) {
	all, err := k.n.store.Contacts(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]courier.Contact, len(all))
	for i, c := range all {
		out[i] = toCourier(c)
	}
	return out, nil
}

// Update changes a contact in one durable step.
func (k contacts) Update(ctx context.Context, a identity.AccountID, change func(*courier.Contact) error) (courier.Contact, error) {
	var now courier.Contact
	err := k.n.updateContact(ctx, a, func(c *store.Contact) error {
		now = toCourier(*c)
		if err := change(&now); err != nil {
			return err
		}
		fromCourier(c, now)
		return nil
	})
	return now, err
}

// updateContact changes a contact and lets those know who keep a part of it in
// memory.
func (n *Node) updateContact(ctx context.Context, a identity.AccountID, change func(*store.Contact) error) error {
	var before store.ContactState
	var after store.Contact
	err := n.store.UpdateContact(ctx, a, func(c *store.Contact) error {
		before = c.State
		if err := change(c); err != nil {
			return err
		}
		after = *c
		return nil
	})
	if err != nil {
		return err
	}
	n.people.contact(after)
	if n.policy != nil {
		n.policy.update(after)
		if before != after.State {
			n.stateChanged(after)
		}
	}
	return nil
}

// stateChanged follows a change of friendship on the network: who may know us
// is asked again, friends are kept connected.
func (n *Node) stateChanged(c store.Contact) {
	for _, p := range n.hello.Devices(c.Account) {
		n.protect(p, c.State == store.Friend)
		n.hello.Refresh(p)
	}
	if c.State == store.Friend || c.State == store.Requested {
		n.rendezvous.Seek(c.Account)
	}
}

// ourselves is our own side.
type ourselves struct{ n *Node }

// Card returns what we tell friends.
func (o ourselves) Card(context.Context) (courier.Card, error) {
	s := o.n.config.Vault.Secrets()
	card := courier.Card{Name: o.n.Name(), DiscoverySecret: s.Discovery[:]}
	for _, a := range o.n.dialAddresses() {
		card.Addresses = append(card.Addresses, a.Bytes())
	}
	return card, nil
}

// NewSecret replaces the discovery secret.
func (o ourselves) NewSecret(context.Context) error {
	err := o.n.config.Vault.Update(func(s *vault.Secrets) error {
		s.Discovery = identity.NewDiscoverySecret()
		return nil
	})
	poke(o.n.mirror.wake)
	if err == nil && o.n.rendezvous != nil {
		o.n.rendezvous.SecretChanged()
	}
	return err
}

// DeviceList returns our signed device list.
func (o ourselves) DeviceList(context.Context) []byte {
	return o.n.config.Vault.Devices().Bytes()
}

// InviteValid reports whether a token is that of an invite in force.
func (o ourselves) InviteValid(ctx context.Context, token []byte) bool {
	return o.n.inviteValid(ctx, token)
}

// devices knows which devices are in force.
type devices struct{ n *Node }

// Revoked reports whether a device is off its account's list. It is asked for
// every batch, so the policy keeps the answer.
func (d devices) Revoked(_ context.Context, a identity.AccountID, id identity.DeviceID) bool {
	return d.n.policy != nil && d.n.policy.revoked(a, id)
}

// TakeList keeps a newer device list of a contact.
func (d devices) TakeList(ctx context.Context, a identity.AccountID, raw []byte) {
	if err := d.n.takeDeviceList(ctx, a, raw); err != nil {
		d.n.log.Debug("a device list was not taken", "account", a, "error", err)
	}
}

var errOldList = errors.New("the list is not newer")

func (n *Node) takeDeviceList(ctx context.Context, a identity.AccountID, raw []byte) error {
	if len(raw) == 0 {
		return nil
	}
	l, err := identity.ParseDeviceList(raw)
	if err != nil {
		return err
	}
	if l.Account != a {
		return fmt.Errorf("the device list is another account's")
	}
	have, err := n.store.Contact(ctx, a)
	if err != nil {
		return err
	}
	if old, err := identity.ParseDeviceList(have.DeviceList); err == nil && !l.Supersedes(old) {
		return nil
	}
	err = n.updateContact(ctx, a, func(c *store.Contact) error {
		if old, err := identity.ParseDeviceList(c.DeviceList); err == nil && !l.Supersedes(old) {
			return errOldList
		}
		c.DeviceList, c.Devices = l.Bytes(), nil
		for _, d := range l.Devices {
			c.Devices = append(c.Devices, d.Device)
		}
		return nil
	})
	if errors.Is(err, errOldList) {
		return nil
	}
	return err
}

// finder finds people for the courier.
type finder struct{ n *Node }

// Reach returns a connected device of an account.
func (f finder) Reach(ctx context.Context, a identity.AccountID) (peer.ID, error) {
	return f.n.rendezvous.Reach(ctx, a)
}

// MayKnow reports whether a peer may learn that we are who it writes to.
func (f finder) MayKnow(ctx context.Context, p peer.ID, a identity.AccountID) bool {
	if f.n.hello.Told(p) || f.n.policy.Reveal(p, a, false, false) {
		return true
	}
	person, known := f.n.hello.Wait(ctx, p)
	return f.n.hello.Told(p) || known && f.n.policy.Reveal(p, a, person.LAN, false)
}
