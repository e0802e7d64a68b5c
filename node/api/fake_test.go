package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node"
	"github.com/kith-chat/kith/node/api/client"
)

// fakeNode answers everything from memory.
type fakeNode struct {
	err   error // of every method, if it is set
	panic bool  // in every method

	mu    sync.Mutex
	calls []string
	news  []node.News
	more  chan struct{} // closed and replaced when there is news
	done  chan struct{}
	state node.State // of what is sent
	err2  error      // of Send, together with a message
}

func newFake() *fakeNode {
	return &fakeNode{more: make(chan struct{}), done: make(chan struct{}), state: node.StateQueued}
}

// note records a call and returns what it answers.
func (f *fakeNode) note(format string, args ...any) error {
	if f.panic {
		panic(fmt.Sprintf("the secret is %s", planted))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
	return f.err
}

// last returns the last call, as it was noted.
func (f *fakeNode) last() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.calls) == 0 {
		return ""
	}
	return f.calls[len(f.calls)-1]
}

func (f *fakeNode) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.calls)
}

// happen adds news.
func (f *fakeNode) happen(n node.News) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n.Cursor = uint64(len(f.news) + 1)
	f.news = append(f.news, n)
	close(f.more)
	f.more = make(chan struct{})
}

const planted = "hunter2-swordfish"

func somebody() node.Person {
	return node.Person{Account: identity.AccountID{1}, Name: "bob", OwnName: "Robert"}
}

func something() node.Message {
	return node.Message{
		ID: event.ID{7}, Chat: "#lobby", Kind: event.KindText, From: somebody(), Text: "hello",
		Time: time.UnixMilli(1_800_000_000_000), State: node.StateReceived, Position: 3,
	}
}

func (f *fakeNode) Status(context.Context) (node.Status, error) {
	return node.Status{Version: "1.2", Home: "/home/ann", Peers: 3}, f.note("status")
}

func (f *fakeNode) Self(context.Context) (node.Self, error) {
	return node.Self{Account: identity.AccountID{2}, Name: "ann", Invite: "kith:standing", Devices: []node.DeviceInfo{{This: true}}}, f.note("self")
}

func (f *fakeNode) SetName(_ context.Context, name string) (string, error) {
	return name, f.note("set name %s", name)
}

func (f *fakeNode) InviteQR(link string) string { return strings.ToUpper(link) }

func (f *fakeNode) CreateInvite(_ context.Context, valid time.Duration) (string, string, error) {
	return "kith:link", "token", f.note("create invite %v", valid)
}

func (f *fakeNode) Invites(context.Context) ([]node.InviteInfo, error) {
	return []node.InviteInfo{{Token: "token", Created: time.UnixMilli(5)}}, f.note("invites")
}

func (f *fakeNode) RevokeInvite(_ context.Context, token string) error {
	return f.note("revoke %s", token)
}

func (f *fakeNode) Peers(context.Context) ([]node.Peer, error) {
	p := somebody()
	return []node.Peer{{Device: "12D3", Person: &p, RTT: 1500 * time.Microsecond}, {Device: "12D4"}}, f.note("peers")
}

func (f *fakeNode) Connect(_ context.Context, address string) (node.Peer, error) {
	return node.Peer{Device: "12D3"}, f.note("connect %s", address)
}

func (f *fakeNode) Diagnose(_ context.Context, who string, step func(node.Step) error) error {
	if err := f.note("diagnose %s", who); err != nil {
		return err
	}
	return step(node.Step{What: "looked", OK: true, Detail: "here"})
}

func (f *fakeNode) Watch(ctx context.Context, cursor uint64, ephemeral bool, yield func(node.News) error) error {
	if err := f.note("watch %d %t", cursor, ephemeral); err != nil {
		return err
	}
	f.mu.Lock()
	if cursor == 0 {
		cursor = uint64(len(f.news))
		f.mu.Unlock()
		if err := yield(node.News{Cursor: cursor}); err != nil {
			return err
		}
		f.mu.Lock()
	}
	f.mu.Unlock()
	for {
		f.mu.Lock()
		more := f.more
		var next []node.News
		if cursor < uint64(len(f.news)) {
			next = f.news[cursor:]
		}
		f.mu.Unlock()
		for _, n := range next {
			if err := yield(n); err != nil {
				return err
			}
			cursor = n.Cursor
		}
		if len(next) > 0 {
			continue
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil
		case <-f.done:
			return node.ErrClosed
		}
	}
}

