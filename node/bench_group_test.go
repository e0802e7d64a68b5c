//go:build unix

package node_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gossip "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/identity/event"
)

// crowd is 20 nodes in one process, all connected with all, that can all speak
// in one group.
type crowd struct {
	say       func(node, count int) // at once; it may return before they are out
	delivered func() int            // to all other nodes together
	latencies func() []time.Duration
}

const (
	crowdSize = 20
	others    = crowdSize - 1
	eachSays  = 50 // in a burst
)

// gossipCrowd is gossipsub alone: signatures, but no certificates, no events
// and no store. Delivered means handed to the subscriber.
func gossipCrowd(b *testing.B, buffer int, options ...gossip.Option) *crowd {
	b.Helper()
	var n atomic.Int64
	var mu sync.Mutex
	var late []time.Duration
	ctx, cancel := context.WithCancel(context.Background())
	var readers sync.WaitGroup
	hosts, topics := make([]host.Host, crowdSize), make([]*gossip.Topic, crowdSize)
	for i := range hosts {
		h, err := bare()
		if err != nil {
			b.Fatal(err)
		}
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
		readers.Go(func() {
			for {
				m, err := sub.Next(ctx)
				if err != nil {
					return
				}
				if m.ReceivedFrom == h.ID() {
					continue
				}
				d := time.Since(time.Unix(0, int64(binary.BigEndian.Uint64(m.Data))))
				n.Add(1)
				mu.Lock()
				late = append(late, d)
				mu.Unlock()
			}
		})
		for _, other := range hosts[:i] {
			if err := h.Connect(b.Context(), peer.AddrInfo{ID: other.ID(), Addrs: other.Addrs()}); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Cleanup(func() {
		cancel()
		readers.Wait()
		for _, h := range hosts {
			_ = h.Close()
		}
	})
	settle(b, func() bool {
		for _, t := range topics {
			if len(t.ListPeers()) < others {
				return false
			}
		}
		return true
	})
	return &crowd{
		say: func(i, count int) {
			for range count {
				data := make([]byte, 100)
				binary.BigEndian.PutUint64(data, uint64(time.Now().UnixNano()))
				if err := topics[i].Publish(ctx, data); err != nil {
					b.Error(err)
				}
			}
		},
		delivered: func() int { return int(n.Load()) },
		latencies: func() []time.Duration {
			mu.Lock()
			defer mu.Unlock()
			all := late
			late = nil
			return all
		},
	}
}

// ledger notes when messages were said, and when they became durable where.
type ledger struct {
	mu   sync.Mutex
	said map[event.ID]time.Time
	came map[event.ID][]time.Time
	n    atomic.Int64
}

func (l *ledger) arrived(id event.ID) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.came[id] = append(l.came[id], now)
	if _, ours := l.said[id]; ours { // and no introduction
		l.n.Add(1)
	}
}

// say notes when a message was said, which may have arrived meanwhile.
func (l *ledger) say(id event.ID, start time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.said[id] = start
	l.n.Add(int64(len(l.came[id])))
}

// latencies are from the call of Send to durable at each of the others. One
// arrival of each message, the first, is the author's own.
func (l *ledger) latencies() (all []time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, start := range l.said {
		for i, at := range l.came[id] {
			if i > 0 {
				all = append(all, at.Sub(start))
			}
		}
	}
	clear(l.said)
	clear(l.came)
	return all
}

// kithCrowd is 20 whole nodes with encrypted, synced stores. Delivered means
// durable at the receiver.
func kithCrowd(b *testing.B) *crowd {
	b.Helper()
	l := &ledger{said: make(map[event.ID]time.Time), came: make(map[event.ID][]time.Time)}
	ctx, cancel := context.WithCancel(context.Background())
	var watchers sync.WaitGroup
	nodes := make([]*person, crowdSize)
	for i := range nodes {
		n := newPersonWith(b, fmt.Sprintf("Node%d", i), quiet)
		nodes[i] = n
		s, err := n.Status(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		for _, other := range nodes[:i] {
			if _, err := other.Connect(b.Context(), s.Addresses[0]); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := n.Join(b.Context(), "lobby", false); err != nil {
			b.Fatal(err)
		}
	}
	settle(b, func() bool {
		for _, n := range nodes {
			if c, err := n.ChatInfo(b.Context(), "#lobby"); err != nil || c.Members < others {
				return false
			}
		}
		return true
	})
	b.Cleanup(func() { cancel(); watchers.Wait() }) // before the nodes close
	for _, n := range nodes {
		watchers.Go(func() {
			if err := n.EachStored(ctx, l.arrived); err != nil && !errors.Is(err, context.Canceled) {
				b.Error(err)
			}
		})
	}
	var sent atomic.Int64
	say := func(n *person) {
		start := time.Now()
		m, err := n.Send(ctx, "#lobby", fmt.Sprintf("%0100d", sent.Add(1)), "", 0)
		if err != nil {
			b.Error(err)
			return
		}
		l.say(m.ID, start)
	}
	return &crowd{
		say: func(i, count int) {
			var wg sync.WaitGroup
			for range count {
				wg.Go(func() { say(nodes[i]) })
			}
			wg.Wait()
		},
		delivered: func() int { return int(l.n.Load() - sent.Load()) },
		latencies: l.latencies,
	}
}

// settle waits until everybody sees everybody, and then until the mesh is made
// and introductions are over.
func settle(b *testing.B, ready func() bool) {
	b.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for range 600 {
		<-tick.C
		if ready() {
			for range 50 {
				<-tick.C
			}
			return
		}
	}
	b.Fatal("the nodes do not find each other")
}

// wait returns when n were delivered, or when nothing has come for two
// seconds, and how long of that was waiting for nothing.
func (c *crowd) wait(n int) (idle time.Duration) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	last, quiet := c.delivered(), time.Now()
	for last < n {
		if idle = time.Since(quiet); idle > 2*time.Second {
			return idle
		}
		<-tick.C
		if now := c.delivered(); now != last {
			last, quiet = now, time.Now()
		}
	}
	return 0
}

// steady has the crowd say n messages at 100 a second. It returns the time of
// each delivery and the processor time of all, with what is done shortly after.
func (c *crowd) steady(b *testing.B, n int) ([]time.Duration, time.Duration) {
	b.Helper()
	before, busy := c.delivered(), cpuTime()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	var wg sync.WaitGroup
	for i := range n {
		<-tick.C
		wg.Go(func() { c.say(i%crowdSize, 1) })
	}
	wg.Wait()
	c.wait(before + n*others)
	for range 30 { // what is written behind, the search index above all
		<-tick.C
	}
	busy = cpuTime() - busy
	if got := c.delivered(); got != before+n*others {
		b.Errorf("%d of %d deliveries", got-before, n*others)
	}
	return c.latencies(), busy
}

// BenchmarkGroup20 is a public group of 20 nodes in one process in which 100
// messages a second are said, beside raw gossipsub with large queues, in turns
// of one second. kith's deliveries are durable.
func BenchmarkGroup20(b *testing.B) {
	crowds := []*crowd{gossipCrowd(b, 8192, tuned()...), kithCrowd(b)}
	var late [2][]time.Duration
	var busy [2]time.Duration
	const rounds, a = 16, 100
	for round := range rounds {
		for i, c := range crowds {
			l, t := c.steady(b, a)
			if round > 0 { // the first is for warming up
				late[i], busy[i] = append(late[i], l...), busy[i]+t
			}
		}
	}
	var p50, each [2]float64
	for i, name := range []string{"raw", "kith"} {
		p50[i], each[i] = micros(percentile(late[i], 50))/1000, micros(busy[i])/float64(len(late[i]))
		b.ReportMetric(p50[i], name+"-p50-ms")
		b.ReportMetric(micros(percentile(late[i], 99))/1000, name+"-p99-ms")
		b.ReportMetric(each[i], name+"-cpu-µs/delivery")
	}
	b.ReportMetric(p50[1]/p50[0], "p50-of-raw")
	b.ReportMetric(each[1]/each[0], "cpu-of-raw")
	b.ReportMetric(0, "ns/op")
}

// tuned are the settings under which gossipsub alone loses nothing.
func tuned() []gossip.Option {
	return []gossip.Option{gossip.WithPeerOutboundQueueSize(8192), gossip.WithValidateQueueSize(8192)}
}

// BenchmarkGroup20Flat has all 20 nodes of a group say 50 messages each at
// once, and then as fast as they can for some seconds more, beside raw
// gossipsub with its default and with large queues: what arrives, and how fast.
func BenchmarkGroup20Flat(b *testing.B) {
	for _, c := range []struct {
		name string
		make func(*testing.B) *crowd
	}{
		{"raw-default", func(b *testing.B) *crowd { return gossipCrowd(b, 32) }},
		{"raw-tuned", func(b *testing.B) *crowd { return gossipCrowd(b, 8192, tuned()...) }},
		{"kith", kithCrowd},
	} {
		b.Run(c.name, func(b *testing.B) {
			crowd := c.make(b)
			burst, burstLost := crowd.flat(1)
			rate, lost := crowd.flat(3)
			b.ReportMetric(burst, "burst-messages/s")
			b.ReportMetric(rate, "messages/s")
			b.ReportMetric(max(lost, burstLost), "%lost")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// flat has everybody say eachSays messages as fast as they can, that many
// times.
func (c *crowd) flat(times int) (rate, lost float64) {
	before, start := c.delivered(), time.Now()
	var wg sync.WaitGroup
	for i := range crowdSize {
		wg.Go(func() {
			for range times {
				c.say(i, eachSays)
			}
		})
	}
	wg.Wait()
	want := times * crowdSize * eachSays * others
	idle := c.wait(before + want)
	took, got := time.Since(start)-idle, c.delivered()-before
	return float64(got) / others / took.Seconds(), 100 * (1 - float64(got)/float64(want))
}
