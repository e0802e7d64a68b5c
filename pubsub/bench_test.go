//go:build unix

package pubsub_test

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	gossip "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/pubsub"
)

// crowd is 20 nodes in one process that can all speak in one group. say hands
// over count messages of one node, each to be delivered to all others.
type crowd struct {
	say       func(node, count int)
	delivered func() int // to all nodes together, without repetitions
	latencies func() []time.Duration
}

const crowdSize = 20

// text is what the messages carry in all of the crowds: 8 bytes of time and
// some words.
func text(now time.Time) []byte {
	b := make([]byte, 100)
	binary.BigEndian.PutUint64(b, uint64(now.UnixNano()))
	return b
}

// arrivals collects deliveries.
type arrivals struct {
	n    atomic.Int64
	mu   sync.Mutex
	late []time.Duration
}

func (a *arrivals) add(sent time.Time) {
	a.n.Add(1)
	d := time.Since(sent)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.late = append(a.late, d)
}

func (a *arrivals) latencies() []time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := a.late
	a.late = nil
	return all
}

// kithCrowd is kith, with signed events and a log in memory.
func kithCrowd(b *testing.B) *crowd {
	b.Helper()
	a := new(arrivals)
	nodes, groups := make([]*node, crowdSize), make([]*pubsub.Group, crowdSize)
	for i := range nodes {
		n := newNode(b, newAuthor(b, newAccount()), loopback()...)
		n.log.onTake = func(events []*event.Event) {
			for _, e := range events {
				body, err := e.Body()
				if err != nil {
					b.Error(err)
					return
				}
				var nanos int64
				_, _ = fmt.Sscan(body.(event.Text).Text[:19], &nanos)
				a.add(time.Unix(0, nanos))
			}
		}
		n.serve(b, nil)
		nodes[i] = n
		for _, other := range nodes[:i] {
			n.connect(b, other.host)
		}
	}
	for i, n := range nodes {
		groups[i] = n.join(b, "lobby")
	}
	settle(b, func() bool {
		for _, g := range groups {
			if len(g.Peers()) < crowdSize-1 {
				return false
			}
		}
		return true
	})
	return &crowd{
		say: func(i, count int) {
			var events []*event.Event
			for range count {
				events = append(events, nodes[i].says(b, "lobby", fmt.Sprintf("%019d%081d", time.Now().UnixNano(), 0)))
			}
			if err := groups[i].Publish(b.Context(), events...); err != nil {
				b.Error(err)
			}
		},
		delivered: func() int { return int(a.n.Load()) }, latencies: a.latencies,
	}
}

// rawCrowd is gossipsub alone: no certificates, events or log.
func rawCrowd(b *testing.B, buffer int, options ...gossip.Option) *crowd {
	b.Helper()
	a := new(arrivals)
	hosts := make([]host.Host, crowdSize)
	topics := make([]*gossip.Topic, crowdSize)
	for i := range hosts {
		ctx, cancel := context.WithCancel(context.Background())
		h := newHost(b, newAuthor(b, newAccount()), loopback()...)
		hosts[i] = h
		g, err := gossip.NewGossipSub(ctx, h, options...)
		if err != nil {
			b.Fatal(err)
		}
		if topics[i], err = g.Join("bench"); err != nil {
			b.Fatal(err)
		}
		sub, err := topics[i].Subscribe(gossip.WithBufferSize(buffer))
		if err != nil {
			b.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				m, err := sub.Next(ctx)
				if err != nil {
					return
				}
				if m.ReceivedFrom != h.ID() {
					a.add(time.Unix(0, int64(binary.BigEndian.Uint64(m.Data))))
				}
			}
		}()
		b.Cleanup(func() { cancel(); <-done; _ = h.Close() })
		for _, other := range hosts[:i] {
			if err := h.Connect(b.Context(), peer.AddrInfo{ID: other.ID(), Addrs: other.Addrs()}); err != nil {
				b.Fatal(err)
			}
		}
	}
	settle(b, func() bool {
		for _, topic := range topics {
			if len(topic.ListPeers()) < crowdSize-1 {
				return false
			}
		}
		return true
	})
	return &crowd{
		say: func(i, count int) {
			for range count {
				if err := topics[i].Publish(b.Context(), text(time.Now())); err != nil {
					b.Error(err)
				}
			}
		},
		delivered: func() int { return int(a.n.Load()) }, latencies: a.latencies,
	}
}

