package reconcile_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/pubsub/reconcile"
)

// world is a history of made-up events, of which both sides have most.
func world(n int, lacks func(i int) bool) (whole, part *memory) {
	whole, part = newMemory(), newMemory()
	for i := range n {
		whole.Insert(made(i))
		if !lacks(i) {
			part.Insert(made(i))
		}
	}
	return whole, part
}

// scattered picks every so many, ten in all.
func scattered(n int) func(int) bool {
	return func(i int) bool { return i%(n/10) == n/13 }
}

func newestMissing(n, m int) func(int) bool { return func(i int) bool { return i >= n-m } }

func window() reconcile.Window {
	return reconcile.Window{To: reconcile.Key{Time: event.TimeOf(start().AddDate(10, 0, 0))}}
}

// figure is what one comparison costs, both directions counted.
type figure struct {
	bytes  uint64
	rounds int
}

// compare has one side ask another; bodies of made-up events do not exist, so
// that the comparison is all that travels.
func compare(tb testing.TB, asks, answers *memory) figure {
	tb.Helper()
	got, other := meet(tb, reconcile.Task{Set: asks, Window: window()}, reconcile.Task{Set: answers})
	if got.err != nil || other.err != nil {
		tb.Fatal(got.err, other.err)
	}
	return figure{got.Bytes, got.Rounds}
}

func TestFigures(t *testing.T) {
	t.Parallel()
	sizes := []int{10_000, 100_000, 1_000_000}
	if testing.Short() {
		sizes = sizes[:2]
	}
	for _, n := range sizes {
		for _, c := range []struct {
			name  string
			lacks func(int) bool
			most  figure
		}{
			{"equal", func(int) bool { return false }, figure{600, 1}},
			{"newest 10", newestMissing(n, 10), figure{1 << 10, 1}},
			{"newest 1,000", newestMissing(n, 1000), figure{12 << 10, 3}},
			{"10 scattered", scattered(n), figure{15 << 10, 5}},
		} {
			t.Run(fmt.Sprintf("%d/%s", n, c.name), func(t *testing.T) {
				whole, part := world(n, c.lacks)
				for i, sides := range [][2]*memory{{part, whole}, {whole, part}} {
					got := compare(t, sides[0], sides[1])
					t.Logf("%s: %d bytes, %d round trips", []string{"lacking side asks", "whole side asks"}[i], got.bytes, got.rounds)
					if got.bytes > c.most.bytes || got.rounds > c.most.rounds {
						t.Errorf("%d bytes and %d round trips, more than %d and %d", got.bytes, got.rounds, c.most.bytes, c.most.rounds)
					}
				}
			})
		}
	}
}

func BenchmarkComparison(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		for _, c := range []struct {
			name  string
			lacks func(int) bool
		}{
			{"equal", func(int) bool { return false }},
			{"newest10", newestMissing(n, 10)},
			{"newest1000", newestMissing(n, 1000)},
			{"scattered10", scattered(n)},
		} {
			b.Run(fmt.Sprintf("%d/%s", n, c.name), func(b *testing.B) {
				whole, part := world(n, c.lacks)
				var f figure
				for b.Loop() {
					f = compare(b, part, whole)
				}
				b.ReportMetric(float64(f.bytes), "B/session")
				b.ReportMetric(float64(f.rounds), "trips/session")
			})
		}
	}
}

// history writes real events, in turns of run by each of so many devices.
func history(tb testing.TB, n, writers, run int) (m *memory) {
	tb.Helper()
	m = newMemory()
	var all []*writer
	for i := range writers {
		all = append(all, newWriter(tb, byte(i+1)))
	}
	for i := range n {
		m.add(all[i/run%writers].say(start().Add(time.Duration(i)*time.Second), fmt.Sprintf("message %d of a conversation of some length", i)))
	}
	return m
}

// BenchmarkBodies moves real events over a loopback connection, verified.
func BenchmarkBodies(b *testing.B) {
	const n = 20_000
	for _, writers := range []int{1, 5} {
		from := history(b, n, writers, 3)
		b.Run(fmt.Sprintf("%dwriters", writers), func(b *testing.B) {
			for b.Loop() {
				to := newMemory()
				got, _ := meet(b, reconcile.Task{Set: to}, reconcile.Task{Set: from})
				if got.err != nil || got.Taken != n {
					b.Fatal(got)
				}
				b.ReportMetric(float64(got.Verified)/n, "signatures/event")
			}
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// same fails unless both sets have the same events.
func same(tb testing.TB, a, b *memory) {
	tb.Helper()
	if x, y := a.keys(), b.keys(); !slices.Equal(x, y) {
		tb.Fatalf("%d and %d events, not the same", len(x), len(y))
	}
}

func TestBothWays(t *testing.T) {
	t.Parallel()
	a, b := newMemory(), newMemory()
	w := []*writer{newWriter(t, 1), newWriter(t, 2), newWriter(t, 3)}
	for i := range 3000 {
		e := w[i%3].say(start().Add(time.Duration(i)*time.Minute), fmt.Sprint("message ", i))
		if i%7 != 0 {
			a.add(e)
		}
		if i%11 != 0 && i < 2900 {
			b.add(e)
		}
	}
	got, other := meet(t, reconcile.Task{Set: a}, reconcile.Task{Set: b})
	if got.err != nil || other.err != nil {
		t.Fatal(got.err, other.err)
	}
	got2, _ := meet(t, reconcile.Task{Set: a}, reconcile.Task{Set: b})
	if !got.Equal || got2.Passes != 1 || got2.Taken+got2.Given != 0 {
		t.Errorf("%+v, then %+v", got, got2)
	}
	same(t, a, b)
	t.Logf("%+v", got)
}
