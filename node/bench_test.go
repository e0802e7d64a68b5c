package node_test

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"

	"github.com/kith-chat/kith/node"
)

func percentile(all []time.Duration, p int) time.Duration {
	slices.Sort(all)
	return all[(len(all)-1)*p/100]
}

// BenchmarkFirstMessage is two cold nodes of friends, one of which knows where
// the other was: from opening both to the first acknowledged message.
func BenchmarkFirstMessage(b *testing.B) {
	ann, bob := newPerson(b, "Ann"), newPerson(b, "Bob")
	port := fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", 20_000+os.Getpid()%20_000)
	bob.set = func(c *node.Config) { c.Listen = []string{port} }
	if err := bob.Close(); err != nil {
		b.Fatal(err)
	}
	bob.open()
	befriend(b, ann, bob)
	var all []time.Duration
	for b.Loop() {
		b.StopTimer()
		for _, p := range []*person{ann, bob} {
			if err := p.Close(); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
		start := time.Now()
		bob.open()
		ann.open()
		if _, err := ann.Send(b.Context(), "@Bob", "first", "", 10*time.Second); err != nil {
			b.Fatal(err)
		}
		all = append(all, time.Since(start))
	}
	b.ReportMetric(float64(percentile(all, 50).Milliseconds()), "p50-ms")
}

// BenchmarkStart opens and closes a node, beside a bare libp2p host.
func BenchmarkStart(b *testing.B) {
	ann := newPerson(b, "Ann")
	var ours, bare []time.Duration
	for b.Loop() {
		if err := ann.Close(); err != nil {
			b.Fatal(err)
		}
		start := time.Now()
		ann.open()
		ours = append(ours, time.Since(start))
		start = time.Now()
		h, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"))
		if err != nil {
			b.Fatal(err)
		}
		bare = append(bare, time.Since(start))
		if err := h.Close(); err != nil {
			b.Fatal(err)
		}
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(percentile(ours, 50).Milliseconds()), "p50-ms")
	b.ReportMetric(float64(percentile(bare, 50).Milliseconds()), "bare-host-p50-ms")
	b.ReportMetric(float64(m.HeapInuse>>20), "heap-MiB")
}
