package courier_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/courier"
)

func (w *world) start() {
	for _, n := range w.nodes {
		n.start()
	}
}

func (n *node) request(to *node, ask courier.Ask) {
	n.w.t.Helper()
	if _, err := n.c.Request(n.w.t.Context(), to.account(), ask); err != nil {
		n.w.t.Fatal(err)
	}
}

func (n *node) contact(of *node) courier.Contact {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.contacts[of.account()]
}

// settled waits until nothing is on its way.
func (w *world) settled() {
	w.t.Helper()
	w.until("everything is answered for", time.Minute, func() bool {
		for _, n := range w.nodes {
			if n.waiting() > 0 {
				return false
			}
		}
		return true
	})
	time.Sleep(time.Second)
}

// become makes two people friends the way people do.
func (w *world) become(a, b *node) {
	w.t.Helper()
	a.request(b, courier.Ask{})
	w.until("they are asked", time.Minute, func() bool { return b.state(a) == courier.Incoming })
	if _, err := b.c.Accept(w.t.Context(), a.account()); err != nil {
		w.t.Fatal(err)
	}
	w.until("they are friends", time.Minute, func() bool { return a.state(b) == courier.Friend })
	w.settled()
}

func TestRequestAndAccept(t *testing.T) {
	t.Parallel()
	inWorld(t, link{latency: 10 * time.Millisecond}, 2, func(t *testing.T, w *world) {
		ann, bob := w.nodes[0], w.nodes[1]
		w.start()
		secret := bytes.Repeat([]byte{9}, identity.SecretSize)
		ann.request(bob, courier.Ask{Note: "from the garden", Name: "Bob", DiscoverySecret: secret, Addresses: [][]byte{{1}}})
		if ct := ann.contact(bob); ct.State != courier.Outgoing || ct.Name != "Bob" || !bytes.Equal(ct.DiscoverySecret, secret) || ct.Note != "from the garden" {
			t.Errorf("ann knows %+v", ct)
		}
		w.settled()
		ct := bob.contact(ann)
		card, _ := ann.Card(t.Context())
		if ct.State != courier.Incoming || ct.Note != "from the garden" || ct.Name != card.Name || ct.ByInvite ||
			!bytes.Equal(ct.DiscoverySecret, card.DiscoverySecret) || len(ct.Addresses) != 1 || len(ct.RequestEvent) == 0 || ct.Attempts != 1 {
			t.Errorf("bob was told %+v", ct)
		}
		if len(bob.arrived) != 0 {
			t.Error("a stranger's request is in the log")
		}
		if _, err := bob.c.Accept(t.Context(), ann.account()); err != nil {
			t.Fatal(err)
		}
		w.until("ann knows", time.Minute, func() bool { return ann.state(bob) == courier.Friend })
		w.settled()
		card, _ = bob.Card(t.Context())
		if ct := ann.contact(bob); !bytes.Equal(ct.DiscoverySecret, card.DiscoverySecret) || ct.Name != card.Name {
			t.Errorf("ann was told %+v", ct)
		}
		if len(bob.arrived) != 1 || len(ann.arrived) != 1 {
			t.Errorf("the conversation begins with %d and %d events", len(bob.arrived), len(ann.arrived))
		}
		if ct := bob.contact(ann); ct.Attempts != 0 || ct.RequestEvent != nil {
			t.Errorf("bob keeps %+v", ct)
		}
		// At once, while the stream of the request is still open: what a
		// stranger could not have said.
		for i := range 30 {
			ann.say(bob, fmt.Sprint("a", i))
		}
		ann.put(bob, event.File{Name: "a picture", Size: 1, Preview: &event.Preview{MediaType: "image/png", Data: make([]byte, 30<<10)}})
		bob.say(ann, "b0")
		w.settled()
		w.inOrder(ann, bob, 30, 1)
		if ann.refusedFor(courier.ReasonNotAccepted) {
			t.Error("a friend was treated as a stranger")
		}
		if !strings.Contains(string(bob.lists[ann.account()]), "devices of") || !strings.Contains(string(ann.lists[bob.account()]), "devices of") {
			t.Error("friends do not tell each other their devices")
		}
		if _, err := bob.c.Accept(t.Context(), ann.account()); !errors.Is(err, courier.ErrAlready) {
			t.Errorf("accepting twice: %v", err)
		}
		if _, err := bob.c.Request(t.Context(), bob.account(), courier.Ask{}); !errors.Is(err, courier.ErrNotNow) {
			t.Errorf("asking oneself: %v", err)
		}
	})
}

