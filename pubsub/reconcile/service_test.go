package reconcile_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/pubsub/reconcile"
)

// node is a service with one set, and the others that it can reach.
type node struct {
	*reconcile.Service
	name peer.ID
	set  *memory
	done chan reconcile.Report
}

type town struct {
	t     *testing.T
	mu    sync.Mutex
	nodes map[peer.ID]*node
	stall map[peer.ID]bool // takes streams and says nothing
	may   func(who, asks peer.ID) bool
}

func newTown(t *testing.T) *town {
	t.Helper()
	return &town{t: t, nodes: make(map[peer.ID]*node), stall: make(map[peer.ID]bool), may: func(_, _ peer.ID) bool { return true }}
}

func (w *town) add(name peer.ID, set *memory) *node {
	w.t.Helper()
	n := &node{name: name, set: set, done: make(chan reconcile.Report, 100)}
	n.Service = reconcile.New(reconcile.Config{
		Open: func(ctx context.Context, p peer.ID) (reconcile.Closer, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			to := w.nodes[p]
			if to == nil {
				return nil, errors.New("nobody there")
			}
			a, b := pipe(w.t)
			if !w.stall[p] {
				go to.Handle(ctx, name, b)
			}
			return a, nil
		},
		Task: func(context.Context, peer.ID, event.ConversationID) (reconcile.Task, error) {
			return reconcile.Task{Set: set}, nil
		},
		May: func(p peer.ID, _ event.ConversationID) bool { return w.may(name, p) },
		Done: func(r reconcile.Report) {
			select {
			case n.done <- r:
			default:
			}
		},
	})
	w.mu.Lock()
	w.nodes[name] = n
	w.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = n.Run(ctx)
	}()
	w.t.Cleanup(func() {
		cancel()
		<-ended
	})
	return n
}

// next waits for the end of a session.
func (n *node) next(t *testing.T) reconcile.Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	select {
	case r := <-n.done:
		return r
	case <-ctx.Done():
		t.Fatal("no session has ended")
		return reconcile.Report{}
	}
}

func TestServiceAsksOneAfterTheOther(t *testing.T) {
	t.Parallel()
	all := pool(t, 300)
	w := newTown(t)
	a, b, c := newMemory(), newMemory(), newMemory()
	b.add(all[:200]...)
	c.add(all[100:]...)
	ann := w.add("ann", a)
	w.add("bob", b)
	w.add("cy", c)
	ann.Ask(room(), 0, "bob", "cy")
	first, second := ann.next(t), ann.next(t)
	if first.Err != nil || second.Err != nil || a.Len() != 300 {
		t.Fatalf("%d events, %+v %+v", a.Len(), first, second)
	}
	if first.Result.Taken+second.Result.Taken != 300 {
		t.Errorf("%d and %d taken: something came twice", first.Result.Taken, second.Result.Taken)
	}
}

func TestServiceLeavesAPeerForAnother(t *testing.T) {
	t.Parallel()
	all := pool(t, 100)
	w := newTown(t)
	a, b := newMemory(), newMemory()
	b.add(all...)
	ann := w.add("ann", a)
	w.add("bob", b)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, err := ann.Fetch(ctx, room(), reconcile.Window{Limit: 30}, []peer.ID{"nobody", "bob"})
	if err != nil || r.Taken != 30 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := ann.Fetch(ctx, room(), reconcile.Window{}, nil); !errors.Is(err, reconcile.ErrNobody) {
		t.Errorf("nobody was asked: %v", err)
	}
}

func TestServiceRefuses(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.may = func(who, asks peer.ID) bool { return who != "bob" || asks != "eve" }
	b := newMemory()
	b.add(pool(t, 10)...)
	w.add("bob", b)
	eve := w.add("eve", newMemory())
	if _, err := eve.Fetch(t.Context(), room(), reconcile.Window{}, []peer.ID{"bob"}); !errors.Is(err, reconcile.ErrRefused) || eve.set.Len() != 0 {
		t.Errorf("%d events, %v", eve.set.Len(), err)
	}
}

func TestServiceBoundsWhatIsAsked(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	b := newMemory()
	b.add(pool(t, 10)...)
	w.add("bob", b)
	eve := w.add("eve", newMemory())
	busy := 0
	for range 100 {
		if _, err := eve.Fetch(t.Context(), room(), reconcile.Window{}, []peer.ID{"bob"}); errors.Is(err, reconcile.ErrBusy) {
			busy++
		}
	}
	if busy < 20 {
		t.Errorf("%d of 100 sessions in a row were put off", busy)
	}
}
