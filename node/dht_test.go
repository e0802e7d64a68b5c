package node_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kith-chat/kith/node"
)

// hubs starts nodes of a private DHT that know each other, and returns their
// addresses.
func hubs(t *testing.T, n int) []string {
	t.Helper()
	var all []string
	for range n {
		entry := all
		h := newPersonWith(t, "Hub", func(c *node.Config) { c.DHT, c.Bootstrap = "private", entry })
		s, err := h.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s.Addresses[0])
	}
	return all
}

// TestStranger_NoAddress: two people who share only a DHT meet by an invite
// that carries no address; a third, who knows the account ID alone, learns no
// address, from the DHT or from the node itself.
func TestStranger_NoAddress(t *testing.T) {
	t.Parallel()
	entry := hubs(t, 4)
	private := func(c *node.Config) { c.DHT, c.Bootstrap = "private", entry }
	offline := func(c *node.Config) { c.Offline = true }

	bob := newPersonWith(t, "Bob", offline)
	self, err := bob.Self(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := bob.Close(); err != nil {
		t.Fatal(err)
	}
	bob.set = private
	bob.open()
	ann, eve := newPersonWith(t, "Ann", private), newPersonWith(t, "Eve", private)
	if _, err := ann.AddFriend(t.Context(), self.Invite, ""); err != nil {
		t.Fatal(err)
	}
	bob.become("Ann", node.FriendIncoming)
	if _, err := bob.AcceptFriend(t.Context(), "Ann"); err != nil {
		t.Fatal(err)
	}
	ann.become("Bob", node.FriendYes)
	if _, err := ann.Send(t.Context(), "@Bob", "found you", "", 15*time.Second); err != nil {
		t.Fatal(err)
	}

	status, err := bob.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := eve.AddFriend(t.Context(), self.Account.String(), "let me in"); err != nil {
		t.Fatal(err)
	}
	err = eve.Diagnose(t.Context(), self.Account.String(), func(s node.Step) error {
		for _, a := range status.Addresses {
			if strings.Contains(s.Detail, a) || strings.Contains(s.Detail, self.Device.String()) {
				t.Errorf("a stranger learns %q", s.Detail)
			}
		}
		return nil
	})
	if !errors.Is(err, node.ErrOffline) {
		t.Fatalf("a stranger looks for Bob: %v", err)
	}
	// Even one who stumbles upon the address is not told whose it is.
	peer, err := eve.Connect(t.Context(), status.Addresses[0])
	if err != nil {
		t.Fatal(err)
	}
	if peer.Person != nil {
		t.Fatalf("a stranger is told that the address is %s's", peer.Person.Name)
	}
	if got := bob.state("Eve"); got != node.FriendNone {
		t.Fatalf("the request of a stranger without an invite arrived: %v", got)
	}
}