func TestRequestFitsWhateverItSays(t *testing.T) {
	t.Parallel()
	inWorld(t, link{latency: 10 * time.Millisecond}, 2, func(t *testing.T, w *world) {
		ann, bob := w.nodes[0], w.nodes[1]
		ann.card = func(c *courier.Card) {
			c.Name = strings.Repeat("n", event.MaxName)
			c.Addresses = nil
			for range event.MaxAddresses {
				c.Addresses = append(c.Addresses, make([]byte, event.MaxAddressBytes))
			}
		}
		w.start()
		ann.request(bob, courier.Ask{Note: strings.Repeat("x", event.MaxNote), InviteToken: make([]byte, identity.TokenSize)})
		w.settled()
		if ct := bob.contact(ann); ct.State != courier.Incoming || len(ct.Addresses) == 0 {
			t.Errorf("bob knows %+v", ct)
		}
		if _, err := ann.c.Request(t.Context(), bob.account(), courier.Ask{Note: strings.Repeat("x", event.MaxNote+1)}); err == nil {
			t.Error("a note that is too long was taken")
		}
	})
}

func TestSimultaneousRequests(t *testing.T) {
	t.Parallel()
	inWorld(t, link{latency: 100 * time.Millisecond}, 2, func(t *testing.T, w *world) {
		ann, bob := w.nodes[0], w.nodes[1]
		w.start()
		ann.request(bob, courier.Ask{})
		bob.request(ann, courier.Ask{})
		w.until("they are friends", time.Minute, func() bool {
			return ann.state(bob) == courier.Friend && bob.state(ann) == courier.Friend
		})
		w.settled()
		ann.say(bob, "a0")
		bob.say(ann, "b0")
		w.settled()
		w.inOrder(ann, bob, 1, 1)
	})
}

func TestDeclineAndAskAgain(t *testing.T) {
	t.Parallel()
	inWorld(t, link{latency: 10 * time.Millisecond}, 2, func(t *testing.T, w *world) {
		ann, bob := w.nodes[0], w.nodes[1]
		w.start()
		for i := range courier.MaxAttempts {
			ann.request(bob, courier.Ask{})
			w.settled()
			if bob.state(ann) != courier.Incoming {
				t.Fatalf("request %d was not taken", i+1)
			}
			if _, err := bob.c.Decline(t.Context(), ann.account()); err != nil {
				t.Fatal(err)
			}
			w.settled()
			if ann.state(bob) != courier.Declined || bob.state(ann) != courier.None {
				t.Fatalf("after the no: %d and %d", ann.state(bob), bob.state(ann))
			}
		}
		ann.request(bob, courier.Ask{})
		w.settled()
		if bob.state(ann) != courier.None || ann.state(bob) != courier.Declined {
			t.Errorf("one request too many: %d and %d", bob.state(ann), ann.state(bob))
		}
		if bob.secrets != 0 {
			t.Error("bob changed a secret that ann was never told")
		}
		// Bob changes his mind, and asks.
		bob.request(ann, courier.Ask{})
		w.settled()
		if _, err := ann.c.Accept(t.Context(), bob.account()); err != nil {
			t.Fatal(err)
		}
		w.settled()
		if ann.state(bob) != courier.Friend || bob.state(ann) != courier.Friend {
			t.Error("they did not become friends")
		}
	})
}