// tuned are the settings under which gossipsub alone loses nothing.
func tuned() []gossip.Option {
	return []gossip.Option{gossip.WithPeerOutboundQueueSize(8192), gossip.WithValidateQueueSize(8192)}
}

// settle waits until everybody sees everybody and the mesh is made.
func settle(b *testing.B, ready func() bool) {
	b.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for range 300 {
		<-tick.C
		if ready() {
			for range 30 {
				<-tick.C
			}
			return
		}
	}
	b.Fatal("the nodes do not find each other")
}

// wait returns when n were delivered, or when nothing has come for two seconds.
func (c *crowd) wait(n int) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	last, quiet := c.delivered(), time.Now()
	for last < n && time.Since(quiet) < 2*time.Second {
		<-tick.C
		if now := c.delivered(); now != last {
			last, quiet = now, time.Now()
		}
	}
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// steady has the crowd say n messages at 100 a second and returns how long
// each delivery took and the processor time of all.
func (c *crowd) steady(b *testing.B, n int) ([]time.Duration, time.Duration) {
	b.Helper()
	before, busy := c.delivered(), cpu()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	var wg sync.WaitGroup
	for i := range n {
		<-tick.C
		wg.Go(func() { c.say(i%crowdSize, 1) })
	}
	wg.Wait()
	want := before + n*(crowdSize-1)
	c.wait(want)
	busy = cpu() - busy
	if got := c.delivered(); got != want {
		b.Errorf("%d of %d deliveries", got-before, want-before)
	}
	return c.latencies(), busy
}

// BenchmarkGroup20 compares a message through kith with one through gossipsub
// alone: 20 nodes in one process, 100 messages a second, b.N messages of each
// in turns of one second, so that whatever else the machine does meets both.
func BenchmarkGroup20(b *testing.B) {
	crowds := []*crowd{rawCrowd(b, 8192, tuned()...), kithCrowd(b)}
	late, busy := make([][]time.Duration, 2), make([]time.Duration, 2)
	b.ResetTimer()
	for done := 0; done < b.N; done += 100 {
		for i, c := range crowds {
			l, t := c.steady(b, min(100, b.N-done))
			late[i], busy[i] = append(late[i], l...), busy[i]+t
		}
	}
	var p50, each [2]float64
	for i, name := range []string{"raw", "kith"} {
		slices.SortFunc(late[i], cmp.Compare)
		p50[i] = late[i][len(late[i])/2].Seconds() * 1000
		each[i] = busy[i].Seconds() * 1e6 / float64(len(late[i]))
		b.ReportMetric(p50[i], name+"-p50-ms")
		b.ReportMetric(late[i][len(late[i])*99/100].Seconds()*1000, name+"-p99-ms")
		b.ReportMetric(each[i], name+"-cpu-µs/delivery")
	}
	b.ReportMetric(p50[1]/p50[0], "p50-ratio")
	b.ReportMetric(each[1]/each[0], "cpu-ratio")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkGroup20Flat has all 20 nodes say 50 messages each at once, b.N
// times over, as fast as they can.
func BenchmarkGroup20Flat(b *testing.B) {
	for _, c := range []struct {
		name string
		make func(*testing.B) *crowd
	}{
		{"raw-default", func(b *testing.B) *crowd { return rawCrowd(b, 32) }},
		{"raw-tuned", func(b *testing.B) *crowd { return rawCrowd(b, 8192, tuned()...) }},
		{"kith", kithCrowd},
	} {
		b.Run(c.name, func(b *testing.B) {
			crowd := c.make(b)
			const each = pubsub.SendBurst
			b.ResetTimer()
			start := time.Now()
			var wg sync.WaitGroup
			for i := range crowdSize {
				wg.Go(func() {
					for range b.N {
						crowd.say(i, each)
					}
				})
			}
			wg.Wait()
			sent := b.N * crowdSize * each
			crowd.wait(sent * (crowdSize - 1))
			took := time.Since(start)
			got := crowd.delivered()
			if got < sent*(crowdSize-1) {
				took -= 2 * time.Second // spent waiting for what was lost
			}
			b.ReportMetric(float64(got)/(crowdSize-1)/took.Seconds(), "messages/s")
			b.ReportMetric(100*(1-float64(got)/float64(sent*(crowdSize-1))), "%lost")
		})
	}
}
