package store_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/store"
)

// person is somebody with a device, for tests.
func person(t testing.TB) *identity.Device {
	t.Helper()
	var seed [32]byte
	_, _ = rand.Read(seed[:])
	_, priv, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := identity.Certify(identity.NewAccountKey(seed), identity.DeviceID(priv.Public().(ed25519.PublicKey)), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	d, err := identity.NewDevice(priv, cert)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// speaker makes the events of one device in one chat.
type speaker struct {
	t    testing.TB
	dev  *identity.Device
	chat event.ConversationID
	seq  uint64
	prev event.ID
}

func (s *speaker) say(at time.Time, b event.Body, parents ...event.ID) *event.Event {
	s.t.Helper()
	s.seq++
	e, err := event.Sign(s.dev, event.Header{
		Conversation: s.chat, Sequence: s.seq, Previous: s.prev, Time: event.TimeOf(at), Parents: parents,
	}, b)
	if err != nil {
		s.t.Fatal(err)
	}
	s.prev = e.ID()
	return e
}

// world is a store of ann's with a chat with bob and a group.
type world struct {
	t        testing.TB
	ann, bob *identity.Device
	opts     store.Options
	s        *store.Store
	direct   store.Chat
	group    store.Chat
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, ann: person(t), bob: person(t)}
	w.opts = store.Options{Dir: t.TempDir(), Self: w.ann.Account(), MinFree: 1, Ballast: -1, Log: slog.New(slog.DiscardHandler)}
	_, _ = rand.Read(w.opts.Key[:])
	w.direct = store.Chat{ID: event.Direct(w.ann.Account(), w.bob.Account()), Kind: store.Direct, Peer: w.bob.Account(), Joined: true}
	w.group = store.Chat{ID: event.Public("lobby"), Kind: store.Public, Name: "lobby", Joined: true}
	w.open()
	t.Cleanup(func() { _ = w.s.Close() })
	for _, c := range []store.Chat{w.direct, w.group} {
		if err := w.s.PutChat(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func (w *world) open() {
	w.t.Helper()
	s, err := store.Open(context.Background(), w.opts)
	if err != nil {
		w.t.Fatal(err)
	}
	w.s = s
}

func (w *world) reopen() {
	w.t.Helper()
	if err := w.s.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.open()
}

func (w *world) send(text string) store.Entry {
	w.t.Helper()
	e, err := w.s.PutOutgoing(w.t.Context(), w.outgoing(event.Text{Text: text}))
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

func (w *world) outgoing(b event.Body) store.Outgoing {
	return store.Outgoing{Chat: w.direct.ID, To: []identity.AccountID{w.bob.Account()}, Sign: func(p store.Slot) (*event.Event, error) {
		return event.Sign(w.ann, event.Header{
			Conversation: w.direct.ID, Sequence: p.Sequence, Previous: p.Previous, Parents: p.Parents, Time: p.Time,
		}, b)
	}}
}

func (w *world) take(events ...*event.Event) []store.Outcome {
	w.t.Helper()
	for _, e := range events {
		if e.Author().IsZero() {
			if err := e.Verify(nil); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	out, err := w.s.PutIncoming(w.t.Context(), events)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *world) history(n int) []store.Entry {
	w.t.Helper()
	out, _, err := w.s.History(w.t.Context(), w.direct.ID, store.Page{Limit: n})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *world) chat() store.Chat {
	w.t.Helper()
	c, err := w.s.Chat(w.t.Context(), w.direct.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func text(e store.Entry) string {
	b, err := e.Event.Body()
	if err != nil || b == nil {
		return ""
	}
	return b.(event.Text).Text
}

func TestOutboxSurvivesAndEndsWithTheAck(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var ids []event.ID
	for i := range 10 {
		ids = append(ids, w.send(fmt.Sprintf("message %d", i)).Event.ID())
	}
	w.reopen()
	rows, err := w.s.Outbox(t.Context(), w.bob.Account(), 0, 100)
	if err != nil || len(rows) != 10 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for i, r := range rows {
		if r.ID != ids[i] {
			t.Fatalf("row %d is another event", i)
		}
	}
	if err := w.s.PutAck(t.Context(), w.bob.Account(), []store.Ack{{ID: ids[0]}, {ID: ids[1], Refused: "no"}}); err != nil {
		t.Fatal(err)
	}
	if rows, _ = w.s.Outbox(t.Context(), w.bob.Account(), 0, 100); len(rows) != 8 {
		t.Fatalf("%d rows after two answers", len(rows))
	}
	got := w.history(100)
	if got[0].State != store.Delivered || got[1].State != store.Refused || got[1].Refused != "no" || got[2].State != store.Queued {
		t.Fatalf("states %v %v %v", got[0].State, got[1].State, got[2].State)
	}
	accounts, err := w.s.OutboxAccounts(t.Context())
	if err != nil || len(accounts) != 1 || accounts[0] != w.bob.Account() {
		t.Fatalf("accounts %v, %v", accounts, err)
	}
}

func TestHistoryPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 25 {
		w.send(fmt.Sprint(i))
	}
	var before *store.Place
	var all []string
	for {
		page, more, err := w.s.History(t.Context(), w.direct.ID, store.Page{Limit: 10, Before: before})
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, e := range page {
			texts = append(texts, text(e))
		}
		all = append(texts, all...)
		if !more {
			break
		}
		before = &store.Place{Effective: page[0].Effective, ID: page[0].Event.ID()}
	}
	if len(all) != 25 || all[0] != "0" || all[24] != "24" {
		t.Fatalf("pages give %v", all)
	}
	id := w.history(1)[0].Event.ID()
	if got, err := w.s.Resolve(t.Context(), id.Short()); err != nil || got != id {
		t.Fatalf("shortened ID: %v", err)
	}
	for n := 4; n <= 52; n++ {
		if got, err := w.s.Resolve(t.Context(), id.String()[:n]); err != nil || got != id {
			t.Fatalf("%d characters: %v", n, err)
		}
	}
	if _, err := w.s.Resolve(t.Context(), "aaaaaaaaaa"); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("an unknown ID: %v", err)
	}
}

func TestUnreadFollowsArrival(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bob := &speaker{t: t, dev: w.bob, chat: w.direct.ID}
	now := time.Now()
	first := bob.say(now, event.Text{Text: "one"})
	backdated := bob.say(now.Add(-48*time.Hour), event.Text{Text: "old", Mentions: []identity.AccountID{w.ann.Account()}})
	w.take(first, backdated)
	if c := w.chat(); c.Unread != 2 || c.Mentions != 1 {
		t.Fatalf("%d unread, %d mentions", c.Unread, c.Mentions)
	}
	if _, err := w.s.MarkRead(t.Context(), w.direct.ID, first.ID()); err != nil {
		t.Fatal(err)
	}
	if c := w.chat(); c.Unread != 1 || c.Mentions != 1 {
		t.Fatalf("after reading the first: %d unread", c.Unread)
	}
	got := w.history(10)
	if text(got[0]) != "old" || !got[0].Late {
		t.Fatalf("the backdated event stands at %q, late %v", text(got[0]), got[0].Late)
	}
	if _, err := w.s.MarkRead(t.Context(), w.direct.ID, backdated.ID()); err != nil {
		t.Fatal(err)
	}
	if c := w.chat(); c.Unread != 0 || c.Mentions != 0 {
		t.Fatalf("after reading all: %d unread", c.Unread)
	}
}

// TestReplay_AfterTTL: what was here once is a duplicate at any later time.
func TestReplay_AfterTTL(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bob := &speaker{t: t, dev: w.bob, chat: w.direct.ID}
	e := bob.say(time.Now(), event.Text{Text: "once"})
	if got := w.take(e)[0].Result; got != store.Taken {
		t.Fatalf("got %v", got)
	}
	w.reopen()
	if got := w.take(e)[0].Result; got != store.Duplicate {
		t.Fatalf("got %v", got)
	}
	if len(w.history(10)) != 1 || w.chat().Events != 1 {
		t.Fatal("it is there twice")
	}
}

// TestClockSkew: whatever an author's clock says, the order is sound and
// nothing of the far future is shown.
func TestClockSkew(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, at := range map[string]time.Time{
		"5 minutes ahead":  now.Add(5 * time.Minute),
		"5 minutes behind": now.Add(-5 * time.Minute),
		"a year behind":    now.AddDate(-1, 0, 0),
		"zero":             time.Unix(0, 0),
	} {
		w := newWorld(t)
		question := w.send("question?")
		bob := &speaker{t: t, dev: w.bob, chat: w.direct.ID}
		answer := bob.say(at, event.Text{Text: "answer"}, question.Event.ID())
		if got := w.take(answer)[0].Result; got != store.Taken {
			t.Fatalf("%s: %v", name, got)
		}
		if h := w.history(10); text(h[1]) != "answer" {
			t.Errorf("%s: the answer stands before its question", name)
		}
		next := w.send("next")
		if ahead := time.Until(next.Event.Header().Time.Wall()); ahead > event.MaxFollow+time.Second {
			t.Errorf("%s: our clock follows by %v", name, ahead)
		}
	}
	w := newWorld(t)
	bob := &speaker{t: t, dev: w.bob, chat: w.direct.ID}
	for _, at := range []time.Time{now.AddDate(1, 0, 0), time.UnixMilli(1<<47 - 1)} {
		if got := w.take(bob.say(at, event.Text{Text: "from the future"}))[0].Result; got != store.Deferred {
			t.Errorf("dated %v: %v", at, got)
		}
	}
	if len(w.history(10)) != 0 || w.chat().Unread != 0 {
		t.Error("an event of the future is shown")
	}
}

func TestOrderConvergesWhateverTheArrival(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bob := &speaker{t: t, dev: w.bob, chat: w.direct.ID}
	now := time.Now()
	// Each names the one before as its parent, and the clock runs backwards.
	var chain []*event.Event
	var parents []event.ID
	for i := range 8 {
		e := bob.say(now.Add(-time.Duration(i)*time.Hour), event.Text{Text: fmt.Sprint(i)}, parents...)
		parents = []event.ID{e.ID()}
		chain = append(chain, e)
	}
	for i := len(chain) - 1; i >= 0; i-- {
		w.take(chain[i])
	}
	for i, e := range w.history(10) {
		if text(e) != fmt.Sprint(i) {
			t.Fatalf("place %d holds %q", i, text(e))
		}
	}
	if err := w.s.Check(t.Context(), w.direct.ID); err != nil {
		t.Fatal(err)
	}
	chains, err := w.s.Chains(t.Context(), w.direct.ID)
	if err != nil || len(chains) != 1 || chains[0].Missing != 0 || chains[0].Last != 8 || chains[0].Forks != 0 {
		t.Fatalf("chains %+v, %v", chains, err)
	}
}

func TestGapsAndForksAreProvable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bob := &speaker{t: t, dev: w.bob, chat: w.direct.ID}
	var all []*event.Event
	for i := range 5 {
		all = append(all, bob.say(time.Now(), event.Text{Text: fmt.Sprint(i)}))
	}
	w.take(all[0], all[4])
	chains, _ := w.s.Chains(t.Context(), w.direct.ID)
	if chains[0].Missing != 3 {
		t.Fatalf("missing %d", chains[0].Missing)
	}
	w.take(all[2])
	if chains, _ = w.s.Chains(t.Context(), w.direct.ID); chains[0].Missing != 2 {
		t.Fatalf("missing %d", chains[0].Missing)
	}
	clone := &speaker{t: t, dev: w.bob, chat: w.direct.ID}
	if got := w.take(clone.say(time.Now(), event.Text{Text: "something else"}))[0]; !got.Forked {
		t.Fatal("a second event with the same number is not seen as a fork")
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send("The quick brown fox")
	w.send("我们明天下午在公园见面")
	edited := w.send("spleling")
	w.send("the slow fox")
	if _, err := w.s.PutOutgoing(t.Context(), w.outgoing(event.Edit{Target: edited.Event.ID(), Text: "spelling"})); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]int{
		"fox": 2, "QUICK fox": 1, "qui": 1, "明天": 1, "明天见面": 0, "见": 1, "spelling": 1, "nothing": 0, "": 0, "fox 明天": 0,
	} {
		got, _, err := w.s.Search(t.Context(), store.SearchQuery{Text: query, Limit: 10})
		if err != nil || len(got) != want {
			t.Errorf("%q: %d found, want %d, %v", query, len(got), want, err)
		}
	}
	if err := w.s.EraseBody(t.Context(), edited.Event.ID()); err != nil {
		t.Fatal(err)
	}
	if got, _, _ := w.s.Search(t.Context(), store.SearchQuery{Text: "spleling", Limit: 10}); len(got) != 0 {
		t.Error("an erased body is found")
	}
}

// TestTombstone_NoResurrection: what was taken back never returns, whoever
// brings it again.
func TestTombstone_NoResurrection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bob := &speaker{t: t, dev: w.bob, chat: w.direct.ID}
	secret := bob.say(time.Now(), event.Text{Text: "too much said"})
	w.take(secret)
	w.take(bob.say(time.Now(), event.Retract{Target: secret.ID()}))
	for range 200 {
		w.take(secret)
	}
	w.reopen()
	w.take(secret)
	e, err := w.s.Get(t.Context(), secret.ID())
	if err != nil || e.Event.HasBody() {
		t.Fatalf("the body is back: %v", err)
	}
	if c := w.chat(); c.Unread != 0 {
		t.Fatalf("%d unread", c.Unread)
	}
	// A retraction that comes first erases what it names when that arrives.
	later := bob.say(time.Now(), event.Text{Text: "taken back before it came"})
	w.take(bob.say(time.Now(), event.Retract{Target: later.ID()}))
	w.take(later)
	if e, err = w.s.Get(t.Context(), later.ID()); err != nil || e.Event.HasBody() {
		t.Fatalf("the retraction that came first had no effect: %v", err)
	}
	// Somebody else's retraction counts for nothing.
	mine := w.send("mine")
	w.take(bob.say(time.Now(), event.Retract{Target: mine.Event.ID()}))
	if e, err = w.s.Get(t.Context(), mine.Event.ID()); err != nil || !e.Event.HasBody() {
		t.Fatalf("somebody else took back our message: %v", err)
	}
}

func TestChangesHaveNoGap(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cursor := w.s.Cursor()
	for i := range 300 {
		w.send(fmt.Sprint(i))
	}
	fresh := 0
	for cursor < w.s.Cursor() {
		got, next, reset, err := w.s.Changes(t.Context(), cursor, 17)
		if err != nil || reset {
			t.Fatal(err, reset)
		}
		for _, c := range got {
			if c.Fresh {
				fresh++
			}
		}
		cursor = next
	}
	if fresh != 300 {
		t.Fatalf("%d of 300 seen", fresh)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := w.s.Wait(ctx, cursor); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("waiting at the end: %v", err)
	}
}

func TestRetention(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bob := &speaker{t: t, dev: w.bob, chat: w.direct.ID}
	old := bob.say(time.Now().AddDate(0, 0, -10), event.Text{Text: "old news"})
	w.take(old, bob.say(time.Now(), event.Text{Text: "new"}))
	c := w.chat()
	c.RetentionDays = 5
	if err := w.s.PutChat(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	for {
		more, err := w.s.Prune(t.Context(), time.Now().UnixMilli())
		if err != nil {
			t.Fatal(err)
		}
		if !more {
			break
		}
	}
	if h := w.history(10); len(h) != 1 || text(h[0]) != "new" {
		t.Fatalf("%d left", len(h))
	}
	if got := w.take(old)[0].Result; got != store.Pruned {
		t.Fatalf("what was pruned came back: %v", got)
	}
	if err := w.s.Check(t.Context(), w.direct.ID); err != nil {
		t.Fatal(err)
	}
}

func TestOneProcessAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := store.Open(t.Context(), w.opts); !errors.Is(err, store.ErrInUse) {
		t.Fatalf("got %v", err)
	}
}

func TestContactsAndSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	secret := make([]byte, identity.SecretSize)
	secret[0] = 7
	err := w.s.UpdateContact(t.Context(), w.bob.Account(), func(c *store.Contact) error {
		c.Name, c.State, c.DiscoverySecret = "Bob", store.Friend, secret
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for range store.MaxPending + 5 {
		err := w.s.UpdateContact(t.Context(), person(t).Account(), func(c *store.Contact) error {
			c.State, c.Since = store.Incoming, time.Now()
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	w.reopen()
	got, err := w.s.Contact(t.Context(), w.bob.Account())
	if err != nil || got.Name != "Bob" || got.DiscoverySecret[0] != 7 {
		t.Fatalf("%+v, %v", got, err)
	}
	all, err := w.s.Contacts(t.Context())
	if err != nil || len(all) != store.MaxPending+1 {
		t.Fatalf("%d contacts, %v", len(all), err)
	}
	if err := w.s.DeleteChat(t.Context(), w.direct.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.s.Chat(t.Context(), w.direct.ID); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("a deleted chat: %v", err)
	}
}
