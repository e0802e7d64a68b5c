package courier_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/courier"
)

// story is a friendship from the request to the end, with words both ways. It
// is told to be interrupted anywhere.
func (w *world) story() {
	ann, bob := w.nodes[0], w.nodes[1]
	for ann.state(bob) == courier.None {
		_, err := ann.c.Request(context.Background(), bob.account(), courier.Ask{Note: "it is me"})
		if err != nil && !errors.Is(err, errDead) {
			w.t.Fatal(err)
		}
		w.tend()
	}
	w.until("bob is asked", time.Minute, func() bool { return bob.state(ann) == courier.Incoming })
	for bob.state(ann) != courier.Friend {
		_, err := bob.c.Accept(context.Background(), ann.account())
		if err != nil && !errors.Is(err, errDead) {
			w.t.Fatal(err)
		}
		w.tend()
	}
	w.until("ann knows", time.Minute, func() bool { return ann.state(bob) == courier.Friend })
	for i := range 3 {
		ann.say(bob, fmt.Sprint("a", i))
		bob.say(ann, fmt.Sprint("b", i))
	}
	w.until("everything is said", time.Minute, func() bool { return ann.waiting()+bob.waiting() == 0 })
	bob.mu.Lock()
	last := bob.arrived[len(bob.arrived)-1]
	bob.mu.Unlock()
	bob.put(ann, event.Receipt{ReadUpTo: last})
	w.until("it is read", time.Minute, func() bool { return bob.waiting() == 0 })
	for ann.state(bob) != courier.Removed {
		_, err := ann.c.End(context.Background(), bob.account())
		if err != nil && !errors.Is(err, errDead) {
			w.t.Fatal(err)
		}
		w.tend()
	}
	w.until("bob knows", time.Minute, func() bool {
		return bob.state(ann) == courier.Removed && ann.waiting()+bob.waiting() == 0
	})
	time.Sleep(time.Second)
	w.tend()
	w.inOrder(ann, bob, 3, 3)
	for _, n := range w.nodes {
		if n.secrets == 0 {
			w.t.Error("somebody still holds a discovery secret that is in force")
		}
		for id, reason := range n.answered {
			if reason != courier.ReasonNone {
				w.t.Errorf("%s was refused: %v", id, reason)
			}
		}
	}
	if ann.readBy[bob.account()] != last {
		w.t.Error("the receipt was lost")
	}
}

// TestCrashAtEveryStep lets either side die before and after each durable step
// of the story.
func TestCrashAtEveryStep(t *testing.T) {
	t.Parallel()
	total := [2]int{}
	names := [2][]string{}
	run := func(t *testing.T, who, at int) {
		inWorld(t, link{latency: time.Millisecond}, 2, func(t *testing.T, w *world) {
			for i, n := range w.nodes {
				count := 0
				n.crash = func(step string) bool {
					count++
					if at == 0 {
						total[i]++
						names[i] = append(names[i], step)
					}
					return i == who && count == at
				}
				n.start()
			}
			w.story()
		})
	}
	run(t, 0, 0)
	if total[0] < 20 || total[1] < 20 {
		t.Fatalf("only %v steps are known: the test would prove nothing", total)
	}
	for who := range 2 {
		for at := 1; at <= total[who]; at++ {
			t.Run(fmt.Sprintf("%d/%d %s", who, at, names[who][at-1]), func(t *testing.T) { run(t, who, at) })
		}
	}
}

// deed is one thing that happens in a random schedule.
type deed struct {
	What int // see happen
	Who  int
	N    int
}

func (w *world) happen(d deed, said []int) {
	n := w.nodes[d.Who]
	switch d.What {
	case 0, 1, 2:
		for range d.N {
			to := w.nodes[1-d.Who]
			n.say(to, fmt.Sprint(string(rune('a'+d.Who)), said[d.Who]))
			said[d.Who]++
		}
	case 3:
		w.drop(false)
	case 4:
		w.drop(true)
	case 5:
		w.mu.Lock()
		w.cut = false
		w.mu.Unlock()
	case 6:
		n.restart()
	case 7:
		n.mu.Lock()
		left := d.N
		n.crash = func(string) bool {
			left--
			return left == 0
		}
		n.mu.Unlock()
	case 8:
		time.Sleep(time.Duration(d.N*d.N*d.N) * time.Millisecond)
		w.tend()
	case 9:
		n.mu.Lock()
		waiting := slices.Collect(maps.Keys(n.outbox))
		n.mu.Unlock()
		for _, a := range waiting {
			n.c.Seen(a)
		}
	case 10: // bytes that were sent before come again, as from a restored backup
		to := w.nodes[1-d.Who]
		var old *event.Event
		to.mu.Lock()
		for _, id := range to.arrived {
			if e := to.events[id]; e.Author() == n.account() {
				old = e
			}
		}
		to.mu.Unlock()
		n.mu.Lock()
		if old != nil && !slices.ContainsFunc(n.outbox[to.account()], func(q courier.Queued) bool { return q.ID == old.ID() }) {
			delete(n.answered, old.ID())
			n.enqueue(to.account(), old.ID(), old.Bytes())
		}
		n.mu.Unlock()
		n.c.Wake(to.account())
	}
}

// TestRandomSchedules mixes talk with lost connections, partitions, restarts,
// crashes between any two steps, and replays. In the end everything that was
// queued is on the other side, once and in the order in which it was said.
func TestRandomSchedules(t *testing.T) {
	t.Parallel()
	deeds := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) deed {
		return deed{rapid.IntRange(0, 10).Draw(t, "what"), rapid.IntRange(0, 1).Draw(t, "who"), rapid.IntRange(1, 20).Draw(t, "n")}
	}), 1, 40)
	rapid.Check(t, func(rt *rapid.T) {
		schedule := deeds.Draw(rt, "schedule")
		jitter := rapid.IntRange(0, 30).Draw(rt, "jitter")
		ok := t.Run("", func(t *testing.T) {
			inWorld(t, link{latency: 10 * time.Millisecond, jitter: time.Duration(jitter) * time.Millisecond}, 2, func(_ *testing.T, w *world) {
				ann, bob := w.nodes[0], w.nodes[1]
				befriend(ann, bob)
				ann.start()
				bob.start()
				said := make([]int, 2)
				for _, d := range schedule {
					w.happen(d, said)
				}
				w.mu.Lock()
				w.cut = false
				w.mu.Unlock()
				for _, n := range w.nodes {
					n.mu.Lock()
					n.crash = nil
					n.mu.Unlock()
				}
				w.until("everything is delivered", 5*time.Minute, func() bool { return ann.waiting()+bob.waiting() == 0 })
				w.inOrder(ann, bob, said[0], said[1])
			})
		})
		if !ok {
			rt.Fatalf("schedule %+v", schedule)
		}
	})
}
