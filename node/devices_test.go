package node_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/vault"
	"github.com/kith-chat/kith/node"
	"github.com/kith-chat/kith/node/link"
)

// linkTo makes a second device of p's account, as kith init --link does.
func linkTo(t *testing.T, p *person, device string) *person {
	t.Helper()
	var seed [32]byte
	_, _ = rand.Read(seed[:])
	second := &person{t: t, name: p.name, home: filepath.Join(t.TempDir(), device), set: p.set}
	codes, shown := make(chan string, 1), make(chan []string, 1)
	done := make(chan error, 1)
	go func() {
		done <- p.LinkDevice(t.Context(), func(s node.LinkStep) error {
			switch {
			case s.Code != "":
				codes <- s.Code
			case len(s.Words) > 0:
				shown <- s.Words
				return p.ConfirmDevice(t.Context(), s.ID, s.Name == device)
			}
			return nil
		})
	}()
	var text string
	select {
	case text = <-codes:
	case err := <-done:
		t.Fatal(err)
	}
	code, err := identity.ParseLinkCode(text)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(_ context.Context, _ string, words []string) (bool, error) {
		return slices.Equal(words, <-shown), nil
	}
	for { // the old device may not listen yet
		err = link.Join(t.Context(), code, ed25519.NewKeyFromSeed(seed[:]), device, ask, func(g link.Grant) error {
			s, err := vault.Linked(g.Name, g.Entropy, seed, g.Discovery, g.Certificate, g.Devices, time.Now())
			if err != nil {
				return err
			}
			second.v, err = vault.Create(vault.Options{Dir: second.home}, s)
			return err
		})
		if err == nil || !strings.Contains(err.Error(), "does not wait") {
			break
		}
	}
	if err := errors.Join(err, <-done); err != nil {
		t.Fatal(err)
	}
	second.open()
	if err := second.NoteOwnDevice(t.Context(), code.Device, code.Addresses); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := second.Close(); err != nil {
			t.Errorf("closing %s: %v", device, err)
		}
	})
	return second
}

