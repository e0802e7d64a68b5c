package node

import (
	"fmt"
	"testing"
	"time"

	"github.com/multiformats/go-multiaddr"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/vault"
)

// TestInviteQR: however many addresses an invite has, its code is narrower
// than 80 columns, and leads to the same account by the best of them.
func TestInviteQR(t *testing.T) {
	t.Parallel()
	secrets, err := vault.NewAccount("Somebody with quite a long name 👩‍👩‍👧‍👦", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	device, err := secrets.Device()
	if err != nil {
		t.Fatal(err)
	}
	n := &Node{self: device}
	for many := range identity.MaxInviteAddresses + 1 {
		i := identity.Invite{Name: secrets.Name, Secret: secrets.Discovery, Token: [16]byte{1}}
		for k := range many {
			i.Addresses = append(i.Addresses, multiaddr.StringCast(fmt.Sprintf("/ip6/2001:db8::%d/udp/4177/quic-v1/p2p/%s", k, device.ID().Peer())))
		}
		link, err := i.Sign(device)
		if err != nil {
			t.Fatal(err)
		}
		qr := n.InviteQR(link)
		if qr == "" || len(qr) > maxQR {
			t.Fatalf("%d addresses: %d characters", many, len(qr))
		}
		got, err := identity.ParseInvite(qr)
		if err != nil || got.Account() != device.Account() || got.Secret != i.Secret || got.Token != i.Token {
			t.Fatalf("%d addresses: %v, %v", many, got, err)
		}
		if many > 0 && (len(got.Addresses) == 0 || !got.Addresses[0].Equal(i.Addresses[0])) {
			t.Errorf("of %d addresses these are left: %v", many, got.Addresses)
		}
	}
	if n.InviteQR("kith:nonsense") != "" {
		t.Error("nonsense is an invite")
	}
}
