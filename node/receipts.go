package node

import (
	"context"

	"github.com/kith-chat/kith/node/store"
)

// Receipt is how far a message of ours has come with one person.
type Receipt struct {
	Person Person
	State  State
}

// Receipts returns how far a message of ours has come with the other person of
// a direct chat. In a group nobody says what they have, so there it is empty.
func (n *Node) Receipts(ctx context.Context, id string) ([]Receipt, error) {
	e, err := n.eventBy(ctx, id)
	if err != nil {
		return nil, err
	}
	c, err := n.store.Chat(ctx, e.Event.Header().Conversation)
	if err != nil {
		return nil, kindOf(err)
	}
	if c.Kind != store.Direct || e.Event.Author() != n.self.Account() {
		return nil, nil
	}
	m, shown, err := n.message(ctx, e, refOf(c))
	if err != nil || !shown {
		return nil, err
	}
	return []Receipt{{Person: n.person(c.Peer), State: m.State}}, nil
}
