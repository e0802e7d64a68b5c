package pubsub

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	gossip "github.com/libp2p/go-libp2p-pubsub"
	gossippb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/peer"
	"google.golang.org/protobuf/proto"
)

func TestBucket(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b bucket
		if !b.take(time.Now(), 50, 10, 50) || b.take(time.Now(), 1, 10, 50) {
			t.Error("a full bucket holds one burst")
		}
		time.Sleep(time.Second)
		if b.take(time.Now(), 11, 10, 50) || !b.take(time.Now(), 10, 10, 50) {
			t.Error("a second brings ten")
		}
		time.Sleep(time.Hour)
		if b.take(time.Now(), 51, 10, 50) || !b.take(time.Now(), 50, 10, 50) {
			t.Error("it holds no more than one burst")
		}
		// A clock that is set back changes nothing.
		if b.take(time.Now().Add(-time.Hour), 1, 10, 50) {
			t.Error("the past brings something")
		}
		b.charge(time.Now(), 1000, 10, 50)
		if n, wait := b.whole(time.Now(), 1, 10, 50); n != 0 || wait > 6*time.Second {
			t.Errorf("%d tokens, %v", n, wait)
		}
	})
}

func TestRecent(t *testing.T) {
	t.Parallel()
	r := newRecent[int, string](3)
	for i := range 3 {
		r.put(i, fmt.Sprint(i))
	}
	r.get(0)
	r.put(2, "two")
	r.put(3, "3")
	if _, ok := r.get(1); ok {
		t.Error("the least recently used is still there")
	}
	if got := fmt.Sprint(r.values()); got != "[3 two 0]" {
		t.Errorf("got %s", got)
	}
}

func announce(subscribe bool, topics ...string) []*gossippb.RPC_SubOpts {
	var subs []*gossippb.RPC_SubOpts
	for _, name := range topics {
		subs = append(subs, &gossippb.RPC_SubOpts{Subscribe: proto.Bool(subscribe), Topicid: proto.String(name)})
	}
	return subs
}

func TestSubscriptions(t *testing.T) {
	t.Parallel()
	ours := map[string]bool{"ours": true}
	s := newSubscriptions(func(topic string) bool { return ours[topic] })
	filter := func(p peer.ID, subs []*gossippb.RPC_SubOpts) int {
		t.Helper()
		out, err := s.FilterIncomingSubscriptions(p, subs)
		if err != nil {
			t.Fatal(err)
		}
		return len(out)
	}
	var many []string
	for i := range 3 * MaxTopics {
		many = append(many, fmt.Sprint("topic", i))
	}
	if n := filter("a", announce(true, many[:MaxTopics]...)); n != MaxTopics {
		t.Errorf("%d of a good peer's topics were kept", n)
	}
	if n := filter("a", announce(true, many[MaxTopics:2*MaxTopics]...)); n != 0 {
		t.Errorf("%d more were kept", n)
	}
	if n := filter("a", announce(true, "ours", many[0])); n != 2 {
		t.Error("our topic, or one kept before, was not kept")
	}
	if n := filter("b", announce(true, append(many, "ours")...)); n != 1 {
		t.Errorf("%d of too many at once were kept", n)
	}
	if n := filter("a", announce(false, many...)); n != MaxTopics {
		t.Errorf("%d were taken back", n)
	}
	if n := filter("a", announce(true, many[MaxTopics:MaxTopics+10]...)); n != 10 {
		t.Errorf("%d were kept after others were taken back", n)
	}
	if n := filter("c", announce(true, string(make([]byte, maxTopicName+1)))); n != 0 {
		t.Error("an endless name was kept")
	}
	s.sweep(func(p peer.ID) bool { return p == "a" })
	s.forget("b")
	if len(s.kept) != 0 {
		t.Errorf("%d peers are remembered", len(s.kept))
	}
}

func TestAllowanceOfLateEventsIsApart(t *testing.T) {
	t.Parallel()
	a := newAuthors[string]()
	now := time.Now()
	if !a.allow("ann", 0, TakeBurst, now) || a.allow("ann", 0, 1, now) {
		t.Error("late events have one burst")
	}
	if !a.allow("ann", TakeBurst, 0, now) || a.allow("ann", 1, 0, now) {
		t.Error("late events used up what live ones may")
	}
	if !a.allow("bob", 1, 1, now) {
		t.Error("one author used up another's allowance")
	}
}

// What a neighbour sends beyond its allowance is taken out before gossipsub
// sees it, so that it does not count as seen, and so is control that could
// cost more than it is worth.
func TestInspector_Bounds(t *testing.T) {
	t.Parallel()
	s := fuzzService(t)
	if _, err := s.Join(t.Context(), "lobby"); err != nil {
		t.Fatal(err)
	}
	d := fuzzDevice(t, 1)
	data, err := encodeBatch([][]byte{fuzzEvent(t, d, "lobby", "x")})
	if err != nil {
		t.Fatal(err)
	}
	send := func(from peer.ID, n int) int {
		rpc := new(gossip.RPC)
		for range n {
			rpc.Publish = append(rpc.Publish, &gossippb.Message{
				From: []byte(d.ID().Peer()), Seqno: make([]byte, 8), Topic: proto.String(TopicPrefix + "lobby"), Data: data,
			})
		}
		if err := s.inspector.inspect(from, rpc); err != nil {
			t.Fatal(err)
		}
		return len(rpc.Publish)
	}
	start, passed := time.Now(), 0
	for range 100 {
		passed += send("greedy", 100)
	}
	most := linkMessageBurst + int(linkMessageRate*time.Since(start).Seconds()) + 1
	if passed < linkMessageBurst || passed > most {
		t.Errorf("%d messages of one neighbour passed", passed)
	}
	if strikes := s.inspector.strikes("greedy"); strikes*strikeWeight > ignored/2 {
		t.Errorf("it has %.1f strikes", strikes)
	}
	if n := send("modest", 100); n != 100 || s.inspector.strikes("modest") != 0 {
		t.Errorf("%d messages of another passed", n)
	}
	if n := send("odd", maxMessagesRPC+1); n != 0 || s.inspector.strikes("odd") == 0 {
		t.Errorf("%d messages of an endless frame passed", n)
	}
	for name, c := range map[string]*gossippb.ControlMessage{
		"grafts":   {Graft: make([]*gossippb.ControlGraft, maxControlRPC+1)},
		"prunes":   {Prune: make([]*gossippb.ControlPrune, maxControlRPC+1)},
		"ihave":    {Ihave: []*gossippb.ControlIHave{{MessageIDs: []string{string(make([]byte, maxMessageID+1))}}}},
		"iwant":    {Iwant: []*gossippb.ControlIWant{{MessageIDs: []string{string(make([]byte, maxMessageID+1))}}}},
		"dontwant": {Idontwant: []*gossippb.ControlIDontWant{{MessageIDs: []string{string(make([]byte, maxMessageID+1))}}}},
	} {
		rpc := &gossip.RPC{RPC: gossippb.RPC{Control: c}}
		if err := s.inspector.inspect(peer.ID(name), rpc); err != nil || rpc.Control != nil {
			t.Errorf("%s were left: %v", name, err)
		}
	}
}
