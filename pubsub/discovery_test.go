package pubsub_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/discovery"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/pubsub"
)

// board is where hosts post what they take part in.
type board struct {
	mu    sync.Mutex
	posts map[string][]peer.AddrInfo
}

// poster is one host's access to the board.
type poster struct {
	*board
	host host.Host
}

func (p poster) Advertise(_ context.Context, name string, _ ...discovery.Option) (time.Duration, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.posts[name] = append(p.posts[name], peer.AddrInfo{ID: p.host.ID(), Addrs: p.host.Addrs()})
	return time.Hour, nil
}

func (p poster) FindPeers(_ context.Context, name string, _ ...discovery.Option) (<-chan peer.AddrInfo, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	found := make(chan peer.AddrInfo, len(p.posts[name]))
	for _, i := range p.posts[name] {
		found <- i
	}
	close(found)
	return found, nil
}

// Members who are not connected find each other by the group's topic.
func TestGroup_Discovery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sim := newSimulation(t)
		b := &board{posts: make(map[string][]peer.AddrInfo)}
		var nodes []*node
		var groups []*pubsub.Group
		for range 3 {
			n := newNode(t, newAuthor(t, newAccount()), sim.options()...)
			n.serve(t, func(o *pubsub.Options) { o.Discovery = poster{b, n.host} })
			nodes, groups = append(nodes, n), append(groups, n.join(t, "lobby"))
		}
		time.Sleep(time.Minute)
		e := nodes[0].says(t, "lobby", "found you")
		publish(t, groups[0], e)
		time.Sleep(3 * time.Second)
		wantOnce(t, "the second", nodes[1].log, []*event.Event{e})
		wantOnce(t, "the third", nodes[2].log, []*event.Event{e})
	})
}
