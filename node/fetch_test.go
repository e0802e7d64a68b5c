package node_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kith-chat/kith/node"
)

// TestNoFetchOnReceive: a message that names fifty addresses makes the node
// that receives and reads it connect to nobody.
func TestNoFetchOnReceive(t *testing.T) {
	t.Parallel()
	ann, bob, eve := newPerson(t, "Ann"), newPerson(t, "Bob"), newPerson(t, "Eve")
	befriend(t, ann, bob)
	trap, err := eve.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(trap.Addresses[0], "/")
	var text strings.Builder
	for i := range 50 {
		fmt.Fprintf(&text, "http://%s:%s/%d.png %s ", parts[2], parts[4], i, trap.Addresses[0])
	}
	if _, err := ann.Send(t.Context(), "@Bob", text.String(), "", 10*time.Second); err != nil {
		t.Fatal(err)
	}
	if _, _, err := bob.History(t.Context(), "@Ann", node.Page{}); err != nil {
		t.Fatal(err)
	}
	if _, err := bob.MarkRead(t.Context(), "@Ann", ""); err != nil {
		t.Fatal(err)
	}
	// The receipt comes back after all that the message could have set off.
	ann.until(1, "the receipt", func(n node.News) bool { return n.Message != nil && n.Message.State == node.StateRead })
	peers, err := eve.Peers(t.Context())
	if err != nil || len(peers) != 0 {
		t.Fatalf("somebody has connected to an address that a message named: %v, %v", peers, err)
	}
}
