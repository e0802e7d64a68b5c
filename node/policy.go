package node

import (
	"context"
	"slices"
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/node/hello"
	"github.com/kith-chat/kith/node/store"
)

// policy decides who may know who we are, and who is heard. It keeps what it
// needs of the contacts in memory, since it is asked for every message.
type policy struct {
	n *Node

	mu       sync.RWMutex
	contacts map[identity.AccountID]stance
	owners   map[peer.ID]identity.AccountID // devices of contacts
	sought   map[peer.ID]identity.AccountID // whom a peer is thought to belong to
}

// stance is what the policy keeps of a contact.
type stance struct {
	state  store.ContactState
	secret identity.DiscoverySecret
	list   *identity.DeviceList // nil while none is known
}

// maxSought bounds the guesses about peers that were dialled.
const maxSought = 4096

func newPolicy(n *Node) *policy {
	return &policy{
		n: n, contacts: make(map[identity.AccountID]stance),
		owners: make(map[peer.ID]identity.AccountID), sought: make(map[peer.ID]identity.AccountID),
	}
}

func (p *policy) load(ctx context.Context) error {
	all, err := p.n.store.Contacts(ctx)
	if err != nil {
		return kindOf(err)
	}
	for _, c := range all {
		p.update(c)
	}
	return nil
}

// update takes a contact as it is now.
func (p *policy) update(c store.Contact) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := stance{state: c.State}
	copy(s.secret[:], c.DiscoverySecret)
	if l, err := identity.ParseDeviceList(c.DeviceList); err == nil && l.Account == c.Account {
		s.list = &l
	}
	p.contacts[c.Account] = s
	for _, d := range c.Devices {
		p.owners[d.Peer()] = c.Account
	}
}

// seeking notes whom a peer is thought to belong to.
func (p *policy) seeking(id peer.ID, a identity.AccountID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.sought) >= maxSought {
		clear(p.sought)
	}
	p.sought[id] = a
}

// revoked reports whether a device is off its account's list.
func (p *policy) revoked(a identity.AccountID, d identity.DeviceID) bool {
	if a == p.n.self.Account() {
		return !p.n.config.Vault.Devices().Contains(d)
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	l := p.contacts[a].list
	return l != nil && !l.Contains(d)
}

// heard reports whether an account is heard in groups.
func (p *policy) heard(a identity.AccountID) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.contacts[a].state != store.Blocked
}

// Reveal reports whether a peer may learn who we are.
func (p *policy) Reveal(id peer.ID, account identity.AccountID, lan, proved bool) bool {
	if p.n.ours(id) {
		return true
	}
	p.mu.RLock()
	if account.IsZero() {
		account = p.owners[id]
	}
	state := p.contacts[account].state
	p.mu.RUnlock()
	switch {
	case state == store.Blocked && !account.IsZero():
		return false
	case proved, lan && p.n.config.MDNS:
		return true
	case !account.IsZero() && (state == store.Friend || state == store.Requested):
		return true
	}
	return p.n.groups.shared(id)
}

// Secret returns our discovery secret.
func (p *policy) Secret() identity.DiscoverySecret { return p.n.config.Vault.Secrets().Discovery }

// SecretOf returns the secret of whom a peer is thought to belong to.
func (p *policy) SecretOf(id peer.ID) (identity.DiscoverySecret, bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	a, ok := p.owners[id]
	if !ok {
		a, ok = p.sought[id]
	}
	s := p.contacts[a].secret
	return s, ok && !s.IsZero()
}

// Card returns what we say of ourselves.
func (p *policy) Card() hello.Card {
	return hello.Card{
		Certificate: p.n.self.Certificate(), Name: p.n.Name(),
		DeviceList: p.n.config.Vault.Devices().Bytes(),
	}
}

// friend reports whether an account is a friend.
func (p *policy) friend(a identity.AccountID) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.contacts[a].state == store.Friend
}

// friends returns the accounts that are friends.
func (p *policy) friends() []identity.AccountID {
	p.mu.RLock()
	defer p.mu.RUnlock()
	var out []identity.AccountID
	for a, s := range p.contacts {
		if s.state == store.Friend {
			out = append(out, a)
		}
	}
	slices.SortFunc(out, func(a, b identity.AccountID) int { return slices.Compare(a[:], b[:]) })
	return out
}