func TestTakeRequestBack(t *testing.T) {
	t.Parallel()
	inWorld(t, link{latency: 10 * time.Millisecond}, 2, func(t *testing.T, w *world) {
		ann, bob := w.nodes[0], w.nodes[1]
		w.start()
		ann.request(bob, courier.Ask{})
		w.settled()
		if _, err := ann.c.End(t.Context(), bob.account()); err != nil {
			t.Fatal(err)
		}
		w.settled()
		if bob.state(ann) != courier.None || ann.state(bob) != courier.None {
			t.Errorf("%d and %d", ann.state(bob), bob.state(ann))
		}
		if ann.secrets != 1 {
			t.Error("bob could still find ann")
		}
	})
}

// TestEndChangesTheSecret ends a friendship: the one who is left behind does
// not learn the new secret, the remaining friend does.
func TestEndChangesTheSecret(t *testing.T) {
	t.Parallel()
	inWorld(t, link{latency: 10 * time.Millisecond}, 3, func(t *testing.T, w *world) {
		ann, bob, cy := w.nodes[0], w.nodes[1], w.nodes[2]
		w.start()
		w.become(ann, bob)
		w.become(cy, ann)
		before, _ := ann.Card(t.Context())
		for _, n := range []*node{bob, cy} {
			if !bytes.Equal(n.contact(ann).DiscoverySecret, before.DiscoverySecret) {
				t.Fatal("a friend does not hold the secret")
			}
		}
		if _, err := ann.c.End(t.Context(), bob.account()); err != nil {
			t.Fatal(err)
		}
		w.settled()
		after, _ := ann.Card(t.Context())
		if bytes.Equal(before.DiscoverySecret, after.DiscoverySecret) {
			t.Fatal("the secret has not changed")
		}
		if !bytes.Equal(cy.contact(ann).DiscoverySecret, after.DiscoverySecret) {
			t.Error("the remaining friend was not told")
		}
		if ct := bob.contact(ann); ct.State != courier.Removed || ct.DiscoverySecret != nil {
			t.Errorf("bob keeps %+v", ct)
		}
		ann.put(bob, event.Text{Text: "are you there?"})
		w.settled()
		if len(bob.texts(ann)) != 0 || ann.texts(bob) != nil {
			t.Error("a removed friend was heard")
		}
		if !ann.refusedFor(courier.ReasonNotAccepted) {
			t.Error("ann was not told that it is refused")
		}
	})
}

func (n *node) refusedFor(reason courier.Reason) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, r := range n.answered {
		if r == reason {
			return true
		}
	}
	return false
}

func TestBlockIsSilent(t *testing.T) {
	t.Parallel()
	inWorld(t, link{latency: 10 * time.Millisecond}, 3, func(t *testing.T, w *world) {
		ann, bob, cy := w.nodes[0], w.nodes[1], w.nodes[2]
		w.start()
		w.become(ann, bob)
		w.become(ann, cy)
		ann.say(bob, "a0")
		w.settled()
		in := bob.c.Counters().Taken
		w.drop(true)
		bob.say(ann, "b0")
		if _, err := bob.c.Block(t.Context(), ann.account()); err != nil {
			t.Fatal(err)
		}
		if bob.waiting() != 0 || !bob.refusedFor(courier.ReasonBlocked) {
			t.Error("what waited for a blocked account still waits")
		}
		w.mu.Lock()
		w.cut = false
		w.mu.Unlock()
		ann.say(bob, "a1")
		time.Sleep(time.Hour)
		if ann.waiting() != 1 || len(bob.texts(ann)) != 1 || bob.c.Counters().Taken != in {
			t.Error("a blocked account got an answer")
		}
		if s, _ := ann.c.Status(t.Context(), bob.account()); s.Connected || strings.Contains(s.LastError, "block") {
			t.Errorf("ann can see that: %+v", s)
		}
		if n := bob.c.Counters().StreamsOut; n != 1 {
			t.Errorf("bob opened %d streams", n)
		}
		if bob.secrets != 1 {
			t.Error("ann can still find bob")
		}
		if _, err := bob.c.Request(t.Context(), ann.account(), courier.Ask{}); !errors.Is(err, courier.ErrNotNow) {
			t.Errorf("asking somebody who is blocked: %v", err)
		}
		if _, err := bob.c.Unblock(t.Context(), ann.account()); err != nil {
			t.Fatal(err)
		}
		if bob.state(ann) != courier.None {
			t.Error("unblocking did something else")
		}
		w.until("the message is refused", time.Hour, func() bool { return ann.waiting() == 0 })
	})
}

