package roster

import (
	"crypto/ed25519"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
)

// failer is what a test and a property check have in common.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// world is some people and what they have signed.
type world struct {
	t     failer
	group event.ConversationID
	all   []*event.Event
	dev   map[string]*identity.Device
	last  map[string]*event.Event
	clock time.Time
}

func newWorld(t failer, names ...string) *world {
	t.Helper()
	w := &world{t: t, dev: map[string]*identity.Device{}, last: map[string]*event.Event{}, clock: time.UnixMilli(1_700_000_000_000)}
	for _, n := range names {
		w.person(n)
	}
	create := event.Group{
		Step: event.GroupCreate, Nonce: make([]byte, 32), Settings: &event.GroupSettings{Name: ptr("trip")},
		Epoch: &event.GroupEpoch{Number: 1, Commitment: [32]byte{1}},
	}
	var err error
	if w.group, err = event.Private(w.id(names[0]), create); err != nil {
		t.Fatalf("making the group: %v", err)
	}
	w.sign(names[0], create)
	return w
}

func ptr[T any](v T) *T { return &v }

func (w *world) person(name string) {
	w.t.Helper()
	var seed [32]byte
	copy(seed[:], name)
	account := identity.NewAccountKey(seed)
	seed[31] = 1
	key := ed25519.NewKeyFromSeed(seed[:])
	id, err := identity.ParseDeviceKey(key.Public().(ed25519.PublicKey))
	if err != nil {
		w.t.Fatalf("%v", err)
	}
	cert, err := identity.Certify(account, id, w.clock)
	if err != nil {
		w.t.Fatalf("%v", err)
	}
	if w.dev[name], err = identity.NewDevice(key, cert); err != nil {
		w.t.Fatalf("%v", err)
	}
}

func (w *world) id(name string) identity.AccountID { return w.dev[name].Account() }

// sign makes a step as it is.
func (w *world) sign(name string, b event.Group) *event.Event {
	w.t.Helper()
	w.clock = w.clock.Add(time.Second)
	h := event.Header{Conversation: w.group, Sequence: 1, Time: event.TimeOf(w.clock)}
	if last := w.last[name]; last != nil {
		h.Sequence, h.Previous = last.Header().Sequence+1, last.ID()
	}
	e, err := event.Sign(w.dev[name], h, b)
	if err != nil {
		w.t.Fatalf("%s %s: %v", name, b.Step, err)
	}
	w.last[name] = e
	w.all = append(w.all, e)
	return e
}

// set returns the roster's set of some steps.
func (w *world) set(events ...*event.Event) *Set {
	s := New(w.group)
	s.Add(events...)
	return s
}

func (w *world) now() *Roster { return w.set(w.all...).Roster() }

// do takes a step that has seen the given ones, or all where none is given.
func (w *world) do(name string, b event.Group, after ...*event.Event) *event.Event {
	w.t.Helper()
	if len(after) == 0 {
		b.After = w.now().Heads
	}
	for _, e := range after {
		b.After = append(b.After, e.ID())
	}
	return w.sign(name, b)
}

func (w *world) about(name string, step event.GroupStep, whom string, after ...*event.Event) *event.Event {
	w.t.Helper()
	return w.do(name, event.Group{Step: step, Account: w.id(whom)}, after...)
}

// join invites and accepts.
func (w *world) join(by, whom string) *event.Event {
	w.t.Helper()
	i := w.about(by, event.GroupInvite, whom)
	return w.do(whom, event.Group{Step: event.GroupAccept, Target: i.ID()})
}

// is checks who is what: "ann=owner bob=admin".
func (w *world) is(want string) {
	w.t.Helper()
	r := w.now()
	for _, f := range strings.Fields(want) {
		name, role, _ := strings.Cut(f, "=")
		if got := r.Role(w.id(name)).String(); got != role {
			w.t.Fatalf("%s is %s, not %s", name, got, role)
		}
	}
}

func digest(r *Roster) string {
	return fmt.Sprintf("%v %v %v %v %v %v %v %v", r.Members, r.Invited, r.Gone, r.Links, r.Claims, r.Pins, r.Settings, r.Epoch)
}

var _ failer = (*testing.T)(nil)
