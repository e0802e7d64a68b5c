package node

import (
	"context"

	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/store"
)

// Cursor and WaitChange let a benchmark follow the store without what a client
// costs.
func (n *Node) Cursor() uint64 { return n.store.Cursor() }

func (n *Node) WaitChange(ctx context.Context, cursor uint64) error { return n.store.Wait(ctx, cursor) }

// EachStored calls f with every event that becomes durable from now on, until
// ctx ends.
func (n *Node) EachStored(ctx context.Context, f func(event.ID)) error {
	cursor := n.store.Cursor()
	for {
		if err := n.store.Wait(ctx, cursor); err != nil {
			return err
		}
		for {
			changes, next, _, err := n.store.Changes(ctx, cursor, watchStep)
			if err != nil {
				return err
			}
			for _, c := range changes {
				if c.What == store.ChangedEvent && c.Fresh {
					f(c.ID)
				}
			}
			if next == cursor {
				break
			}
			cursor = next
		}
	}
}
