package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/multiformats/go-multiaddr"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/courier"
	"github.com/kith-chat/kith/node/store"
)

// Friends returns everybody with whom something is or was agreed: friends,
// requests in both directions, and blocked people.
func (n *Node) Friends(ctx context.Context) ([]Friend, error) {
	all, err := n.store.Contacts(ctx)
	if err != nil {
		return nil, kindOf(err)
	}
	var out []Friend
	for _, c := range all {
		if c.State != store.NoContact && c.State != store.Removed {
			out = append(out, n.contactView(c))
		}
	}
	slices.SortFunc(out, func(a, b Friend) int {
		if c := strings.Compare(strings.ToLower(a.Person.Name), strings.ToLower(b.Person.Name)); c != 0 {
			return c
		}
		return slices.Compare(a.Person.Account[:], b.Person.Account[:])
	})
	return out, nil
}

// safety returns the safety number with an account; it is dear to make.
func (n *Node) safety(a identity.AccountID) identity.SafetyNumber {
	if s, ok := n.numbers.Load(a); ok {
		return s.(identity.SafetyNumber)
	}
	s := identity.NewSafetyNumber(n.self.Account(), a)
	n.numbers.Store(a, s)
	return s
}

// AddFriend asks somebody to be friends: by invite link, account ID, or the
// name of somebody whom FindPeople lists. The request waits until they appear.
func (n *Node) AddFriend(ctx context.Context, who, note string) (Friend, error) {
	if len(note) > event.MaxNote || !utf8.ValidString(note) {
		return Friend{}, fmt.Errorf("%w: the note has more than %d bytes", ErrTooLarge, event.MaxNote)
	}
	ask := courier.Ask{Note: note}
	var account identity.AccountID
	switch {
	case identity.IsInvite(who):
		i, err := identity.ParseInvite(who)
		if err != nil {
			return Friend{}, fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		if i.Expired(time.Now()) {
			return Friend{}, fmt.Errorf("%w: %w: ask for a new one", ErrInvalid, identity.ErrInviteExpired)
		}
		account = i.Account()
		ask.Name, ask.DiscoverySecret, ask.InviteToken = i.Name, i.Secret[:], i.Token[:]
		ask.Addresses = inviteAddresses(i)
		if err := n.knowDevice(ctx, account, i.Certificate.Device); err != nil {
			return Friend{}, err
		}
	default:
		found, err := n.someone(ctx, who)
		if err != nil {
			return Friend{}, err
		}
		account = found.Person.Account
		ask.Name = found.Person.OwnName
	}
	if account == n.self.Account() {
		return Friend{}, fmt.Errorf("%w: that is yourself", ErrInvalid)
	}
	_, err := n.courier.Request(ctx, account, ask)
	return n.friendNow(ctx, account, err)
}

// knowDevice notes a device of an account before it is a contact.
func (n *Node) knowDevice(ctx context.Context, a identity.AccountID, d identity.DeviceID) error {
	if a == n.self.Account() {
		return nil
	}
	return kindOf(n.updateContact(ctx, a, func(c *store.Contact) error {
		if !slices.Contains(c.Devices, d) && len(c.Devices) < identity.MaxDevices {
			c.Devices = append(c.Devices, d)
		}
		return nil
	}))
}

// inviteAddresses returns an invite's addresses with the device's name, as
// they are kept.
func inviteAddresses(i identity.Invite) [][]byte {
	id, err := multiaddr.NewComponent("p2p", i.Certificate.Device.String())
	if err != nil {
		return nil
	}
	var out [][]byte
	for _, a := range i.Addresses {
		out = append(out, a.Encapsulate(id.Multiaddr()).Bytes())
	}
	return out
}

// someone finds the person whom a friend request is for.
func (n *Node) someone(ctx context.Context, who string) (FoundPerson, error) {
	name := strings.TrimPrefix(strings.TrimSpace(who), "@")
	if strings.HasPrefix(strings.ToLower(name), "kith1") {
		a, err := n.personBy(ctx, name)
		return FoundPerson{Person: n.person(a)}, err
	}
	fits, err := n.foundAs(ctx, name)
	if err != nil {
		return FoundPerson{}, err
	}
	switch len(fits) {
	case 1:
		return fits[0], nil
	case 0:
		a, err := n.personBy(ctx, who)
		return FoundPerson{Person: n.person(a)}, err
	}
	var list []string
	for _, p := range fits {
		list = append(list, p.Person.Account.Short())
	}
	return FoundPerson{}, fmt.Errorf("%w: %d people are called %q: use one of %s", ErrAmbiguous, len(fits), who, strings.Join(list, ", "))
}

// foundAs returns those of the people whom FindPeople finds who are called by
// a name, or have it as their fingerprint.
func (n *Node) foundAs(ctx context.Context, name string) ([]FoundPerson, error) {
	all, err := n.FindPeople(ctx, "")
	return slices.DeleteFunc(all, func(f FoundPerson) bool {
		return !strings.EqualFold(f.Person.Name, name) && f.Person.Account.Short() != name
	}), err
}

// friendNow returns the contact after an act, with the courier's errors in our
// terms.
func (n *Node) friendNow(ctx context.Context, a identity.AccountID, err error) (Friend, error) {
	switch {
	case errors.Is(err, courier.ErrAlready):
		return Friend{}, fmt.Errorf("%w: %s", ErrExists, n.person(a).Name)
	case errors.Is(err, courier.ErrNotNow):
		return Friend{}, fmt.Errorf("%w: %w", ErrNotAllowed, err)
	case err != nil:
		return Friend{}, kindOf(err)
	}
	c, err := n.store.Contact(ctx, a)
	if err != nil {
		return Friend{}, kindOf(err)
	}
	return n.contactView(c), nil
}

// act runs an act of friendship on whom a person names.
func (n *Node) act(ctx context.Context, who string, do func(context.Context, identity.AccountID) (courier.Contact, error)) (Friend, error) {
	a, err := n.personBy(ctx, who)
	if err != nil {
		return Friend{}, err
	}
	_, err = do(ctx, a)
	return n.friendNow(ctx, a, err)
}

// AcceptFriend takes a request.
func (n *Node) AcceptFriend(ctx context.Context, who string) (Friend, error) {
	return n.act(ctx, who, n.courier.Accept)
}

// DeclineFriend turns a request down; the other side is told.
func (n *Node) DeclineFriend(ctx context.Context, who string) error {
	_, err := n.act(ctx, who, n.courier.Decline)
	return err
}

// RemoveFriend ends a friendship; the other side is told.
func (n *Node) RemoveFriend(ctx context.Context, who string) error {
	_, err := n.act(ctx, who, n.courier.End)
	return err
}

// BlockFriend silences somebody; they are not told.
func (n *Node) BlockFriend(ctx context.Context, who string) (Friend, error) {
	a, err := n.someone(ctx, who)
	if err != nil {
		return Friend{}, err
	}
	_, err = n.courier.Block(ctx, a.Person.Account)
	return n.friendNow(ctx, a.Person.Account, err)
}

// UnblockFriend makes a blocked person a stranger again.
func (n *Node) UnblockFriend(ctx context.Context, who string) error {
	_, err := n.act(ctx, who, n.courier.Unblock)
	return err
}

// RenameFriend gives a contact a name that only this node shows; an empty name
// goes back to their own.
func (n *Node) RenameFriend(ctx context.Context, who, name string) (Friend, error) {
	a, err := n.personBy(ctx, who)
	if err != nil {
		return Friend{}, err
	}
	clean := identity.CleanName(name)
	if clean == "" && strings.TrimSpace(name) != "" {
		return Friend{}, fmt.Errorf("%w: the name has no visible character", ErrInvalid)
	}
	err = n.updateContact(ctx, a, func(c *store.Contact) error { c.LocalName = clean; return nil })
	return n.friendNow(ctx, a, err)
}

// VerifyFriend marks that the safety numbers were compared, or takes the mark
// away; with showOnly it changes nothing.
func (n *Node) VerifyFriend(ctx context.Context, who string, verified, showOnly bool) (Friend, error) {
	a, err := n.personBy(ctx, who)
	if err != nil {
		return Friend{}, err
	}
	if !showOnly {
		err = n.updateContact(ctx, a, func(c *store.Contact) error {
			if c.State != store.Friend && verified {
				return fmt.Errorf("%w: only a friend can be verified", ErrNotAllowed)
			}
			c.Verified = verified
			return nil
		})
	}
	return n.friendNow(ctx, a, err)
}

// FindPeople returns who has been met on the LAN or in shared groups and fits
// the beginning of a name; an empty name fits all.
func (n *Node) FindPeople(ctx context.Context, name string) ([]FoundPerson, error) {
	if n.hello == nil {
		return nil, fmt.Errorf("%w: people are found only while the node is on the network", ErrOffline)
	}
	want := identity.Skeleton(strings.TrimPrefix(name, "@"))
	var out []FoundPerson
	add := func(a identity.AccountID, where string, seen time.Time) {
		p := n.person(a)
		if p.Self || want != "" && !strings.HasPrefix(identity.Skeleton(p.Name), want) && p.Account.Short() != name {
			return
		}
		if slices.ContainsFunc(out, func(f FoundPerson) bool { return f.Person.Account == a }) {
			return
		}
		f := FoundPerson{Person: p, Where: where, Seen: seen}
		if c, err := n.store.Contact(ctx, a); err == nil {
			if c.State == store.Blocked {
				return
			}
			f.State = FriendState(c.State)
		}
		out = append(out, f)
	}
	for _, p := range n.hello.People() {
		if groups := n.groups.names(p.Peer); p.LAN {
			add(p.Account(), "lan", p.Seen)
		} else if len(groups) > 0 {
			add(p.Account(), groups[0], p.Seen)
		}
	}
	chats, err := n.store.Chats(ctx)
	if err != nil {
		return nil, kindOf(err)
	}
	for _, c := range chats {
		for _, m := range n.groups.members(c.ID) {
			add(m.Person.Account, refOf(c), m.Seen)
		}
	}
	slices.SortFunc(out, func(a, b FoundPerson) int { return strings.Compare(a.Person.Name, b.Person.Name) })
	return out, nil
}
