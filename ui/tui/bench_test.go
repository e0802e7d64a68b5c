package tui

import (
	"fmt"
	"slices"
	"testing"
	"time"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
)

// p99 reports the time that all but one in a hundred steps took less than.
func p99(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms-p99")
}

// BenchmarkKey is a key press to a drawn screen, with 200 chats of 1,000,000
// messages.
func BenchmarkKey(b *testing.B) {
	w := newWorld(b, 160, 48, 200, 1_000_000)
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		start := time.Now()
		if i%40 == 39 {
			w.m.composer.set("")
		}
		_, _ = w.m.Update(keyPress("a"))
		_ = w.m.View()
		took = append(took, time.Since(start))
	}
	p99(b, took)
}

// BenchmarkPageUp goes up through a conversation, pages being loaded on the way.
func BenchmarkPageUp(b *testing.B) {
	w := newWorld(b, 160, 48, 200, 1_000_000)
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		_, cmd := w.m.Update(keyPress("<pgup>"))
		_ = w.m.View()
		took = append(took, time.Since(start))
		w.do(cmd)
	}
	p99(b, took)
}

// BenchmarkBurst is a key press while 1,000 messages a second come in, which
// is 33 in each batch of the stream.
func BenchmarkBurst(b *testing.B) {
	w := newWorld(b, 160, 48, 200, 1_000_000)
	n := w.chats.total
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		var batch news
		for range 33 {
			n++
			w.chats.total = n
			batch.items = append(batch.items, &apiv1.WatchResponse{
				Fresh: true, News: &apiv1.WatchResponse_Message{Message: w.chats.messageAt("#chat0", n-1)},
			})
		}
		if i%40 == 39 {
			w.m.composer.set("")
		}
		start := time.Now()
		_, _ = w.m.Update(batch)
		_, _ = w.m.Update(keyPress("a"))
		_ = w.m.View()
		took = append(took, time.Since(start))
	}
	p99(b, took)
}

// BenchmarkSwitch opens one chat after the other.
func BenchmarkSwitch(b *testing.B) {
	w := newWorld(b, 160, 48, 200, 1_000_000)
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		start := time.Now()
		cmd := w.m.open(fmt.Sprintf("#chat%d", i%200))
		_ = w.m.View()
		took = append(took, time.Since(start))
		_ = cmd
	}
	p99(b, took)
}