func TestInviteIsMarked(t *testing.T) {
	t.Parallel()
	inWorld(t, link{latency: 10 * time.Millisecond}, 3, func(t *testing.T, w *world) {
		ann, bob, cy := w.nodes[0], w.nodes[1], w.nodes[2]
		good, bad := bytes.Repeat([]byte{1}, identity.TokenSize), bytes.Repeat([]byte{2}, identity.TokenSize)
		ann.invites[string(good)] = true
		w.start()
		bob.request(ann, courier.Ask{InviteToken: good})
		cy.request(ann, courier.Ask{InviteToken: bad})
		w.settled()
		if !ann.contact(bob).ByInvite || ann.contact(cy).ByInvite || ann.state(bob) != courier.Incoming {
			t.Errorf("%+v %+v", ann.contact(bob), ann.contact(cy))
		}
	})
}

// TestStepIsHandledOnce lets an answer get lost after the step was handled and
// the person has decided: the step that comes again undoes nothing.
func TestStepIsHandledOnce(t *testing.T) {
	t.Parallel()
	inWorld(t, link{latency: 10 * time.Millisecond}, 2, func(t *testing.T, w *world) {
		ann, bob := w.nodes[0], w.nodes[1]
		w.start()
		ann.request(bob, courier.Ask{})
		w.settled()
		request, err := event.Parse(bob.contact(ann).RequestEvent)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := bob.c.Decline(t.Context(), ann.account()); err != nil {
			t.Fatal(err)
		}
		w.settled()
		ann.raw(bob, request.ID(), request.Bytes())
		w.settled()
		if bob.state(ann) != courier.None {
			t.Error("a request that was declined is there again")
		}
		if err := request.Verify(nil); err != nil {
			t.Fatal(err)
		}
		if reason, err := bob.c.Handle(t.Context(), request); err != nil || reason != courier.ReasonNone || bob.state(ann) != courier.None {
			t.Errorf("handled again: %v %v", reason, err)
		}
	})
}

// TestLostState lets a friend come back with nothing: asking again makes them
// friends at once, because we are.
func TestLostState(t *testing.T) {
	t.Parallel()
	inWorld(t, link{latency: 10 * time.Millisecond}, 2, func(t *testing.T, w *world) {
		ann, bob := w.nodes[0], w.nodes[1]
		w.start()
		w.become(ann, bob)
		bob.halt()
		chain := bob.chain
		bob.disk = newDisk(bob.dev)
		bob.chain = chain
		bob.start()
		bob.request(ann, courier.Ask{})
		w.until("they are friends", time.Minute, func() bool { return bob.state(ann) == courier.Friend })
	})
}

// TestPendingRequests keeps the newest requests of strangers.
func TestPendingRequests(t *testing.T) {
	t.Parallel()
	inWorld(t, link{latency: 10 * time.Millisecond}, courier.MaxPending+3, func(t *testing.T, w *world) {
		bob := w.nodes[0]
		w.start()
		for _, n := range w.nodes[1:] {
			n.request(bob, courier.Ask{})
			w.until("it is taken", time.Minute, func() bool { return n.waiting() == 0 })
			time.Sleep(time.Second)
		}
		pending := 0
		for i, n := range w.nodes[1:] {
			in := bob.state(n) == courier.Incoming
			if in {
				pending++
			}
			if in != (i >= 2) {
				t.Errorf("request %d: %v", i, in)
			}
		}
		if pending != courier.MaxPending {
			t.Errorf("%d requests are kept", pending)
		}
	})
}
