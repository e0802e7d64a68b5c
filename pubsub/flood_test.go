package pubsub_test

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"
	"time"

	gossippb "github.com/libp2p/go-libp2p-pubsub/pb"
	"google.golang.org/protobuf/proto"

	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/pubsub"
)

// These tests measure the heap of the whole process, so they do not run beside
// others. They use real connections: the machine's own speed is the point.

// flood has a hostile peer write frames to bob as fast as he takes them while
// ann says something ten times a second. It wants all of that to arrive and
// the heap to grow by no more than limit bytes.
func flood(t *testing.T, limit uint64, makeFrame func(x *hostile, i int) []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	ann := newNode(t, newAuthor(t, newAccount()), loopback()...)
	bob := newNode(t, newAuthor(t, newAccount()), loopback()...)
	ann.serve(t, nil)
	bob.serve(t, nil)
	ann.connect(t, bob.host)
	g := ann.join(t, "lobby")
	bob.join(t, "lobby")
	if err := ann.waitPeers(ctx, 1); err != nil {
		t.Fatal(err)
	}
	a := newAuthor(t, newAccount())
	x := newHostile(t, newHost(t, a, loopback()...), a)
	bob.connect(t, x.host)
	x.subscribe(t, bob.host, lobby)

	before := heap()
	stop, stopped := context.WithCancel(ctx)
	ended := make(chan int)
	go func() {
		sent := 0
		for i := 0; stop.Err() == nil; i++ {
			b := makeFrame(x, i)
			if x.raw(stop, bob.host, b) != nil {
				runtime.Gosched() // it was cut off; go on knocking
			}
			sent += len(b)
		}
		ended <- sent
	}()
	var said []*event.Event
	peak := before
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for i := range 20 {
		<-tick.C
		e := ann.says(t, "lobby", fmt.Sprint(i))
		said = append(said, e)
		publish(t, g, e)
		if i%5 == 4 {
			peak = max(peak, heap())
		}
	}
	started := time.Now()
	ids := func() (n int) {
		counts := bob.log.counts()
		for _, e := range said {
			n += counts[e.ID()]
		}
		return n
	}
	for ids() < len(said) && time.Since(started) < time.Minute {
		<-tick.C
	}
	after := time.Since(started)
	stopped()
	sent := <-ended
	t.Logf("%d MiB sent, heap grew by %.1f MiB at most, the last message came %v after it was sent, %+v",
		sent>>20, float64(peak-before)/(1<<20), after.Round(time.Millisecond), bob.service.Stats())
	if n := ids(); n != len(said) {
		t.Errorf("%d of %d honest messages arrived", n, len(said))
	}
	if peak-before > limit {
		t.Errorf("the heap grew by %d MiB", (peak-before)>>20)
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func randomText(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return fmt.Sprintf("%x", b)
}

func TestFlood_Subscribe(t *testing.T) {
	flood(t, 16<<20, func(*hostile, int) []byte {
		rpc := new(gossippb.RPC)
		for range 60 {
			rpc.Subscriptions = append(rpc.Subscriptions, &gossippb.RPC_SubOpts{
				Subscribe: proto.Bool(true), Topicid: proto.String(pubsub.TopicPrefix + randomText(100)),
			})
		}
		return frame(t, rpc)
	})
}

func TestFlood_SubscribeManyAtOnce(t *testing.T) {
	flood(t, 16<<20, func(*hostile, int) []byte {
		rpc := new(gossippb.RPC)
		for range 1000 {
			rpc.Subscriptions = append(rpc.Subscriptions, &gossippb.RPC_SubOpts{
				Subscribe: proto.Bool(true), Topicid: proto.String(randomText(10)),
			})
		}
		return frame(t, rpc)
	})
}

func TestFlood_Control(t *testing.T) {
	ids := func(n int) []string {
		all := make([]string, n)
		for i := range all {
			all[i] = randomText(16)
		}
		return all
	}
	flood(t, 16<<20, func(_ *hostile, i int) []byte {
		c := new(gossippb.ControlMessage)
		switch topic := proto.String(lobby); i % 5 {
		case 0:
			c.Ihave = []*gossippb.ControlIHave{{TopicID: topic, MessageIDs: ids(1000)}}
		case 1:
			c.Iwant = []*gossippb.ControlIWant{{MessageIDs: ids(1000)}}
		case 2:
			c.Idontwant = []*gossippb.ControlIDontWant{{MessageIDs: ids(1000)}}
		case 3:
			for range 2500 {
				c.Graft = append(c.Graft, &gossippb.ControlGraft{TopicID: topic})
			}
		case 4:
			for range 2500 {
				c.Prune = append(c.Prune, &gossippb.ControlPrune{TopicID: topic, Backoff: proto.Uint64(1 << 60)})
			}
		}
		return frame(t, &gossippb.RPC{Control: c})
	})
}

func TestFlood_Garbage(t *testing.T) {
	flood(t, 16<<20, func(*hostile, int) []byte {
		b := make([]byte, 32<<10)
		_, _ = rand.Read(b)
		return b
	})
}

func TestFlood_ManySmallMessages(t *testing.T) {
	flood(t, 16<<20, func(*hostile, int) []byte {
		rpc := new(gossippb.RPC)
		for range 5000 {
			rpc.Publish = append(rpc.Publish, &gossippb.Message{Topic: proto.String(lobby)})
		}
		return frame(t, rpc)
	})
}

// Large messages whose signature is wrong cost the most before they are found
// out.
func TestFlood_InvalidSignatures(t *testing.T) {
	flood(t, 64<<20, func(x *hostile, i int) []byte {
		data := make([]byte, 60<<10)
		data[0] = 0x0a
		n := binary.PutUvarint(data[1:], uint64(len(data)-4))
		binary.BigEndian.PutUint64(data[1+n:], uint64(i))
		return frame(t, &gossippb.RPC{Publish: []*gossippb.Message{{
			From: []byte(x.device.ID().Peer()), Seqno: x.seqno(), Topic: proto.String(lobby), Data: data,
			Signature: make([]byte, 64),
		}}})
	})
}

// New authors cost nothing to make, so what a neighbour brings is bounded
// whoever said it.
func TestFlood_ManyAuthors(t *testing.T) {
	frames := make([][]byte, 2000)
	number := uint64(0)
	for i := range frames {
		a := newAuthor(t, newAccount())
		number++
		m := a.signed(t, lobby, binary.BigEndian.AppendUint64(nil, number), batch(a.says(t, "lobby", randomText(1000))))
		frames[i] = frame(t, &gossippb.RPC{Publish: []*gossippb.Message{m}})
	}
	flood(t, 64<<20, func(_ *hostile, i int) []byte { return frames[i%len(frames)] })
}
