package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/pubsub/reconcile"
)

// pool is a conversation of a few devices, in bursts, with equal times and
// with gaps, from which the tests below take their sets.
func pool(tb testing.TB, n int) []*event.Event {
	tb.Helper()
	var writers []*writer
	for i := range 4 {
		writers = append(writers, newWriter(tb, byte(i+1)))
	}
	var all []*event.Event
	at := event.TimeOf(start())
	for i := range n {
		switch {
		case i%50 < 20: // a burst within a millisecond
			at++
		case i%50 < 30: // at the very same time
		default:
			at += event.Time(i%7+1) << 26
		}
		all = append(all, writers[i/9%4].body(at, event.Text{Text: fmt.Sprint("message ", i)}))
	}
	return all
}

// TestAnySets: whatever two sides have, they have the same after one session,
// each event once, whoever asks and however they compare.
func TestAnySets(t *testing.T) {
	t.Parallel()
	all := pool(t, 600)
	rapid.Check(t, func(r *rapid.T) {
		a, b := newMemory(), newMemory()
		n := rapid.IntRange(0, len(all)).Draw(r, "events")
		only := rapid.IntRange(0, 60).Draw(r, "missing of a hundred")
		seed := rapid.Uint64().Draw(r, "seed")
		for i, e := range all[:n] {
			dice := (seed>>(i%40) + uint64(i)*2654435761) % 100
			if dice >= uint64(only) || dice%2 == 0 {
				a.add(e)
			}
			if dice >= uint64(only) || dice%2 == 1 {
				b.add(e)
			}
		}
		for range rapid.IntRange(0, 3).Draw(r, "runs missing") {
			from := rapid.IntRange(0, max(0, n-1)).Draw(r, "from")
			for _, e := range all[from:min(n, from+rapid.IntRange(0, 200).Draw(r, "length"))] {
				a.Remove(reconcile.KeyOf(e))
				b.add(e)
			}
		}
		exact := rapid.Bool().Draw(r, "exact")
		got, other := meet(t, reconcile.Task{Set: a, Exact: exact}, reconcile.Task{Set: b})
		if got.err != nil || other.err != nil || got.Bad+other.Bad > 0 {
			r.Fatalf("%+v %+v", got, other)
		}
		if a.Len() != n || b.Len() != n {
			r.Fatalf("%d and %d of %d events", a.Len(), b.Len(), n)
		}
		if got.Rounds > reconcile.MaxHalves*got.Passes {
			r.Fatalf("%d rounds in %d passes", got.Rounds, got.Passes)
		}
	})
}

// cutting is a connection that breaks after so many bytes.
type cutting struct {
	net.Conn
	left *atomic.Int64
}

func (c cutting) Write(p []byte) (int, error) {
	if c.left.Add(-int64(len(p))) < 0 {
		_ = c.Conn.Close()
		return 0, net.ErrClosed
	}
	return c.Conn.Write(p)
}

// TestCuts: sessions that are cut at random places come to an end all the
// same, each going on where the one before stopped.
func TestCuts(t *testing.T) {
	t.Parallel()
	all := pool(t, 800)
	rapid.Check(t, func(r *rapid.T) {
		a, b, union := newMemory(), newMemory(), 0
		for i, e := range all {
			if i%3 != 0 {
				a.add(e)
			}
			if i < 400 {
				b.add(e)
			}
			if i%3 != 0 || i < 400 {
				union++
			}
		}
		for try := 0; ; try++ {
			x, y := pipe(t)
			var left atomic.Int64
			left.Store(int64(rapid.IntRange(10, 100_000).Draw(r, "bytes")) + int64(try)*20_000)
			got, _ := meetOver(t, newStream(cutting{x.Conn, &left}), newStream(cutting{y.Conn, &left}),
				reconcile.Task{Set: a}, reconcile.Task{Set: b})
			if got.err == nil {
				break
			}
			if try > 100 {
				r.Fatalf("it does not come to an end: %v", got.err)
			}
		}
		if a.Len() != union || b.Len() != union {
			r.Fatalf("%d and %d of %d events", a.Len(), b.Len(), union)
		}
	})
}

