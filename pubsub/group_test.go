package pubsub_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/pubsub"
)

func TestGroup_EverybodyGetsEverythingOnce(t *testing.T) {
	t.Parallel()
	for _, size := range []int{5, 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				nodes := newSimulation(t).nodes(t, size)
				groups := make([]*pubsub.Group, size)
				for i, n := range nodes {
					groups[i] = n.join(t, "lobby")
				}
				time.Sleep(3 * time.Second)
				if n := len(groups[0].Peers()); n != size-1 {
					t.Fatalf("%d peers are in the group", n)
				}
				said := make([][]*event.Event, size)
				for round := range 10 {
					for i, n := range nodes {
						e := n.says(t, "lobby", fmt.Sprintf("%d of %d", round, i))
						said[i] = append(said[i], e)
						publish(t, groups[i], e)
					}
					time.Sleep(100 * time.Millisecond)
				}
				time.Sleep(5 * time.Second)
				for i, n := range nodes {
					var others []*event.Event
					for j := range nodes {
						if j != i {
							others = append(others, said[j]...)
						}
					}
					wantOnce(t, fmt.Sprint("node ", i), n.log, others)
					if m := len(groups[i].Members()); m != size-1 {
						t.Errorf("node %d has heard %d members", i, m)
					}
				}
			})
		})
	}
}

func TestGroup_GoesAroundACutLink(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sim := newSimulation(t)
		nodes := sim.nodes(t, 4)
		groups := make([]*pubsub.Group, len(nodes))
		for i, n := range nodes {
			groups[i] = n.join(t, "lobby")
		}
		time.Sleep(3 * time.Second)
		sim.setCut(t, nodes[0].host, nodes[1].host, true)
		var said []*event.Event
		for i := range 20 {
			e := nodes[0].says(t, "lobby", fmt.Sprint(i))
			said = append(said, e)
			publish(t, groups[0], e)
			time.Sleep(time.Second)
		}
		for i, n := range nodes[1:] {
			wantOnce(t, fmt.Sprint("node ", i+1), n.log, said)
		}
		// After the link is back, both see each other again.
		sim.setCut(t, nodes[0].host, nodes[1].host, false)
		time.Sleep(time.Minute)
		nodes[0].connect(t, nodes[1].host)
		time.Sleep(5 * time.Second)
		if n := len(groups[0].Peers()); n != 3 {
			t.Errorf("%d peers are back", n)
		}
		e := nodes[1].says(t, "lobby", "back")
		publish(t, groups[1], e)
		time.Sleep(time.Second)
		wantOnce(t, "node 0", nodes[0].log, []*event.Event{e})
	})
}

// A neighbour announces its topics once, when it connects. Whoever joins later
// must still know, or nothing that it says goes out.
func TestGroup_JoinedAfterConnecting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		nodes := newSimulation(t).nodes(t, 3)
		first := nodes[0].join(t, "lobby")
		second := nodes[1].join(t, "lobby")
		time.Sleep(3 * time.Second)
		early := nodes[0].says(t, "lobby", "early")
		publish(t, first, early)
		time.Sleep(time.Minute)

		late := nodes[2].join(t, "#Lobby")
		time.Sleep(100 * time.Millisecond)
		mine := nodes[2].says(t, "lobby", "hello")
		publish(t, late, mine)
		theirs := nodes[1].says(t, "lobby", "welcome")
		publish(t, second, theirs)
		time.Sleep(3 * time.Second)
		wantOnce(t, "the first", nodes[0].log, []*event.Event{mine, theirs})
		wantOnce(t, "the second", nodes[1].log, []*event.Event{early, mine})
		wantOnce(t, "the late one", nodes[2].log, []*event.Event{theirs})
	})
}

