package node_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kith-chat/kith/identity/vault"
	"github.com/kith-chat/kith/node"
)

// person is somebody with a profile and, while it is open, a node on loopback.
type person struct {
	t    testing.TB
	name string
	home string
	v    *vault.Vault
	set  func(*node.Config) // what differs from the usual; may be nil
	*node.Node
}

func newPerson(t testing.TB, name string) *person {
	t.Helper()
	return newPersonWith(t, name, nil)
}

func newPersonWith(t testing.TB, name string, set func(*node.Config)) *person {
	t.Helper()
	p := &person{t: t, name: name, home: filepath.Join(t.TempDir(), name), set: set}
	s, err := vault.NewAccount(name, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if p.v, err = vault.Create(vault.Options{Dir: p.home}, s); err != nil {
		t.Fatal(err)
	}
	p.open()
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("closing %s: %v", name, err)
		}
	})
	return p
}

func (p *person) open() {
	p.t.Helper()
	c := node.Config{
		Home: p.home, Vault: p.v, Version: "test", Listen: []string{"/ip4/127.0.0.1/tcp/0"}, DHT: "off",
		Receipts: true, AutoAccept: 1 << 20, Downloads: filepath.Join(p.home, "downloads"), MinFree: 1 << 20,
		Log: slog.New(slog.NewTextHandler(testLog{p.t, p.name}, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if p.set != nil {
		p.set(&c)
	}
	n, err := node.Open(context.Background(), c)
	if err != nil {
		p.t.Fatal(err)
	}
	p.Node = n
}

// testLog shows a node's log when the test fails.
type testLog struct {
	t    testing.TB
	name string
}

func (l testLog) Write(b []byte) (int, error) {
	if l.t.Context().Err() == nil {
		l.t.Logf("%s: %s", l.name, bytes.TrimSpace(b))
	}
	return len(b), nil
}

// until waits for news that fit.
func (p *person) until(cursor uint64, what string, fits func(node.News) bool) node.News {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 20*time.Second)
	defer cancel()
	var got node.News
	errFound := errors.New("found")
	err := p.Watch(ctx, cursor, true, func(n node.News) error {
		if fits(n) {
			got = n
			return errFound
		}
		return nil
	})
	if !errors.Is(err, errFound) {
		p.t.Fatalf("%s waits for %s: %v", p.name, what, err)
	}
	return got
}

func (p *person) state(who string) node.FriendState {
	p.t.Helper()
	all, err := p.Friends(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	for _, f := range all {
		if f.Person.Name == who {
			return f.State
		}
	}
	return node.FriendNone
}

// become waits until a friendship stands as it should.
func (p *person) become(who string, want node.FriendState) {
	p.t.Helper()
	if p.state(who) == want {
		return
	}
	p.until(1, fmt.Sprintf("%s to become %d", who, want), func(node.News) bool { return p.state(who) == want })
}

func befriend(t testing.TB, a, b *person) {
	t.Helper()
	self, err := b.Self(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.AddFriend(t.Context(), self.Invite, "it is me"); err != nil {
		t.Fatal(err)
	}
	b.become(a.name, node.FriendIncoming)
	if _, err := b.AcceptFriend(t.Context(), a.name); err != nil {
		t.Fatal(err)
	}
	a.become(b.name, node.FriendYes)
	b.become(a.name, node.FriendYes)
}

func TestFriendsChat(t *testing.T) {
	t.Parallel()
	ann, bob := newPerson(t, "Ann"), newPerson(t, "Bob")
	befriend(t, ann, bob)
	m, err := ann.Send(t.Context(), "@Bob", "hello Bob", "", 10*time.Second)
	if err != nil || m.State != node.StateDelivered {
		t.Fatalf("state %v, %v", m.State, err)
	}
	page, _, err := bob.History(t.Context(), "@Ann", node.Page{})
	if err != nil || len(page) != 1 || page[0].Text != "hello Bob" || page[0].From.Name != "Ann" {
		t.Fatalf("%+v, %v", page, err)
	}
	if c, err := bob.ChatInfo(t.Context(), "Ann"); err != nil || c.Unread != 1 {
		t.Fatalf("%d unread, %v", c.Unread, err)
	}
	if _, err := bob.MarkRead(t.Context(), "@Ann", ""); err != nil {
		t.Fatal(err)
	}
	ann.until(1, "the receipt", func(n node.News) bool { return n.Message != nil && n.Message.State == node.StateRead })

	if _, err := ann.Edit(t.Context(), m.ID.Short(), "hello dear Bob"); err != nil {
		t.Fatal(err)
	}
	bob.until(1, "the edit", func(n node.News) bool {
		return n.Message != nil && n.Message.Text == "hello dear Bob" && n.Message.Edited
	})
	if _, err := bob.React(t.Context(), m.ID.String(), "🎉", false); err != nil {
		t.Fatal(err)
	}
	ann.until(1, "the reaction", func(n node.News) bool { return n.Message != nil && len(n.Message.Reactions) == 1 })
	if _, err := bob.Edit(t.Context(), m.ID.String(), "not mine"); !errors.Is(err, node.ErrNotAllowed) {
		t.Fatalf("editing somebody else's message: %v", err)
	}
	if _, err := ann.Retract(t.Context(), m.ID.String()); err != nil {
		t.Fatal(err)
	}
	bob.until(1, "the retraction", func(n node.News) bool { return n.Message != nil && n.Message.Retracted && n.Message.Text == "" })
}

func TestMessagesWaitForSomebodyOffline(t *testing.T) {
	t.Parallel()
	ann, bob := newPerson(t, "Ann"), newPerson(t, "Bob")
	befriend(t, ann, bob)
	if err := bob.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := ann.Send(t.Context(), "@Bob", "later", "", 50*time.Millisecond); !errors.Is(err, node.ErrTimeout) {
		t.Fatalf("sending to somebody offline: %v", err)
	}
	if err := ann.Close(); err != nil {
		t.Fatal(err)
	}
	ann.open()
	bob.open() // on another port: Bob finds Ann, whose address has changed too
	self, err := bob.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ann.Connect(t.Context(), self.Addresses[0]); err != nil {
		t.Fatal(err)
	}
	bob.until(1, "the message", func(n node.News) bool { return n.Message != nil && n.Message.Text == "later" })
}

func TestStrangersAreRefused(t *testing.T) {
	t.Parallel()
	ann, bob := newPerson(t, "Ann"), newPerson(t, "Bob")
	befriend(t, ann, bob)
	if err := bob.RemoveFriend(t.Context(), "Ann"); err != nil {
		t.Fatal(err)
	}
	ann.become("Bob", node.FriendNone)
	if _, err := ann.Send(t.Context(), "@Bob", "still there?", "", time.Second); !errors.Is(err, node.ErrNotAllowed) {
		t.Fatalf("writing to somebody who has ended it: %v", err)
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	ann, bob := newPerson(t, "Ann"), newPerson(t, "Bob")
	befriend(t, ann, bob)
	path := filepath.Join(t.TempDir(), "picture.bin")
	content := make([]byte, 3<<20)
	_, _ = rand.Read(content)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	m, _, err := ann.OfferFile(t.Context(), "@Bob", path, "look", "", "")
	if err != nil {
		t.Fatal(err)
	}
	bob.until(1, "the offer", func(n node.News) bool { return n.Transfer != nil })
	to := t.TempDir()
	if _, err := bob.GetFile(t.Context(), m.ID.String(), to); err != nil {
		t.Fatal(err)
	}
	done := func() bool {
		all, err := bob.Files(t.Context(), "")
		return err == nil && len(all) == 1 && all[0].State == node.TransferDone
	}
	if !done() {
		bob.until(1, "the file", func(node.News) bool { return done() })
	}
	got, err := os.ReadFile(filepath.Join(to, "picture.bin"))
	if err != nil || !bytes.Equal(got, content) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
}

func TestGroup(t *testing.T) {
	t.Parallel()
	ann, bob := newPerson(t, "Ann"), newPerson(t, "Bob")
	for _, p := range []*person{ann, bob} {
		if _, err := p.Join(t.Context(), "#Lobby", false); err != nil {
			t.Fatal(err)
		}
	}
	s, err := bob.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m, err := ann.Send(t.Context(), "#lobby", "anybody here?", "", 0)
	if err != nil || m.State != node.StateQueued {
		t.Fatalf("state %v, %v", m.State, err)
	}
	if _, err := ann.Connect(t.Context(), s.Addresses[0]); err != nil {
		t.Fatal(err)
	}
	news := bob.until(1, "the message", func(n node.News) bool { return n.Message != nil && n.Message.Text == "anybody here?" })
	bob.until(1, "Ann's name", func(node.News) bool {
		m, err := bob.Message(t.Context(), news.Message.ID.String())
		return err == nil && m.From.Name == "Ann"
	})
	ann.until(1, "the message to be sent", func(n node.News) bool { return n.Message != nil && n.Message.State == node.StateSent })
	var out strings.Builder
	if err := bob.Export(t.Context(), "#lobby", "jsonl", &out); err != nil || !strings.Contains(out.String(), "anybody here?") {
		t.Fatalf("%s, %v", out.String(), err)
	}
	if err := bob.Export(t.Context(), "", "markdown", io.Discard); err != nil {
		t.Fatal(err)
	}
	found, _, err := bob.Search(t.Context(), "anybody", "", 10, "")
	if err != nil || len(found) != 1 {
		t.Fatalf("%d found, %v", len(found), err)
	}
}
