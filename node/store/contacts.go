package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/node/store/pb"
)

// MaxPending is how many requests of strangers are kept; beyond it the oldest
// goes.
const MaxPending = 20

// UpdateContact changes a contact, or makes it: fn gets what is there (a
// Contact with nothing but its account if there is none) and changes it. It
// runs inside the writer: it must be quick and must not call the store. An
// error of fn changes nothing.
func (s *Store) UpdateContact(ctx context.Context, a identity.AccountID, fn func(*Contact) error) error {
	return s.write(ctx, func(t *tx) error {
		c, err := t.contact(a)
		if errors.Is(err, ErrNotFound) {
			c, err = Contact{Account: a}, nil
		}
		if err != nil {
			return err
		}
		was := c.State
		if err := fn(&c); err != nil {
			return err
		}
		c.Account = a
		if err := t.putContact(c); err != nil {
			return err
		}
		if c.State == Incoming && was != Incoming {
			return t.boundPending(a)
		}
		return nil
	})
}

// boundPending drops the oldest requests beyond MaxPending, those by invite last.
func (t *tx) boundPending(newest identity.AccountID) error {
	all, err := t.contacts()
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(c Contact) bool { return c.State != Incoming || c.Account == newest })
	// Twenty strangers must not push out somebody whom we have invited.
	slices.SortFunc(all, func(a, b Contact) int {
		if a.ByInvite != b.ByInvite {
			if b.ByInvite {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.Since.UnixMilli(), b.Since.UnixMilli())
	})
	for len(all) >= MaxPending {
		t.del(contactKey(all[0].Account))
		t.note(Change{What: ChangedContact, Account: all[0].Account})
		all = all[1:]
	}
	return nil
}

func (t *tx) putContact(c Contact) error {
	m := &pb.Contact{
		Account: c.Account[:], Name: c.Name, LocalName: c.LocalName, Note: c.Note, State: uint32(c.State),
		Verified: c.Verified, Addresses: c.Addresses, DeviceList: c.DeviceList,
		SinceMs: millis(c.Since), LastSeenMs: millis(c.LastSeen), RequestEvent: c.RequestEvent,
		InviteToken: c.InviteToken, Attempts: c.Attempts, ByInvite: c.ByInvite,
		Memo: c.Memo,
	}
	for _, d := range c.Devices {
		m.Devices = append(m.Devices, d[:])
	}
	k := contactKey(c.Account)
	if len(c.DiscoverySecret) > 0 {
		m.SealedSecret = t.store.box.Seal(k, c.DiscoverySecret)
	}
	raw, err := proto.Marshal(m)
	if err != nil {
		return fmt.Errorf("writing a contact: %w", err)
	}
	t.set(k, raw)
	t.note(Change{What: ChangedContact, Account: c.Account})
	return nil
}

func (t *tx) contact(a identity.AccountID) (Contact, error) {
	raw, err := t.get(contactKey(a))
	if err != nil {
		return Contact{}, err
	}
	return t.decodeContact(raw)
}

func (t *tx) decodeContact(raw []byte) (Contact, error) {
	var m pb.Contact
	if err := proto.Unmarshal(raw, &m); err != nil {
		return Contact{}, fmt.Errorf("%w: a contact: %w", ErrDamaged, err)
	}
	a, err := identity.AccountFromBytes(m.GetAccount())
	if err != nil {
		return Contact{}, fmt.Errorf("%w: a contact: %w", ErrDamaged, err)
	}
	c := Contact{
		Account: a, Name: m.GetName(), LocalName: m.GetLocalName(), Note: m.GetNote(),
		State: ContactState(m.GetState()), Verified: m.GetVerified(), Addresses: m.GetAddresses(),
		DeviceList: m.GetDeviceList(), Since: instant(m.GetSinceMs()), LastSeen: instant(m.GetLastSeenMs()),
		RequestEvent: m.GetRequestEvent(), InviteToken: m.GetInviteToken(), Attempts: m.GetAttempts(), ByInvite: m.GetByInvite(),
		Memo: m.GetMemo(),
	}
	for _, d := range m.GetDevices() {
		if id, err := identity.ParseDeviceKey(d); err == nil {
			c.Devices = append(c.Devices, id)
		}
	}
	if sealed := m.GetSealedSecret(); len(sealed) > 0 {
		if c.DiscoverySecret, err = t.store.box.Open(contactKey(a), sealed); err != nil {
			return Contact{}, fmt.Errorf("%w: a contact's secret: %w", ErrDamaged, err)
		}
	}
	return c, nil
}

// Contact returns a contact; ErrNotFound.
func (s *Store) Contact(_ context.Context, a identity.AccountID) (c Contact, err error) {
	err = s.view(func(t *tx) error {
		c, err = t.contact(a)
		return err
	})
	return c, err
}

// Contacts returns all contacts.
func (s *Store) Contacts(_ context.Context) (out []Contact, err error) {
	err = s.view(func(t *tx) error {
		out, err = t.contacts()
		return err
	})
	return out, err
}

func (t *tx) contacts() (out []Contact, err error) {
	err = t.scan([]byte{keyContact}, nil, false, func(_, v []byte) (bool, error) {
		c, err := t.decodeContact(v)
		if err != nil {
			t.store.log.Error("a contact cannot be read", "error", err)
			return true, nil
		}
		out = append(out, c)
		return true, nil
	})
	return out, err
}
