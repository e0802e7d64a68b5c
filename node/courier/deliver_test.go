package courier_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/courier"
)

// links are the networks that delivery has to hold on. Duplicates and
// reordering of whole events come from the cuts: what was sent and not
// answered for is sent again on the next stream.
var links = map[string]struct {
	link
	cuts time.Duration // how often every connection breaks; 0 for never
}{
	"perfect":    {link: link{latency: 5 * time.Millisecond}},
	"slow":       {link: link{latency: 300 * time.Millisecond, jitter: 80 * time.Millisecond}},
	"lossy":      {link: link{latency: 40 * time.Millisecond, loss: 0.05}},
	"reordering": {link: link{latency: 10 * time.Millisecond, jitter: 60 * time.Millisecond}},
	"cutting":    {link: link{latency: 20 * time.Millisecond}, cuts: 700 * time.Millisecond},
}

// TestConformance sends both ways at once over each link: everything arrives,
// once, in the order in which it was said.
func TestConformance(t *testing.T) {
	t.Parallel()
	for name, l := range links {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, l.link, 2, func(t *testing.T, w *world) {
				ann, bob := w.nodes[0], w.nodes[1]
				befriend(ann, bob)
				ann.start()
				bob.start()
				const n = 200
				for i := range n {
					ann.say(bob, fmt.Sprint("a", i))
					bob.say(ann, fmt.Sprint("b", i))
					if i%10 == 0 {
						time.Sleep(50 * time.Millisecond)
					}
					if l.cuts > 0 && i%20 == 19 {
						time.Sleep(l.cuts / 10)
						w.drop(false)
					}
				}
				w.until("everything is delivered", 2*time.Minute, func() bool { return ann.waiting()+bob.waiting() == 0 })
				w.inOrder(ann, bob, n, n)
			})
		})
	}
}

// inOrder checks that bob has n of ann's texts and ann m of bob's, a0… and b0…,
// once each and in order.
func (w *world) inOrder(ann, bob *node, n, m int) {
	w.t.Helper()
	for _, c := range []struct {
		prefix string
		got    []string
		n      int
	}{{"a", bob.texts(ann), n}, {"b", ann.texts(bob), m}} {
		for i, s := range c.got {
			if s != fmt.Sprint(c.prefix, i) {
				w.t.Fatalf("text %d is %s", i, s)
			}
		}
		if len(c.got) != c.n {
			w.t.Fatalf("%d of %d texts arrived", len(c.got), c.n)
		}
	}
	if len(ann.twice)+len(bob.twice) > 0 {
		w.t.Fatal("something was answered for twice")
	}
}

// TestOffline leaves messages and a request waiting for hours; they go out
// when the recipient appears, well before the next try would be due.
func TestOffline(t *testing.T) {
	t.Parallel()
	inWorld(t, link{latency: 10 * time.Millisecond}, 2, func(t *testing.T, w *world) {
		ann, bob := w.nodes[0], w.nodes[1]
		befriend(ann, bob)
		w.drop(true)
		ann.start()
		ann.say(bob, "a0")
		time.Sleep(5 * time.Hour)
		s, err := ann.c.Status(t.Context(), bob.account())
		if err != nil || s.Queued != 1 || s.Connected || s.LastError == "" || s.NextTry.IsZero() {
			t.Fatalf("status %+v %v", s, err)
		}
		bob.start()
		w.mu.Lock()
		w.cut = false
		w.mu.Unlock()
		ann.c.Seen(bob.account())
		w.until("it goes out", time.Second, func() bool { return ann.waiting() == 0 })
		s, err = ann.c.Status(t.Context(), bob.account())
		if err != nil || s.Queued != 0 || !s.Connected || s.LastError != "" {
			t.Fatalf("status %+v %v", s, err)
		}

		// A connection that they open is seen without being told.
		w.drop(true)
		ann.say(bob, "a1")
		time.Sleep(5 * time.Hour)
		w.mu.Lock()
		w.cut = false
		w.mu.Unlock()
		if _, err := bob.Reach(t.Context(), ann.account()); err != nil {
			t.Fatal(err)
		}
		w.until("it goes out", time.Second, func() bool { return ann.waiting() == 0 })
		w.inOrder(ann, bob, 2, 0)
	})
}

