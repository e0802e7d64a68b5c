package node

import (
	"sync"
	"time"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/node/store"
)

// maxPeople bounds the names that are remembered of people who are not
// contacts: members of groups and people on the LAN.
const maxPeople = 4096

// people remembers how accounts are called: contacts as the store has them,
// others as they named themselves on meeting or in a group. Showing a page of
// messages asks it for every line, so it answers from memory. It is safe for
// concurrent use.
type people struct {
	self identity.AccountID

	mu        sync.Mutex
	known     map[identity.AccountID]acquaintance
	skeletons map[string]int // how many known names look alike
	strangers int            // how many of known are no contacts
}

// acquaintance is how one account is called.
type acquaintance struct {
	own, local string
	skeleton   string
	contact    bool
	seen       time.Time
}

func (k acquaintance) shown() string {
	if k.local != "" {
		return k.local
	}
	return k.own
}

func newPeople(self identity.AccountID) *people {
	return &people{
		self:  self,
		known: make(map[identity.AccountID]acquaintance), skeletons: make(map[string]int),
	}
}

// met notes how a stranger calls themselves; a contact's names come from the
// store alone.
func (p *people) met(a identity.AccountID, name string) {
	name = identity.CleanName(name)
	p.mu.Lock()
	defer p.mu.Unlock()
	if name == "" || p.known[a].contact {
		return
	}
	p.put(a, acquaintance{own: name, seen: time.Now()})
	for p.strangers > maxPeople {
		p.forgetOldest()
	}
}

// contact notes a contact's names.
func (p *people) contact(c store.Contact) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.put(c.Account, acquaintance{own: c.Name, local: c.LocalName, contact: true, seen: time.Now()})
}

// put replaces what is known of an account. The caller holds mu.
func (p *people) put(a identity.AccountID, k acquaintance) {
	p.drop(a)
	k.skeleton = identity.Skeleton(k.shown())
	p.known[a] = k
	p.skeletons[k.skeleton]++
	if !k.contact {
		p.strangers++
	}
}

func (p *people) drop(a identity.AccountID) {
	was, have := p.known[a]
	if !have {
		return
	}
	delete(p.known, a)
	if p.skeletons[was.skeleton]--; p.skeletons[was.skeleton] <= 0 {
		delete(p.skeletons, was.skeleton)
	}
	if !was.contact {
		p.strangers--
	}
}

func (p *people) forgetOldest() {
	var oldest identity.AccountID
	var at time.Time
	for a, k := range p.known {
		if !k.contact && (at.IsZero() || k.seen.Before(at)) {
			oldest, at = a, k.seen
		}
	}
	p.drop(oldest)
}

// named returns the account as it is shown. Somebody whose name is unknown is
// called by the fingerprint.
func (p *people) named(a identity.AccountID, ownName string) Person {
	if a == p.self {
		return Person{Account: a, Name: ownName, OwnName: ownName, Self: true}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	k, have := p.known[a]
	if !have || k.shown() == "" {
		return Person{Account: a, Name: a.Short(), Ambiguous: true}
	}
	ambiguous := p.skeletons[k.skeleton] > 1 || k.skeleton == identity.Skeleton(ownName)
	return Person{Account: a, Name: k.shown(), OwnName: k.own, Ambiguous: ambiguous}
}
