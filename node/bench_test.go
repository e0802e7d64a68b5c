//go:build unix

package node_test

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/kith-chat/kith/node"
)

func percentile(all []time.Duration, p int) time.Duration {
	all = slices.Clone(all)
	slices.Sort(all)
	return all[(len(all)-1)*p/100]
}

// quiet runs a node without a log: formatting it is not what is measured.
func quiet(c *node.Config) { c.Log, c.AutoAccept = nil, 1<<40 }

// BenchmarkFirstMessage is two cold nodes of friends, one of which knows where
// the other was: from opening both to the first acknowledged message.
func BenchmarkFirstMessage(b *testing.B) {
	port := fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", 20_000+os.Getpid()%20_000)
	ann := newPersonWith(b, "Ann", quiet)
	bob := newPersonWith(b, "Bob", func(c *node.Config) { quiet(c); c.Listen = []string{port} })
	befriend(b, ann, bob)
	var all []time.Duration
	for range 20 {
		for _, p := range []*person{ann, bob} {
			if err := p.Close(); err != nil {
				b.Fatal(err)
			}
		}
		start := time.Now()
		bob.open()
		ann.open()
		if _, err := ann.Send(b.Context(), "@Bob", "first", "", 10*time.Second); err != nil {
			b.Fatal(err)
		}
		all = append(all, time.Since(start))
	}
	b.ReportMetric(micros(percentile(all, 50))/1000, "p50-ms")
	b.ReportMetric(micros(percentile(all, 100))/1000, "worst-ms")
	b.ReportMetric(0, "ns/op")
}
