package courier_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/courier"
	"github.com/kith-chat/kith/node/store"
)

// rested is a node over the real store: what the benchmarks measure.
type rested struct {
	*disk // for what the message path does not touch
	t     testing.TB
	h     host.Host
	s     *store.Store
	c     *courier.Courier
	peer  *rested
	with  *weightless // instead of the store, if not nil
	acked chan []event.ID
}

func newRested(b testing.TB, seed byte, manager network.ResourceManager) *rested {
	b.Helper()
	r := &rested{disk: newDisk(device(b, seed)), t: b, acked: make(chan []event.ID, 1<<16)}
	key, err := r.dev.HostKey()
	if err != nil {
		b.Fatal(err)
	}
	r.h, err = libp2p.New(libp2p.Identity(key), libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableRelay(), libp2p.ResourceManager(manager))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = r.h.Close() })
	opts := store.Options{Dir: b.TempDir(), Self: r.dev.Account(), MinFree: 1, Ballast: -1}
	_, _ = rand.Read(opts.Key[:])
	if r.s, err = store.Open(b.Context(), opts); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = r.s.Close() })
	return r
}

// pair are two friends on loopback TCP, connected.
func pair(b testing.TB) (*rested, *rested) {
	b.Helper()
	x, y := newRested(b, 1, &network.NullResourceManager{}), newRested(b, 2, &network.NullResourceManager{})
	join(b, x, y)
	return x, y
}

// join makes two nodes friends and lets their couriers run. It returns what
// ends them.
func join(b testing.TB, x, y *rested) func() {
	b.Helper()
	x.peer, y.peer = y, x
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	for _, r := range []*rested{x, y} {
		r.contacts[r.peer.dev.Account()] = courier.Contact{Account: r.peer.dev.Account(), State: courier.Friend}
		err := r.s.PutChat(b.Context(), store.Chat{ID: r.chat(), Kind: store.Direct, Peer: r.peer.dev.Account(), Joined: true})
		if err != nil {
			b.Fatal(err)
		}
		var log courier.Log = r
		var box courier.Outbox = r
		if r.with != nil {
			log, box = r.with, r.with
		}
		r.c, err = courier.New(courier.Config{
			Host: r.h, Device: r.dev, Log: log, Outbox: box, Composer: r, Contacts: r.disk, Self: r.disk, Devices: r.disk, Finder: r,
			Acknowledged: func(_ identity.AccountID, ids []event.ID) { r.acked <- ids },
		})
		if err != nil {
			b.Fatal(err)
		}
		wg.Go(func() { _ = r.c.Run(ctx) })
	}
	end := func() {
		cancel()
		wg.Wait()
	}
	b.Cleanup(end)
	if _, err := x.Reach(b.Context(), y.dev.Account()); err != nil {
		b.Fatal(err)
	}
	return end
}

func (r *rested) chat() event.ConversationID {
	return event.Direct(r.dev.Account(), r.peer.dev.Account())
}

func (r *rested) outgoing(text string) store.Outgoing {
	return store.Outgoing{
		Chat: r.chat(), To: []identity.AccountID{r.peer.dev.Account()},
		Sign: func(s store.Slot) (*event.Event, error) {
			return event.Sign(r.dev, event.Header{
				Conversation: r.chat(), Sequence: s.Sequence, Previous: s.Previous, Parents: s.Parents, Time: s.Time,
			}, event.Text{Text: text})
		},
	}
}

// say stores a message and wakes the courier.
func (r *rested) say(text string) event.ID {
	e, err := r.s.PutOutgoing(context.Background(), r.outgoing(text))
	if err != nil {
		r.t.Error(err)
		return event.ID{}
	}
	r.c.Wake(r.peer.dev.Account())
	return e.Event.ID()
}

// delivered waits until n more events were acknowledged.
func (r *rested) delivered(n int) {
	for n > 0 {
		n -= len(<-r.acked)
	}
}

func (r *rested) Reach(ctx context.Context, _ identity.AccountID) (peer.ID, error) {
	return r.peer.h.ID(), r.h.Connect(ctx, peer.AddrInfo{ID: r.peer.h.ID(), Addrs: r.peer.h.Addrs()})
}

func (r *rested) MayKnow(context.Context, peer.ID, identity.AccountID) bool { return true }

func (r *rested) PutIncoming(ctx context.Context, arrivals []courier.Arrival) error {
	events := make([]*event.Event, len(arrivals))
	for i, a := range arrivals {
		events[i] = a.Event
	}
	_, err := r.s.PutIncoming(ctx, events)
	return err
}

func (r *rested) PutReadBy(ctx context.Context, chat event.ConversationID, _ identity.AccountID, upTo event.ID) error {
	return r.s.PutReadBy(ctx, chat, upTo)
}

func (r *rested) Recipients(ctx context.Context) ([]identity.AccountID, error) {
	return r.s.OutboxAccounts(ctx)
}

func (r *rested) Queued(ctx context.Context, to identity.AccountID, after uint64, limit, bytes int) ([]courier.Queued, error) {
	rows, err := r.s.Outbox(ctx, to, after, limit)
	out := make([]courier.Queued, 0, len(rows))
	for _, q := range rows {
		if bytes <= 0 {
			break
		}
		bytes -= len(q.Bytes)
		out = append(out, courier.Queued{ID: q.ID, Position: q.Position, Bytes: q.Bytes})
	}
	return out, err
}

func (r *rested) Answered(ctx context.Context, to identity.AccountID, answers []courier.Answer) error {
	acks := make([]store.Ack, len(answers))
	for i, a := range answers {
		acks[i] = store.Ack{ID: a.ID, Refused: a.Refused.String()}
	}
	return r.s.PutAck(ctx, to, acks)
}