func (f *fakeNode) Friends(context.Context) ([]node.Friend, error) {
	return []node.Friend{{Person: somebody(), State: node.FriendYes}}, f.note("friends")
}

func (f *fakeNode) friend(format string, args ...any) (node.Friend, error) {
	return node.Friend{Person: somebody(), State: node.FriendYes}, f.note(format, args...)
}

func (f *fakeNode) AddFriend(_ context.Context, who, note string) (node.Friend, error) {
	return f.friend("add %s %s", who, note)
}

func (f *fakeNode) AcceptFriend(_ context.Context, who string) (node.Friend, error) {
	return f.friend("accept %s", who)
}

func (f *fakeNode) DeclineFriend(_ context.Context, who string) error {
	return f.note("decline %s", who)
}

func (f *fakeNode) RemoveFriend(_ context.Context, who string) error { return f.note("remove %s", who) }

func (f *fakeNode) BlockFriend(_ context.Context, who string) (node.Friend, error) {
	return f.friend("block %s", who)
}

func (f *fakeNode) UnblockFriend(_ context.Context, who string) error {
	return f.note("unblock %s", who)
}

func (f *fakeNode) RenameFriend(_ context.Context, who, name string) (node.Friend, error) {
	return f.friend("rename %s %s", who, name)
}

func (f *fakeNode) VerifyFriend(_ context.Context, who string, verified, showOnly bool) (node.Friend, error) {
	return f.friend("verify %s %t %t", who, verified, showOnly)
}

func (f *fakeNode) FindPeople(_ context.Context, name string) ([]node.FoundPerson, error) {
	return []node.FoundPerson{{Person: somebody(), Where: "lan"}}, f.note("find %s", name)
}

func (f *fakeNode) chat(format string, args ...any) (node.Chat, error) {
	m := something()
	return node.Chat{Ref: "#lobby", Kind: node.ChatPublic, Name: "lobby", Last: &m, Joined: true}, f.note(format, args...)
}

func (f *fakeNode) Chats(context.Context) ([]node.Chat, error) {
	c, err := f.chat("chats")
	return []node.Chat{c}, err
}

func (f *fakeNode) ChatInfo(_ context.Context, ref string) (node.Chat, error) {
	return f.chat("chat %s", ref)
}

func (f *fakeNode) Join(_ context.Context, name string, raw bool) (node.Chat, error) {
	return f.chat("join %s %t", name, raw)
}

func (f *fakeNode) Leave(_ context.Context, ref string, forget bool) error {
	return f.note("leave %s %t", ref, forget)
}

func (f *fakeNode) Members(_ context.Context, ref string) ([]node.Member, error) {
	return []node.Member{{Person: somebody(), Online: true}}, f.note("members %s", ref)
}

func (f *fakeNode) SetChat(_ context.Context, ref string, c node.ChatChange) (node.Chat, error) {
	return f.chat("set chat %s muted=%t pinned=%t days=%t draft=%t", ref, c.Muted != nil, c.Pinned != nil, c.RetentionDays != nil, c.Draft != nil)
}

func (f *fakeNode) Send(_ context.Context, ref, text, replyTo string, wait time.Duration) (node.Message, error) {
	if err := f.note("send %s %q %s %v", ref, text, replyTo, wait); err != nil {
		return node.Message{}, err
	}
	m := something()
	m.Text, m.State = text, f.state
	return m, f.err2
}

func (f *fakeNode) message(format string, args ...any) (node.Message, error) {
	return something(), f.note(format, args...)
}

func (f *fakeNode) Edit(_ context.Context, id, text string) (node.Message, error) {
	return f.message("edit %s %s", id, text)
}

func (f *fakeNode) Retract(_ context.Context, id string) (node.Message, error) {
	return f.message("retract %s", id)
}

func (f *fakeNode) React(_ context.Context, id, emoji string, remove bool) (node.Message, error) {
	return f.message("react %s %s %t", id, emoji, remove)
}

func (f *fakeNode) Message(_ context.Context, id string) (node.Message, error) {
	return f.message("message %s", id)
}

func (f *fakeNode) History(_ context.Context, ref string, p node.Page) ([]node.Message, bool, error) {
	return []node.Message{something()}, true, f.note("history %s before=%s after=%s since=%d until=%d limit=%d",
		ref, p.Before, p.After, millis(p.Since), millis(p.Until), p.Limit)
}

func (f *fakeNode) Search(_ context.Context, query, ref string, limit int, before string) ([]node.Message, bool, error) {
	return []node.Message{something()}, false, f.note("search %s %s %d %s", query, ref, limit, before)
}

