package courier_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/courier"
)

var errDead = errors.New("the process has died")

// disk is what survives a crash: an outbox, a log and contacts in memory.
// Every change is atomic, and the process can be made to die just before or
// just after it.
type disk struct {
	dev *identity.Device

	mu     sync.Mutex
	crash  func(step string) bool // says where to die; called for each step
	dead   bool
	died   chan struct{}           // closed at death
	fail   error                   // what PutIncoming answers, if not nil
	poison func(*event.Event) bool // what the log never stores

	events   map[event.ID]*event.Event
	arrived  []event.ID // of others, in the order in which they were stored
	deferred map[event.ID]bool
	outbox   map[identity.AccountID][]courier.Queued
	answered map[event.ID]courier.Reason
	twice    []event.ID // answered for more than once
	contacts map[identity.AccountID]courier.Contact
	readBy   map[identity.AccountID]event.ID
	lists    map[identity.AccountID][]byte
	revoked  map[identity.DeviceID]bool
	invites  map[string]bool
	chain    map[event.ConversationID]slot
	position uint64
	secrets  byte // how many there have been
	card     func(*courier.Card)
}

type slot struct {
	sequence uint64
	last     event.ID
}

func newDisk(dev *identity.Device) *disk {
	return &disk{
		dev: dev, died: make(chan struct{}),
		events: map[event.ID]*event.Event{}, deferred: map[event.ID]bool{},
		outbox: map[identity.AccountID][]courier.Queued{}, answered: map[event.ID]courier.Reason{},
		contacts: map[identity.AccountID]courier.Contact{}, readBy: map[identity.AccountID]event.ID{},
		lists: map[identity.AccountID][]byte{}, revoked: map[identity.DeviceID]bool{}, invites: map[string]bool{},
		chain: map[event.ConversationID]slot{},
	}
}

// commit is one atomic, durable change.
func (d *disk) commit(step string, change func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return errDead
	}
	if d.crash != nil && d.crash(step+" before") {
		return d.die()
	}
	if err := change(); err != nil {
		return err
	}
	if d.crash != nil && d.crash(step+" after") {
		return d.die()
	}
	return nil
}

func (d *disk) die() error {
	d.dead = true
	close(d.died)
	return errDead
}

// revive is what a new process finds.
func (d *disk) revive() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		d.dead, d.died = false, make(chan struct{})
	}
}

func (d *disk) read(f func()) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return errDead
	}
	f()
	return nil
}

// PutIncoming implements courier.Log.
func (d *disk) PutIncoming(_ context.Context, arrivals []courier.Arrival) error {
	return d.commit("PutIncoming", func() error {
		if d.fail != nil {
			return d.fail
		}
		for _, a := range arrivals {
			if d.poison != nil && d.poison(a.Event) {
				return fmt.Errorf("storing: %w", courier.ErrRefused)
			}
		}
		for _, a := range arrivals {
			id := a.Event.ID()
			if d.events[id] != nil {
				continue
			}
			d.events[id] = a.Event
			d.arrived = append(d.arrived, id)
			d.deferred[id] = a.Deferred
		}
		return nil
	})
}

// PutReadBy implements courier.Log.
func (d *disk) PutReadBy(_ context.Context, _ event.ConversationID, reader identity.AccountID, upTo event.ID) error {
	return d.commit("PutReadBy", func() error {
		d.readBy[reader] = upTo
		return nil
	})
}

// Recipients implements courier.Outbox.
func (d *disk) Recipients(context.Context) (out []identity.AccountID, err error) {
	err = d.read(func() {
		for a, rows := range d.outbox {
			if len(rows) > 0 {
				out = append(out, a)
			}
		}
	})
	return out, err
}

// Queued implements courier.Outbox.
func (d *disk) Queued(_ context.Context, to identity.AccountID, after uint64, limit, bytes int) (out []courier.Queued, err error) {
	err = d.read(func() {
		for _, r := range d.outbox[to] {
			if r.Position <= after {
				continue
			}
			if len(out) >= limit || bytes <= 0 {
				return
			}
			out = append(out, r)
			bytes -= len(r.Bytes)
		}
	})
	return out, err
}

// Answered implements courier.Outbox.
func (d *disk) Answered(_ context.Context, to identity.AccountID, answers []courier.Answer) error {
	return d.commit("Answered", func() error {
		gone := map[event.ID]courier.Reason{}
		for _, a := range answers {
			gone[a.ID] = a.Refused
		}
		d.outbox[to] = slices.DeleteFunc(slices.Clone(d.outbox[to]), func(r courier.Queued) bool {
			reason, ok := gone[r.ID]
			if !ok {
				return false
			}
			if _, again := d.answered[r.ID]; again {
				d.twice = append(d.twice, r.ID)
			}
			d.answered[r.ID] = reason
			return true
		})
		return nil
	})
}