// TestFloors: what was pruned on one side is neither asked for nor offered,
// nor does it cost another session's bodies.
func TestFloors(t *testing.T) {
	t.Parallel()
	all := pool(t, 2000)
	for _, asks := range []bool{true, false} {
		a, b := newMemory(), newMemory()
		b.add(all...)
		a.floor = reconcile.KeyOf(all[1500])
		for _, e := range all[1500:1600] {
			if reconcile.KeyOf(e).Compare(a.floor) >= 0 {
				a.add(e)
			}
		}
		want := 0
		for _, k := range b.keys() {
			if k.Compare(a.floor) >= 0 {
				want++
			}
		}
		sides := []*memory{a, b}
		if !asks {
			sides[0], sides[1] = b, a
		}
		got, other := meet(t, reconcile.Task{Set: sides[0]}, reconcile.Task{Set: sides[1]})
		if got.err != nil || other.err != nil || a.Len() != want {
			t.Errorf("%d of %d events: %+v %+v", a.Len(), want, got, other)
		}
		got, other = meet(t, reconcile.Task{Set: sides[0]}, reconcile.Task{Set: sides[1]})
		if got.err != nil || got.Taken+got.Given+other.Taken+other.Given+got.Refused+other.Refused > 0 || got.Bodies > 0 {
			t.Errorf("the second session: %+v %+v", got, other)
		}
	}
}

// TestWindow: a page of history before an event, and no more.
func TestWindow(t *testing.T) {
	t.Parallel()
	all := pool(t, 3000)
	a, b := newMemory(), newMemory()
	b.add(all...)
	a.add(all[2900:]...)
	got, _ := meet(t, reconcile.Task{Set: a, Window: reconcile.Window{To: reconcile.KeyOf(all[2900]), Limit: 50}}, reconcile.Task{Set: b})
	if got.err != nil || got.Taken != 50 || a.Len() != 150 {
		t.Fatalf("%+v", got)
	}
	keys, whole := a.keys(), b.keys()
	for i, k := range keys {
		if whole[i] != k {
			t.Fatal("the page has a hole")
		}
	}
}

// TestRefusals: what a set refuses is fetched once and not again.
func TestRefusals(t *testing.T) {
	t.Parallel()
	all := pool(t, 300)
	a, b := newMemory(), newMemory()
	b.add(all...)
	bad := all[0].Header().Device
	a.refuse = func(e *event.Event) reconcile.Verdict {
		if e.Header().Device == bad {
			return reconcile.Refused
		}
		return 0
	}
	var known reconcile.Refusals
	first, _ := meet(t, reconcile.Task{Set: a, Refusals: &known}, reconcile.Task{Set: b})
	again, _ := meet(t, reconcile.Task{Set: a, Refusals: &known}, reconcile.Task{Set: b})
	if first.err != nil || again.err != nil || first.Refused == 0 || again.Refused != 0 || again.Bodies != 0 {
		t.Errorf("%+v, then %+v", first, again)
	}
}

// TestTombstone_NoResurrection: a body that was erased here is not brought
// back by those who still have it.
func TestTombstone_NoResurrection(t *testing.T) {
	t.Parallel()
	all := pool(t, 100)
	a, b := newMemory(), newMemory()
	for i, e := range all {
		b.add(e)
		if i == 40 {
			a.add(e.Erased())
		} else if i < 90 {
			a.add(e)
		}
	}
	for range 3 {
		if got, other := meet(t, reconcile.Task{Set: a}, reconcile.Task{Set: b}); got.err != nil || other.err != nil {
			t.Fatal(got.err, other.err)
		}
	}
	raws, _ := a.Raw(t.Context(), []event.ID{all[40].ID()})
	e, err := event.Parse(raws[0])
	if err != nil || e.HasBody() || a.Len() != 100 {
		t.Errorf("the body is back: %v, %d events", err, a.Len())
	}
}

// TestClockSkew: whatever clocks say, sides that have the same keep quiet, and
// what is dated far ahead is not spoken of.
func TestClockSkew(t *testing.T) {
	t.Parallel()
	w := newWriter(t, 1)
	a, b := newMemory(), newMemory()
	near := []event.Time{0, 1, event.TimeOf(time.Now().Add(-365 * 24 * time.Hour)), event.TimeOf(time.Now().Add(5 * time.Minute))}
	far := []event.Time{event.TimeOf(time.Now().Add(365 * 24 * time.Hour)), 1<<63 - 1, 1<<64 - 1}
	for _, at := range append(near, far...) {
		b.add(w.body(at, event.Text{Text: "when?"}))
	}
	got, other := meet(t, reconcile.Task{Set: a}, reconcile.Task{Set: b})
	if got.err != nil || other.err != nil || a.Len() != len(near) {
		t.Errorf("%d events, %+v %+v", a.Len(), got, other)
	}
}

// TestEndless: a session ends with its context.
func TestEndless(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	x, y := pipe(t)
	stop := errors.New("enough")
	go func() {
		_, _ = y.Next()
		cancel(stop)
	}()
	if _, err := reconcile.Sync(ctx, x, reconcile.Task{Conversation: room(), Set: newMemory()}); !errors.Is(err, stop) {
		t.Errorf("it ended with %v", err)
	}
}