func (f *fakeNode) MarkRead(_ context.Context, ref, upTo string) (node.Chat, error) {
	return f.chat("read %s %s", ref, upTo)
}

func (f *fakeNode) Export(_ context.Context, ref, format string, w io.Writer) error {
	if err := f.note("export %s %s", ref, format); err != nil {
		return err
	}
	for i := range 20_000 {
		if _, err := fmt.Fprintf(w, "line %d\n", i); err != nil {
			return err
		}
	}
	return nil
}

func (f *fakeNode) OfferFile(_ context.Context, ref, path, caption, replyTo, name string) (node.Message, node.Transfer, error) {
	return something(), node.Transfer{ID: event.ID{7}, State: node.TransferShared}, f.note("offer %s %s %s %s %s", ref, path, caption, replyTo, name)
}

func (f *fakeNode) Files(_ context.Context, ref string) ([]node.Transfer, error) {
	return []node.Transfer{{ID: event.ID{7}, Name: "f", State: node.TransferDone, From: somebody()}}, f.note("files %s", ref)
}

func (f *fakeNode) GetFile(_ context.Context, id, to string) (node.Transfer, error) {
	return node.Transfer{ID: event.ID{7}, State: node.TransferRunning}, f.note("get %s %s", id, to)
}

func (f *fakeNode) ReadFile(_ context.Context, id string, offset, limit uint64, yield func(node.Transfer, []byte) error) error {
	if err := f.note("read %s %d %d", id, offset, limit); err != nil {
		return err
	}
	return yield(node.Transfer{Size: 3, MediaType: "image/png"}, []byte("abc"))
}

func (f *fakeNode) CancelFile(_ context.Context, id string) (node.Transfer, error) {
	return node.Transfer{ID: event.ID{7}, State: node.TransferCancelled}, f.note("cancel %s", id)
}

// quiet is a log that nobody reads.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// newHome returns a folder that is its owner's alone.
func newHome(t testing.TB) string {
	t.Helper()
	home := filepath.Join(t.TempDir(), "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	return home
}

// serve runs a server until the test ends.
func serve(t testing.TB, c Config) *Server {
	t.Helper()
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Run(context.Background()) }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s
}

// attach returns a client that speaks to the server from inside the process.
func attach(t testing.TB, s *Server) *client.Client {
	t.Helper()
	c := &client.Client{Dial: s.Dial}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func (f *fakeNode) Preferences(context.Context) (map[string]string, error) {
	return map[string]string{"theme": "light"}, f.note("preferences")
}

func (f *fakeNode) SetPreference(_ context.Context, name, value string) error {
	return f.note("set preference %s %s", name, value)
}

func (f *fakeNode) Ignore(_ context.Context, who string, remove bool) error {
	return f.note("ignore %s %v", who, remove)
}

func (f *fakeNode) Ignored(context.Context) ([]node.Person, []string, error) {
	return nil, nil, f.note("ignored")
}

func (f *fakeNode) SetHiddenWords(_ context.Context, words []string) ([]string, error) {
	return words, f.note("hidden words %q", words)
}

func (f *fakeNode) Completeness(_ context.Context, ref string) (node.Completeness, error) {
	return node.Completeness{}, f.note("completeness %s", ref)
}

func (f *fakeNode) SignalTyping(_ context.Context, ref string, stopped bool) error {
	return f.note("typing %s %v", ref, stopped)
}

func (f *fakeNode) Devices(context.Context) ([]node.DeviceInfo, error) {
	return []node.DeviceInfo{{Name: "laptop", This: true}}, f.note("devices")
}

func (f *fakeNode) LinkDevice(_ context.Context, step func(node.LinkStep) error) error {
	if err := f.note("link device"); err != nil {
		return err
	}
	return errors.Join(step(node.LinkStep{ID: "1", Code: "kithlink:x"}), step(node.LinkStep{ID: "1", Linked: true}))
}

func (f *fakeNode) ConfirmDevice(_ context.Context, id string, agree bool) error {
	return f.note("confirm device %s %v", id, agree)
}

func (f *fakeNode) RenameDevice(_ context.Context, device, name string) (node.DeviceInfo, error) {
	return node.DeviceInfo{Name: name}, f.note("rename device %s %s", device, name)
}

func (f *fakeNode) RevokeDevice(_ context.Context, device string) error {
	return f.note("revoke device %s", device)
}

func (f *fakeNode) Receipts(_ context.Context, id string) ([]node.Receipt, error) {
	return nil, f.note("receipts %s", id)
}