// TestEager says something new to somebody who has just come back: nobody
// waits for the back-off.
func TestEager(t *testing.T) {
	t.Parallel()
	inWorld(t, link{latency: 10 * time.Millisecond}, 2, func(t *testing.T, w *world) {
		ann, bob := w.nodes[0], w.nodes[1]
		befriend(ann, bob)
		bob.start()
		w.drop(true)
		ann.start()
		ann.say(bob, "a0")
		time.Sleep(3 * time.Hour)
		w.mu.Lock()
		w.cut = false
		w.mu.Unlock()
		ann.say(bob, "a1")
		w.until("both go out", 3*time.Second, func() bool { return ann.waiting() == 0 })
	})
}

// TestBurst sends more than a window holds, with events of every size.
func TestBurst(t *testing.T) {
	t.Parallel()
	inWorld(t, link{latency: 10 * time.Millisecond}, 2, func(t *testing.T, w *world) {
		ann, bob := w.nodes[0], w.nodes[1]
		befriend(ann, bob)
		ann.start()
		bob.start()
		var want []string
		for i := range 6000 {
			s := fmt.Sprint(i)
			if i%50 == 0 {
				s += strings.Repeat("x", 16<<10-len(s))
			}
			want = append(want, s)
			ann.say(bob, s)
		}
		w.until("everything is delivered", time.Minute, func() bool { return ann.waiting() == 0 })
		if got := bob.texts(ann); !slices.Equal(got, want) {
			t.Fatalf("%d of %d texts", len(got), len(want))
		}
		c := bob.c.Counters()
		if c.Taken != 6000 || c.StreamsIn != 1 || ann.c.Counters().Acknowledged != 6000 {
			t.Fatalf("counters %+v", c)
		}
	})
}

// TestStorageTrouble keeps everything with the sender while the recipient can
// store nothing, and says so.
func TestStorageTrouble(t *testing.T) {
	t.Parallel()
	inWorld(t, link{latency: 10 * time.Millisecond}, 2, func(t *testing.T, w *world) {
		ann, bob := w.nodes[0], w.nodes[1]
		befriend(ann, bob)
		bob.fail = errors.New("the disk is full")
		ann.start()
		bob.start()
		ann.say(bob, "a0")
		time.Sleep(5 * time.Second)
		s, err := ann.c.Status(t.Context(), bob.account())
		if err != nil || s.Queued != 1 || !strings.Contains(s.LastError, "cannot store") {
			t.Fatalf("status %+v %v", s, err)
		}
		time.Sleep(10 * time.Minute)
		if n := bob.c.Counters().StreamsIn; n > 60 {
			t.Errorf("%d tries in ten minutes", n)
		}
		bob.mu.Lock()
		bob.fail = nil
		bob.mu.Unlock()
		w.until("it goes out", time.Minute, func() bool { return ann.waiting() == 0 })
		w.inOrder(ann, bob, 1, 0)
	})
}

// TestDatedAhead takes an event from the future, so that it is not lost, and
// marks it.
func TestDatedAhead(t *testing.T) {
	t.Parallel()
	inWorld(t, link{latency: 10 * time.Millisecond}, 2, func(t *testing.T, w *world) {
		ann, bob := w.nodes[0], w.nodes[1]
		befriend(ann, bob)
		ann.start()
		bob.start()
		e, err := event.Sign(ann.dev, event.Header{
			Conversation: event.Direct(ann.account(), bob.account()), Sequence: 1, Time: event.TimeOf(time.Now().Add(time.Hour)),
		}, event.Text{Text: "from tomorrow"})
		if err != nil {
			t.Fatal(err)
		}
		ann.raw(bob, e.ID(), e.Bytes())
		w.until("it is taken", time.Minute, func() bool { return ann.waiting() == 0 })
		bob.mu.Lock()
		defer bob.mu.Unlock()
		if !bob.deferred[e.ID()] || bob.c.Counters().Deferred != 1 {
			t.Error("it was not kept aside")
		}
	})
}