// TestLinkDevice: a second device has the account, both find each other, and
// a revoked one is off the list everywhere.
func TestLinkDevice(t *testing.T) {
	t.Parallel()
	desk, bob := newPerson(t, "Ann"), newPerson(t, "Bob")
	befriend(t, desk, bob)
	laptop := linkTo(t, desk, "laptop")
	a, err := desk.Self(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, err := laptop.Self(t.Context())
	if err != nil || b.Account != a.Account || b.Device == a.Device || b.Name != "Ann" {
		t.Fatalf("%+v, %v", b, err)
	}
	s, err := desk.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := laptop.Connect(t.Context(), s.Addresses[0]); err != nil {
		t.Fatal(err)
	}
	both := func(p *person, online bool) bool {
		all, err := p.Devices(t.Context())
		return err == nil && len(all) == 2 && all[0].This && all[1].Online == online
	}
	eventually(t, "the devices to see each other", func() bool { return both(desk, true) && both(laptop, true) })
	if d, err := desk.RenameDevice(t.Context(), "laptop", "old laptop"); err != nil || d.Name != "old laptop" {
		t.Fatalf("%+v, %v", d, err)
	}
	eventually(t, "the new name to arrive", func() bool {
		all, err := laptop.Devices(t.Context())
		return err == nil && all[0].Name == "old laptop"
	})
	if err := desk.RevokeDevice(t.Context(), a.Device.String()); !errors.Is(err, node.ErrNotAllowed) {
		t.Fatalf("a device revokes itself: %v", err)
	}
	if err := desk.RevokeDevice(t.Context(), "no such device"); !errors.Is(err, node.ErrNotFound) {
		t.Fatal(err)
	}
	if err := desk.RevokeDevice(t.Context(), "old laptop"); err != nil {
		t.Fatal(err)
	}
	if all, err := desk.Devices(t.Context()); err != nil || len(all) != 1 {
		t.Fatalf("%+v, %v", all, err)
	}
}

// eventually waits for what comes by messages of the network; there is no news
// to wait for.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// TestOwnDevices: a second device gets the friends, the groups, what was said
// and what was set, and what is said or set on either is on both.
func TestOwnDevices(t *testing.T) {
	t.Parallel()
	desk, bob := newPerson(t, "Ann"), newPerson(t, "Bob")
	befriend(t, desk, bob)
	if _, err := desk.Join(t.Context(), "lobby", false); err != nil {
		t.Fatal(err)
	}
	if _, err := desk.Send(t.Context(), "@Bob", "from the desk", "", 10*time.Second); err != nil {
		t.Fatal(err)
	}
	if _, err := bob.Send(t.Context(), "@Ann", "from Bob", "", 10*time.Second); err != nil {
		t.Fatal(err)
	}
	if _, err := desk.RenameFriend(t.Context(), "Bob", "Bobby"); err != nil {
		t.Fatal(err)
	}
	laptop := linkTo(t, desk, "laptop")
	meet(t, laptop, desk)
	says := func(p *person, chat string, want ...string) func() bool {
		return func() bool {
			page, _, err := p.History(t.Context(), chat, node.Page{})
			var got []string
			for _, m := range page {
				got = append(got, m.Text)
			}
			return err == nil && slices.Equal(got, want)
		}
	}
	eventually(t, "the friend to be there", func() bool { return laptop.state("Bobby") == node.FriendYes })
	eventually(t, "what was said to be there", says(laptop, "@Bobby", "from the desk", "from Bob"))
	eventually(t, "the group to be there", func() bool {
		c, err := laptop.ChatInfo(t.Context(), "#lobby")
		return err == nil && c.Joined
	})
	page, _, err := laptop.History(t.Context(), "@Bobby", node.Page{})
	if err != nil || !page[0].From.Self || page[1].From.Self {
		t.Fatalf("who said what: %+v, %v", page, err)
	}
	// Read on one is read on both, and a message of the one is mine on the other.
	if _, err := laptop.MarkRead(t.Context(), "@Bobby", ""); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the read position", func() bool {
		c, err := desk.ChatInfo(t.Context(), "@Bobby")
		return err == nil && c.Unread == 0
	})
	meet(t, laptop, bob)
	if _, err := laptop.Send(t.Context(), "@Bobby", "from the laptop", "", 15*time.Second); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it to be on the desk", says(desk, "@Bobby", "from the desk", "from Bob", "from the laptop"))
	if c, err := desk.ChatInfo(t.Context(), "@Bobby"); err != nil || c.Unread != 0 {
		t.Fatalf("our own message counts as unread: %d, %v", c.Unread, err)
	}
	// What is set on one holds on both.
	if err := laptop.SetPreference(t.Context(), "theme", "light"); err != nil {
		t.Fatal(err)
	}
	on := true
	if _, err := desk.SetChat(t.Context(), "#lobby", node.ChatChange{Muted: &on}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the preference", func() bool {
		all, err := desk.Preferences(t.Context())
		return err == nil && all["theme"] == "light"
	})
	eventually(t, "the mute", func() bool {
		c, err := laptop.ChatInfo(t.Context(), "#lobby")
		return err == nil && c.Muted
	})
	if err := desk.Leave(t.Context(), "#lobby", false); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the group to be left", func() bool {
		c, err := laptop.ChatInfo(t.Context(), "#lobby")
		return err == nil && !c.Joined
	})
	if err := desk.RevokeDevice(t.Context(), "laptop"); err != nil {
		t.Fatal(err)
	}
	if _, err := laptop.Send(t.Context(), "@Bobby", "still me", "", 3*time.Second); err == nil {
		page, _, err := bob.History(t.Context(), "@Ann", node.Page{})
		if err != nil || slices.ContainsFunc(page, func(m node.Message) bool { return m.Text == "still me" }) {
			t.Fatalf("a revoked device is heard: %v", err)
		}
	}
}

// meet connects a to b.
func meet(t *testing.T, a, b *person) {
	t.Helper()
	s, err := b.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Connect(t.Context(), s.Addresses[0]); err != nil {
		t.Fatal(err)
	}
}
