package node

import (
	"context"
	"time"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/store"
)

// Completeness says what a chat lacks, as the chains of its devices prove.
type Completeness struct {
	Events  uint64 // of all kinds that are here
	Missing uint64
	From    []MissingFrom
	Asked   []Person  // who is asked now
	Checked time.Time // when it was last found equal with somebody's; zero for not since the start
}

// MissingFrom is how much of one device's events is not here.
type MissingFrom struct {
	Person Person
	Device identity.DeviceID
	Count  uint64
}

// Completeness returns what a chat lacks, from whom, and who is asked for it.
func (n *Node) Completeness(ctx context.Context, ref string) (Completeness, error) {
	c, err := n.chatBy(ctx, ref)
	if err != nil {
		return Completeness{}, err
	}
	out := Completeness{Events: c.Events, Checked: n.checkedAt(c.ID)}
	chains, err := n.store.Chains(ctx, c.ID)
	if err != nil {
		return Completeness{}, kindOf(err)
	}
	for _, chain := range chains {
		if chain.Missing > 0 {
			out.Missing += chain.Missing
			out.From = append(out.From, MissingFrom{Person: n.person(chain.Account), Device: chain.Device, Count: chain.Missing})
		}
	}
	if n.sync == nil {
		return out, nil
	}
	if p, _ := n.sync.Asking(c.ID); p != "" {
		if who, ok := n.hello.Person(p); ok {
			out.Asked = append(out.Asked, n.person(who.Account()))
		}
	}
	return out, nil
}

// missing returns how many events the chains of a chat say are not here.
func (n *Node) missing(ctx context.Context, c store.Chat) (count uint64) {
	if c.Kind == store.Raw {
		return 0
	}
	chains, err := n.store.Chains(ctx, c.ID)
	if err != nil {
		return 0
	}
	for _, chain := range chains {
		count += chain.Missing
	}
	return count
}

// checkedAt returns when a chat was last found equal with somebody's.
func (n *Node) checkedAt(id event.ConversationID) time.Time {
	at, _ := n.checked.Load(id)
	t, _ := at.(time.Time)
	return t
}