func TestGroup_NobodyThere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sim := newSimulation(t)
		a, b := sim.node(t), sim.node(t)
		g := a.join(t, "lobby")
		e := a.says(t, "lobby", "is anybody there?")
		if err := g.Publish(t.Context(), e); !errors.Is(err, pubsub.ErrNobody) {
			t.Fatalf("got %v", err)
		}
		b.join(t, "lobby")
		b.connect(t, a.host)
		// The first peer is the moment to publish again, and it must arrive
		// although the mesh has not been made yet.
		if err := a.waitPeers(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		publish(t, g, e)
		time.Sleep(200 * time.Millisecond)
		wantOnce(t, "the other", b.log, []*event.Event{e})

		if err := b.service.Leave("lobby"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if err := g.Publish(t.Context(), a.says(t, "lobby", "gone?")); !errors.Is(err, pubsub.ErrNobody) {
			t.Errorf("after the other left: %v", err)
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		if len(a.changes) != 2 || a.changes[1].Joined || a.changes[1].Peers != 0 || a.changes[1].Group != "lobby" {
			t.Errorf("changes %+v", a.changes)
		}
	})
}

// An honest burst is queued here and never lost there.
func TestGroup_PacesABurst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		nodes := newSimulation(t).nodes(t, 4)
		groups := make([]*pubsub.Group, len(nodes))
		for i, n := range nodes {
			groups[i] = n.join(t, "lobby")
		}
		time.Sleep(3 * time.Second)
		start := time.Now()
		var said []*event.Event
		for i := range 200 {
			said = append(said, nodes[0].says(t, "lobby", fmt.Sprint(i)))
		}
		publish(t, groups[0], said...)
		took := time.Since(start)
		if want := (len(said) - pubsub.SendBurst) / pubsub.SendRate * int(time.Second); took < time.Duration(want)-time.Second || took > time.Duration(want)+2*time.Second {
			t.Errorf("%d events took %s", len(said), took)
		}
		time.Sleep(5 * time.Second)
		for i, n := range nodes[1:] {
			wantOnce(t, fmt.Sprint("node ", i+1), n.log, said)
		}
		// What is not sent in time is taken back.
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		var more []*event.Event
		for i := range 2 * pubsub.SendBurst {
			more = append(more, nodes[0].says(t, "lobby", fmt.Sprint("more ", i)))
		}
		if err := groups[0].Publish(ctx, more...); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		// Publishing the rest again loses and repeats nothing.
		publish(t, groups[0], more...)
		time.Sleep(5 * time.Second)
		wantOnce(t, "node 1", nodes[1].log, append(said, more...))
	})
}

// The devices of one account share what receivers allow it.
func TestGroup_DevicesOfOneAccount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const devices, each = 3, 300
		sim := newSimulation(t)
		account := newAccount()
		other := sim.node(t)
		g := other.join(t, "lobby")
		var nodes []*node
		var groups []*pubsub.Group
		for range devices {
			n := newNode(t, newAuthor(t, account), sim.options()...)
			n.serve(t, nil)
			n.connect(t, other.host)
			for _, m := range nodes {
				n.connect(t, m.host)
			}
			nodes, groups = append(nodes, n), append(groups, n.join(t, "lobby"))
		}
		time.Sleep(3 * time.Second)
		var all []*event.Event
		done := make(chan error, devices)
		for i, n := range nodes {
			var mine []*event.Event
			for j := range each {
				mine = append(mine, n.says(t, "lobby", fmt.Sprint(i, j)))
			}
			all = append(all, mine...)
			go func() { done <- groups[i].Publish(t.Context(), mine...) }()
		}
		for range devices {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(5 * time.Second)
		wantOnce(t, "the other", other.log, all)
		if m := g.Members(); len(m) != 1 || m[0].Account != account.ID() {
			t.Errorf("members %v", m)
		}
	})
}

func TestGroup_Blocked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sim := newSimulation(t)
		bad, good := sim.node(t), sim.node(t)
		n := newNode(t, newAuthor(t, newAccount()), sim.options()...)
		n.serve(t, func(o *pubsub.Options) {
			o.AllowAuthor = func(a identity.AccountID) bool { return a != bad.device.Account() }
		})
		n.connect(t, bad.host)
		n.connect(t, good.host)
		g, h := bad.join(t, "lobby"), good.join(t, "lobby")
		n.join(t, "lobby")
		time.Sleep(3 * time.Second)
		publish(t, g, bad.says(t, "lobby", "spam"))
		e := good.says(t, "lobby", "hello")
		publish(t, h, e)
		time.Sleep(3 * time.Second)
		wantOnce(t, "the node", n.log, []*event.Event{e})
		wantOnce(t, "the good one", good.log, nil) // nobody passes on what is blocked
	})
}

