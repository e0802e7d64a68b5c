package store_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/store"
)

// rawBadger is the reference: the same number of bytes in one synced Badger
// transaction each.
func rawBadger(b *testing.B) *badger.DB {
	b.Helper()
	db, err := badger.Open(badger.DefaultOptions(b.TempDir()).WithSyncWrites(true).WithLogger(nil))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	return db
}

func rawWrite(b *testing.B, db *badger.DB, i int) {
	b.Helper()
	err := db.Update(func(txn *badger.Txn) error {
		return txn.Set(fmt.Appendf(nil, "key %d", i), make([]byte, 700))
	})
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkSend is one durable message of our own, beside one synced write of
// Badger alone.
func BenchmarkSend(b *testing.B) {
	w := newWorld(b)
	db := rawBadger(b)
	var ours, raw time.Duration
	i := 0
	for b.Loop() {
		i++
		start := time.Now()
		rawWrite(b, db, i)
		middle := time.Now()
		w.send("a message of usual length, such as people write")
		raw += middle.Sub(start)
		ours += time.Since(middle)
	}
	b.ReportMetric(float64(ours)/float64(raw), "ratio-to-badger")
	b.ReportMetric(float64(ours.Microseconds())/float64(b.N), "µs/send")
}

// BenchmarkSendBurst is a burst of messages from 64 callers at once.
func BenchmarkSendBurst(b *testing.B) {
	w := newWorld(b)
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := w.s.PutOutgoing(context.Background(), w.outgoing(event.Text{Text: "a message of usual length, such as people write"})); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}

// BenchmarkReceiveBurst stores verified events in batches of 256.
func BenchmarkReceiveBurst(b *testing.B) {
	w := newWorld(b)
	bob := &speaker{t: b, dev: w.bob, chat: w.direct.ID}
	n := 0
	for b.Loop() {
		b.StopTimer()
		var batch []*event.Event
		for range 256 {
			e := bob.say(time.Now(), event.Text{Text: "a message of usual length, such as people write"})
			if err := e.Verify(nil); err != nil {
				b.Fatal(err)
			}
			batch = append(batch, e)
		}
		b.StartTimer()
		if _, err := w.s.PutIncoming(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
		n += len(batch)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "messages/s")
}

// full is a store with KITH_BENCH_N messages (100,000 unless set).
func full(b *testing.B) *world {
	b.Helper()
	n := 100_000
	if s := os.Getenv("KITH_BENCH_N"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	w := newWorld(b)
	words := []string{"meeting", "tomorrow", "coffee", "report", "garden", "我们明天见面", "今天天气很好", "下午去公园", "请把文件发给我", "谢谢你"}
	var batch []store.Outgoing
	for i := range n {
		text := fmt.Sprintf("%s %s number %d", words[i%len(words)], words[(i/7)%len(words)], i)
		if i%5000 == 0 {
			text += " 水晶球 needle"
		}
		batch = append(batch, w.outgoing(event.Text{Text: text}))
		if len(batch) == 256 || i == n-1 {
			if _, err := w.s.PutOutgoingBatch(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
			batch = batch[:0]
		}
	}
	if _, _, err := w.s.Search(b.Context(), store.SearchQuery{Text: "needle", Limit: 1}); err != nil { // the index is complete
		b.Fatal(err)
	}
	return w
}

// BenchmarkFullStore reads a store of many messages: its newest page, searches,
// and its opening.
func BenchmarkFullStore(b *testing.B) {
	w := full(b)
	b.Run("newest-page", func(b *testing.B) {
		measure(b, func() { w.history(50) })
	})
	for name, q := range map[string]string{"english-rare": "needle", "english-common": "garden report", "english-prefix": "gard", "chinese-rare": "水晶球", "chinese-common": "明天见面"} {
		b.Run("search-"+name, func(b *testing.B) {
			measure(b, func() {
				got, _, err := w.s.Search(b.Context(), store.SearchQuery{Text: q, Limit: 20})
				if err != nil || len(got) == 0 {
					b.Fatalf("%d found, %v", len(got), err)
				}
			})
		})
	}
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			if err := w.s.Close(); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			w.open()
		}
	})
}

// measure reports the median and the 95th percentile of fn.
func measure(b *testing.B, fn func()) {
	b.Helper()
	var all []time.Duration
	for b.Loop() {
		start := time.Now()
		fn()
		all = append(all, time.Since(start))
	}
	slices.Sort(all)
	b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(all[len(all)*95/100].Microseconds())/1000, "p95-ms")
}