// TestReceipts passes on what a friend has read.
func TestReceipts(t *testing.T) {
	t.Parallel()
	inWorld(t, link{latency: 10 * time.Millisecond}, 2, func(t *testing.T, w *world) {
		ann, bob := w.nodes[0], w.nodes[1]
		befriend(ann, bob)
		ann.start()
		bob.start()
		first, second := ann.say(bob, "a0"), ann.say(bob, "a1")
		w.until("both are delivered", time.Minute, func() bool { return ann.waiting() == 0 })
		bob.put(ann, event.Receipt{ReadUpTo: first})
		bob.put(ann, event.Receipt{ReadUpTo: second})
		w.until("both are read", time.Minute, func() bool { return bob.waiting() == 0 })
		ann.mu.Lock()
		defer ann.mu.Unlock()
		if ann.readBy[bob.account()] != second {
			t.Error("the receipt was not applied")
		}
	})
}

// TestIdle closes a stream that nobody uses, and opens one when it is wanted.
func TestIdle(t *testing.T) {
	t.Parallel()
	inWorld(t, link{latency: 10 * time.Millisecond}, 2, func(t *testing.T, w *world) {
		ann, bob := w.nodes[0], w.nodes[1]
		befriend(ann, bob)
		ann.start()
		bob.start()
		ann.say(bob, "a0")
		time.Sleep(time.Minute)
		if s, _ := ann.c.Status(t.Context(), bob.account()); !s.Connected {
			t.Error("the stream was closed at once")
		}
		time.Sleep(time.Hour)
		if s, _ := ann.c.Status(t.Context(), bob.account()); s.Connected || s.LastError != "" {
			t.Errorf("the stream is still there: %+v", s)
		}
		ann.say(bob, "a1")
		w.until("it is delivered", time.Second, func() bool { return ann.waiting() == 0 })
	})
}

// TestBrokenRows puts rows into the outbox that no recipient can take; what
// stands behind them goes out.
func TestBrokenRows(t *testing.T) {
	t.Parallel()
	inWorld(t, link{latency: 10 * time.Millisecond}, 2, func(t *testing.T, w *world) {
		ann, bob := w.nodes[0], w.nodes[1]
		befriend(ann, bob)
		ann.start()
		bob.start()
		ann.raw(bob, event.ID{1}, nil)
		ann.raw(bob, event.ID{2}, make([]byte, event.MaxEvent+1))
		ann.raw(bob, event.ID{3}, []byte("damaged"))
		ann.say(bob, "a0")
		w.until("the queue is empty", time.Minute, func() bool { return ann.waiting() == 0 })
		w.inOrder(ann, bob, 1, 0)
		for i := range byte(3) {
			if ann.answered[event.ID{i + 1}] != courier.ReasonInvalid {
				t.Errorf("row %d: %v", i, ann.answered[event.ID{i + 1}])
			}
		}
	})
}

// raw puts bytes into the outbox as they are.
func (n *node) raw(to *node, id event.ID, raw []byte) {
	n.mu.Lock()
	n.enqueue(to.account(), id, raw)
	n.mu.Unlock()
	n.c.Wake(to.account())
}

// TestLinesEnd wakes the courier for everybody who is met: what that takes is
// given back.
func TestLinesEnd(t *testing.T) {
	t.Parallel()
	inWorld(t, link{latency: 10 * time.Millisecond}, 2, func(t *testing.T, w *world) {
		ann, bob := w.nodes[0], w.nodes[1]
		befriend(ann, bob)
		ann.start()
		bob.start()
		time.Sleep(time.Second)
		for i := range 100 {
			ann.c.Wake(identity.AccountID{1, byte(i)})
		}
		ann.c.Wake(ann.account())
		ann.c.Wake(identity.AccountID{})
		if n := ann.c.Lines(); n != 100 {
			t.Errorf("%d lines", n)
		}
		time.Sleep(2 * time.Minute)
		if n := ann.c.Lines(); n != 0 {
			t.Errorf("%d lines are left", n)
		}
		ann.say(bob, "a0")
		w.until("a new line delivers", time.Second, func() bool { return ann.waiting() == 0 })
		ann.halt()
		ann.c.Wake(bob.account())
		ann.c.Seen(bob.account())
		if n := ann.c.Lines(); n != 0 {
			t.Errorf("%d lines after the end", n)
		}
	})
}