// What is dated too far ahead is given to the log, which keeps it aside, and
// not passed on.
func TestGroup_FromTheFuture(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sim := newSimulation(t)
		a, b, c := sim.node(t), sim.node(t), sim.node(t)
		a.connect(t, b.host)
		b.connect(t, c.host)
		g := a.join(t, "lobby")
		b.join(t, "lobby")
		c.join(t, "lobby")
		time.Sleep(3 * time.Second)
		future := a.makes(t, event.Public("lobby"), event.TimeOf(time.Now().Add(time.Hour)), event.Text{Text: "later"})
		publish(t, g, future)
		time.Sleep(3 * time.Second)
		now := a.makes(t, event.Public("lobby"), event.TimeOf(time.Now().Add(9*time.Minute)), event.Text{Text: "now"})
		publish(t, g, now)
		time.Sleep(3 * time.Second)
		wantOnce(t, "the neighbour", b.log, []*event.Event{future, now})
		wantOnce(t, "the far one", c.log, []*event.Event{now})
	})
}

func TestGroup_Limits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sim := newSimulation(t)
		a, b := sim.node(t), sim.node(t)
		a.connect(t, b.host)
		for i := range pubsub.MaxTopics {
			a.join(t, fmt.Sprint("group", i))
			b.join(t, fmt.Sprint("group", i))
		}
		if _, err := a.service.Join(t.Context(), "one-more"); !errors.Is(err, pubsub.ErrTooMany) {
			t.Errorf("got %v", err)
		}
		if _, err := a.service.Join(t.Context(), "a b"); !errors.Is(err, event.ErrGroupName) {
			t.Errorf("got %v", err)
		}
		time.Sleep(3 * time.Second)
		g := a.join(t, "group63")
		if len(g.Peers()) != 1 {
			t.Error("the last group has nobody in it")
		}
		other := b.says(t, "group63", "not mine")
		if err := g.Publish(t.Context(), other); err == nil {
			t.Error("another device's event was published")
		}
		if err := g.Publish(t.Context(), a.says(t, "group1", "elsewhere")); err == nil {
			t.Error("an event was published in another group")
		}
		// The largest event there is goes through.
		text := make([]byte, event.MaxText)
		for i := range text {
			text[i] = 'x'
		}
		big := a.makes(t, event.Public("group63"), event.TimeOf(time.Now()), event.File{
			Name: "x", Size: 1, Caption: string(text), MediaType: "image/png",
			Preview: &event.Preview{MediaType: "image/png", Width: 1, Height: 1, Data: make([]byte, event.MaxPreview)},
		})
		publish(t, g, big)
		time.Sleep(3 * time.Second)
		wantOnce(t, "the other", b.log, []*event.Event{big})
		if err := a.service.Leave("group63"); err != nil {
			t.Fatal(err)
		}
		if err := g.Publish(t.Context(), big); !errors.Is(err, pubsub.ErrClosed) {
			t.Errorf("after leaving: %v", err)
		}
		a.join(t, "one-more")
	})
}

// A store that fails gets the same events again; one that is slow gets them in
// fewer calls.
func TestGroup_StoreFailsAndRecovers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		nodes := newSimulation(t).nodes(t, 2)
		g := nodes[0].join(t, "lobby")
		nodes[1].join(t, "lobby")
		time.Sleep(3 * time.Second)
		nodes[1].log.setFail(errors.New("the disk is full"))
		var said []*event.Event
		for i := range 100 {
			e := nodes[0].says(t, "lobby", fmt.Sprint(i))
			said = append(said, e)
			publish(t, g, e)
		}
		time.Sleep(time.Minute)
		nodes[1].log.setFail(nil)
		time.Sleep(10 * time.Second)
		wantOnce(t, "the other", nodes[1].log, said)
		if calls := nodes[1].log.calls; calls > 3 {
			t.Errorf("%d events were stored in %d calls", len(said), calls)
		}
		if s := nodes[1].service.Stats(); s.Taken != 100 || s.Dropped != 0 || s.Rejected != 0 {
			t.Errorf("stats %+v", s)
		}
	})
}