func (r *rested) Count(context.Context, identity.AccountID) (int, error) { return 0, nil }

const usual = "a message of usual length, such as people write"

// TestMemoryIsGivenBack talks over TCP under a real resource manager: what was
// reserved for streams and frames is given back.
func TestMemoryIsGivenBack(t *testing.T) {
	t.Parallel()
	managers := make([]network.ResourceManager, 2)
	for i := range managers {
		var err error
		managers[i], err = rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(rcmgr.DefaultLimits.AutoScale()))
		if err != nil {
			t.Fatal(err)
		}
	}
	x, y := newRested(t, 1, managers[0]), newRested(t, 2, managers[1])
	end := join(t, x, y)
	for range 300 {
		x.say(usual)
		y.say(usual)
	}
	x.delivered(300)
	y.delivered(300)
	end()
	for i, m := range managers {
		err := m.ViewService(courier.ServiceName, func(s network.ServiceScope) error {
			if stat := s.Stat(); stat.Memory != 0 || stat.NumStreamsInbound+stat.NumStreamsOutbound != 0 {
				t.Errorf("node %d still holds %+v", i, stat)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// echo is a raw libp2p stream on which bytes come back.
func echo(b *testing.B, x, y *rested) network.Stream {
	b.Helper()
	y.h.SetStreamHandler("/echo", func(s network.Stream) {
		_, err := io.Copy(s, s)
		_ = errors.Join(err, s.Close())
	})
	s, err := x.h.NewStream(b.Context(), y.h.ID(), "/echo")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Reset() })
	return s
}

// BenchmarkDirect is one message at a time, durable on both sides and
// acknowledged, beside what cannot be avoided: the same bytes there and back
// over a bare stream, and one synced write on each side. Both are measured in
// turns in the same run; the ratio is that of the medians.
func BenchmarkDirect(b *testing.B) {
	x, y := pair(b)
	s := echo(b, x, y)
	x.say(usual)
	x.delivered(1)
	buf := make([]byte, 450)
	var ours, floor []time.Duration
	i := 0
	for b.Loop() {
		i++
		start := time.Now()
		if _, err := s.Write(buf); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(s, buf); err != nil {
			b.Fatal(err)
		}
		for _, r := range []*rested{x, y} {
			if err := r.s.PutSetting(b.Context(), "floor/"+fmt.Sprint(i), make([]byte, 450)); err != nil {
				b.Fatal(err)
			}
		}
		floor = append(floor, time.Since(start))
		start = time.Now()
		x.say(usual)
		x.delivered(1)
		ours = append(ours, time.Since(start))
	}
	p50 := func(d []time.Duration) float64 {
		slices.Sort(d)
		return float64(d[len(d)/2].Microseconds())
	}
	b.ReportMetric(p50(ours), "p50-µs")
	b.ReportMetric(p50(floor), "floor-µs")
	b.ReportMetric(p50(ours)/p50(floor), "ratio")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkDirectBurst is many messages at once from 64 callers, durable on
// both sides; the clock stops at the last acknowledgement.
func BenchmarkDirectBurst(b *testing.B) {
	x, _ := pair(b)
	x.say(usual)
	x.delivered(1)
	b.SetParallelism(32)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			x.say(usual)
		}
	})
	x.delivered(b.N)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}

// weightless is a store that costs nothing: what remains is the courier.
type weightless struct {
	*rested
	mu   sync.Mutex
	rows []courier.Queued
}

func (w *weightless) PutIncoming(context.Context, []courier.Arrival) error { return nil }

func (w *weightless) Queued(_ context.Context, _ identity.AccountID, after uint64, limit, bytes int) ([]courier.Queued, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []courier.Queued
	for i := int(after); i < len(w.rows) && len(out) < limit && bytes > 0; i++ {
		out = append(out, w.rows[i])
		bytes -= len(w.rows[i].Bytes)
	}
	return out, nil
}

func (w *weightless) Answered(_ context.Context, _ identity.AccountID, answers []courier.Answer) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(answers) > 0 && answers[len(answers)-1].ID == w.rows[len(w.rows)-1].ID {
		w.rows = nil
	}
	return nil
}

func (w *weightless) Recipients(context.Context) ([]identity.AccountID, error) { return nil, nil }

// BenchmarkDirectAlone is the burst over a store that costs nothing: framing,
// the stream, and the verification of every event.
func BenchmarkDirectAlone(b *testing.B) {
	x, y := newRested(b, 1, &network.NullResourceManager{}), newRested(b, 2, &network.NullResourceManager{})
	left, right := &weightless{rested: x}, &weightless{rested: y}
	x.with, y.with = left, right
	join(b, x, y)
	for i := range b.N {
		e, err := x.outgoing(usual).Sign(store.Slot{Sequence: 1, Time: event.Time(i)})
		if err != nil {
			b.Fatal(err)
		}
		left.rows = append(left.rows, courier.Queued{ID: e.ID(), Position: uint64(i + 1), Bytes: e.Bytes()})
	}
	b.ReportAllocs()
	b.ResetTimer()
	x.c.Wake(y.dev.Account())
	x.delivered(b.N)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}

// BenchmarkDirectDrain is the way of what waited in the outbox, as when a
// friend comes online: read, sent, verified, stored and acknowledged.
func BenchmarkDirectDrain(b *testing.B) {
	x, _ := pair(b)
	x.say(usual)
	x.delivered(1)
	var outs []store.Outgoing
	for i := range b.N {
		outs = append(outs, x.outgoing(usual))
		if len(outs) == 256 || i == b.N-1 {
			if _, err := x.s.PutOutgoingBatch(b.Context(), outs); err != nil {
				b.Fatal(err)
			}
			outs = outs[:0]
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	x.c.Wake(x.peer.dev.Account())
	x.delivered(b.N)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}
