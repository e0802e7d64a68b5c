package pubsub

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

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
		if n, wait := b.whole(time.Now(), 10, 50); n != 0 || wait > 6*time.Second {
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
