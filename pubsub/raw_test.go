package pubsub_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	gossip "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/host"

	"github.com/kith-chat/kith/pubsub"
)

// foreign is another program: gossipsub with its defaults.
type foreign struct {
	host  host.Host
	topic *gossip.Topic
	sub   *gossip.Subscription
}

func newForeign(t *testing.T, sim *simulation, topic string) *foreign {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	h := newHost(t, newAuthor(t, newAccount()), sim.options()...)
	t.Cleanup(func() { cancel(); _ = h.Close() })
	g, err := gossip.NewGossipSub(ctx, h)
	if err != nil {
		t.Fatal(err)
	}
	f := &foreign{host: h}
	if f.topic, err = g.Join(topic); err != nil {
		t.Fatal(err)
	}
	if f.sub, err = f.topic.Subscribe(); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *foreign) wants(t *testing.T, data string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		m, err := f.sub.Next(ctx)
		if err != nil {
			t.Fatalf("waiting for %q: %v", data, err)
		}
		if m.ReceivedFrom != f.host.ID() {
			if string(m.Data) != data {
				t.Fatalf("got %q", m.Data)
			}
			return
		}
	}
}

type rawLog struct {
	mu  sync.Mutex
	got []pubsub.RawMessage
}

func (l *rawLog) add(m pubsub.RawMessage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.got = append(l.got, m)
}

func (l *rawLog) all() []pubsub.RawMessage {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]pubsub.RawMessage(nil), l.got...)
}

// Both ways with another program on its own topic, through another kith node
// as well.
func TestRaw_AnotherProgram(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const name = "universal-connectivity"
		sim := newSimulation(t)
		ann, bob := sim.node(t), sim.node(t)
		other := newForeign(t, sim, name)
		ann.connect(t, bob.host)
		bob.connect(t, other.host)
		var annLog, bobLog rawLog
		annT, err := ann.service.JoinRaw(t.Context(), name, annLog.add)
		if err != nil {
			t.Fatal(err)
		}
		bobT, err := bob.service.JoinRaw(t.Context(), name, bobLog.add)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		for _, text := range []string{"hello from kith", "\x00\xff not text", strings.Repeat("x", 60<<10)} {
			if err := annT.Publish(t.Context(), []byte(text)); err != nil {
				t.Fatal(err)
			}
			other.wants(t, text)
		}
		if err := other.topic.Publish(t.Context(), []byte("hello from elsewhere")); err != nil {
			t.Fatal(err)
		}
		if err := other.topic.Publish(t.Context(), []byte{0xff, 0xfe}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		got := annLog.all()
		if len(got) != 2 || string(got[0].Data) != "hello from elsewhere" || !got[0].Text || got[1].Text ||
			got[0].Peer != other.host.ID() || len(got[0].Seqno) != 8 || got[0].Received.IsZero() {
			t.Errorf("ann got %+v", got)
		}
		if n := len(bobLog.all()); n != 5 {
			t.Errorf("bob got %d messages", n)
		}
		if n := len(bobT.Peers()); n != 2 {
			t.Errorf("bob sees %d peers", n)
		}
		if s := bob.service.Stats(); s.Rejected+s.Excess+s.Dropped != 0 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestRaw_Replay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sim := newSimulation(t)
		bob := sim.node(t)
		x := sim.attack(t, bob)
		var log rawLog
		if _, err := bob.service.JoinRaw(t.Context(), "chat", log.add); err != nil {
			t.Fatal(err)
		}
		m := x.signed(t, "chat", x.seqno(), []byte("again"))
		for range 5 {
			x.publish(t, bob.host, m)
			time.Sleep(3 * time.Minute)
		}
		for i := range 1000 {
			x.publish(t, bob.host, x.signed(t, "chat", x.seqno(), fmt.Append(nil, i)))
		}
		time.Sleep(time.Second)
		if n := len(log.all()); n < pubsub.TakeBurst || n > pubsub.TakeBurst+pubsub.TakeRate+1 {
			t.Errorf("%d messages came through", n)
		}
	})
}

func TestRaw_Names(t *testing.T) {
	t.Parallel()
	n := newNode(t, newAuthor(t, newAccount()), loopback()...)
	n.serve(t, nil)
	for _, name := range []string{"", "/kith/1/group/lobby", "a\nb", "a\u202eb", "\xff", strings.Repeat("x", pubsub.MaxRawTopic+1)} {
		if _, err := n.service.JoinRaw(t.Context(), name, nil); !errors.Is(err, pubsub.ErrTopic) {
			t.Errorf("%q: %v", name, err)
		}
	}
	r, err := n.service.JoinRaw(t.Context(), "chat-room:libp2p", func(pubsub.RawMessage) {})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Publish(t.Context(), make([]byte, pubsub.MaxPayload+1)); !errors.Is(err, pubsub.ErrTooLong) {
		t.Errorf("got %v", err)
	}
	if err := r.Publish(t.Context(), []byte("x")); !errors.Is(err, pubsub.ErrNobody) {
		t.Errorf("got %v", err)
	}
	if err := n.service.LeaveRaw("chat-room:libp2p"); err != nil {
		t.Fatal(err)
	}
	if err := n.service.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := n.service.Join(t.Context(), "lobby"); !errors.Is(err, pubsub.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