// Count implements courier.Outbox.
func (d *disk) Count(_ context.Context, to identity.AccountID) (n int, err error) {
	err = d.read(func() { n = len(d.outbox[to]) })
	return n, err
}

// Compose implements courier.Composer.
func (d *disk) Compose(_ context.Context, to identity.AccountID, body event.Body) (id event.ID, err error) {
	err = d.commit("Compose", func() error {
		id, err = d.compose(to, body)
		return err
	})
	return id, err
}

// compose makes an event of our own; the caller holds mu.
func (d *disk) compose(to identity.AccountID, body event.Body) (event.ID, error) {
	chat := event.Direct(d.dev.Account(), to)
	at := d.chain[chat]
	e, err := event.Sign(d.dev, event.Header{
		Conversation: chat, Sequence: at.sequence + 1, Previous: at.last, Time: event.TimeOf(time.Now()) + event.Time(at.sequence+1),
	}, body)
	if err != nil {
		return event.ID{}, err
	}
	d.chain[chat] = slot{at.sequence + 1, e.ID()}
	d.enqueue(to, e.ID(), e.Bytes())
	return e.ID(), nil
}

// enqueue puts bytes into an outbox, whatever they are.
func (d *disk) enqueue(to identity.AccountID, id event.ID, raw []byte) {
	d.position++
	d.outbox[to] = append(d.outbox[to], courier.Queued{ID: id, Position: d.position, Bytes: raw})
}

// Contact implements courier.Contacts.
func (d *disk) Contact(_ context.Context, a identity.AccountID) (ct courier.Contact, err error) {
	err = d.read(func() {
		ct = d.contacts[a]
		ct.Account = a
	})
	return ct, err
}

// Contacts implements courier.Contacts.
func (d *disk) Contacts(context.Context) (out []courier.Contact, err error) {
	err = d.read(func() { out = slices.Collect(maps.Values(d.contacts)) })
	return out, err
}

// Update implements courier.Contacts.
func (d *disk) Update(_ context.Context, a identity.AccountID, change func(*courier.Contact) error) (ct courier.Contact, err error) {
	err = d.commit("Update", func() error {
		ct = d.contacts[a]
		ct.Account = a
		was := ct.State
		if err := change(&ct); err != nil {
			ct = d.contacts[a]
			return err
		}
		d.contacts[a] = ct
		if ct.State == courier.Incoming && was != courier.Incoming {
			d.bound(a)
		}
		return nil
	})
	return ct, err
}

func (d *disk) bound(newest identity.AccountID) {
	var oldest *courier.Contact
	n := 0
	for _, ct := range d.contacts {
		if ct.State != courier.Incoming {
			continue
		}
		n++
		if ct.Account != newest && (oldest == nil || ct.Since.Before(oldest.Since)) {
			oldest = &ct
		}
	}
	if n > courier.MaxPending {
		delete(d.contacts, oldest.Account)
	}
}

// Card implements courier.Self.
func (d *disk) Card(context.Context) (card courier.Card, err error) {
	err = d.read(func() {
		secret := sha256.Sum256([]byte{d.secrets, d.dev.ID().Peer()[5]})
		card = courier.Card{Name: "name of " + d.dev.Account().Short(), DiscoverySecret: secret[:], Addresses: [][]byte{{4, 127, 0, 0, 1}}}
		if d.card != nil {
			d.card(&card)
		}
	})
	return card, err
}

// NewSecret implements courier.Self.
func (d *disk) NewSecret(context.Context) error {
	return d.commit("NewSecret", func() error {
		d.secrets++
		return nil
	})
}

// DeviceList implements courier.Self.
func (d *disk) DeviceList(context.Context) []byte {
	return []byte("devices of " + d.dev.Account().Short())
}

// InviteValid implements courier.Self.
func (d *disk) InviteValid(_ context.Context, token []byte) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.invites[string(token)]
}

// Revoked implements courier.Devices.
func (d *disk) Revoked(_ context.Context, _ identity.AccountID, dev identity.DeviceID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.revoked[dev]
}

// TakeList implements courier.Devices.
func (d *disk) TakeList(_ context.Context, a identity.AccountID, list []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lists[a] = list
}
