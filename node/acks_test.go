package node

import (
	"testing"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
)

// TestOnItsWay: what was given to a peer is on its way until it is
// acknowledged, and what is remembered of it is bounded.
func TestOnItsWay(t *testing.T) {
	t.Parallel()
	a := newAcks()
	one, two := event.ID{1}, event.ID{2}
	a.sent([]event.ID{one, two})
	a.acknowledged(identity.AccountID{}, []event.ID{one})
	if a.onItsWay(one) || !a.onItsWay(two) {
		t.Fatal("the wrong one is on its way")
	}
	for i := range 2 * maxGiven {
		a.sent([]event.ID{{3, byte(i), byte(i >> 8), byte(i >> 16)}})
	}
	if len(a.given) > maxGiven {
		t.Fatalf("%d are remembered", len(a.given))
	}
}
