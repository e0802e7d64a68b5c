package rendezvous

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// The bounds of what the local network may make us do.
const (
	maxNeighbours = 256
	maxLANDials   = 16
	lanFirst      = 2 * time.Second // before a second dial; doubling
	lanTries      = 6               // failures in a row before a neighbour is given up
	lanSteady     = time.Minute     // a connection that lasts so long was a good one
	lanManners    = 150 * time.Millisecond
)

// neighbours keeps the connections with the nodes that mDNS has seen. mDNS
// tells of a node once; when a connection breaks while both stay where they
// are, it is dialled again from here. It is safe for concurrent use.
type neighbours struct {
	host host.Host
	log  *slog.Logger
	wake chan struct{}

	mu    sync.Mutex
	known map[peer.ID]*neighbour
	dials int
}

// neighbour is a node of the local network.
type neighbour struct {
	info   peer.AddrInfo
	seen   time.Time
	next   time.Time // not dialled before; zero while it is connected
	since  time.Time // of the connection
	failed int
	under  bool // is being dialled
}

func newNeighbours(h host.Host, log *slog.Logger) *neighbours {
	return &neighbours{host: h, log: log, wake: make(chan struct{}, 1), known: make(map[peer.ID]*neighbour)}
}

func (n *neighbours) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.known)
}

// found takes in a node that mDNS has seen. Both sides see each other in the
// same moment: the one with the larger ID gives way to the other for a moment,
// so that they do not end up with two connections.
func (n *neighbours) found(info peer.AddrInfo, now time.Time) {
	if info.ID == n.host.ID() {
		return
	}
	var addrs []multiaddr.Multiaddr
	for _, a := range info.Addrs {
		if len(addrs) < maxAddresses && manet.IsThinWaist(a) && !manet.IsIPLoopback(a) && !manet.IsIPUnspecified(a) {
			addrs = append(addrs, a)
		}
	}
	if len(addrs) == 0 {
		return
	}
	if n.host.ID() > info.ID {
		now = now.Add(lanManners)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.known[info.ID] == nil && len(n.known) >= maxNeighbours {
		n.dropOldest()
	}
	was := n.known[info.ID]
	k := &neighbour{info: peer.AddrInfo{ID: info.ID, Addrs: addrs}, seen: now, next: now}
	if was != nil {
		k.under = was.under
	}
	n.known[info.ID] = k
	poke(n.wake)
}

func (n *neighbours) dropOldest() {
	var oldest *neighbour
	for _, k := range n.known {
		if oldest == nil || k.seen.Before(oldest.seen) {
			oldest = k
		}
	}
	delete(n.known, oldest.info.ID)
}

// run dials until ctx ends, and waits for the dials.
func (n *neighbours) run(ctx context.Context) error {
	sub, err := n.host.EventBus().Subscribe(new(event.EvtPeerConnectednessChanged), eventbus.BufSize(64))
	if err != nil {
		return fmt.Errorf("watching the connections: %w", err)
	}
	defer sub.Close()
	var wg sync.WaitGroup
	defer wg.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-n.wake:
		case e, ok := <-sub.Out():
			if !ok {
				return nil
			}
			if e, ok := e.(event.EvtPeerConnectednessChanged); ok && e.Connectedness == network.NotConnected {
				n.lost(e.Peer, time.Now())
			}
		}
		due, next := n.due(time.Now())
		for _, info := range due {
			wg.Go(func() { n.dial(ctx, info) })
		}
		timer.Reset(next)
	}
}

// lost has a neighbour dialled again whose last connection has ended.
func (n *neighbours) lost(p peer.ID, now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	k := n.known[p]
	if k == nil || !k.next.IsZero() {
		return
	}
	if now.Sub(k.since) >= lanSteady {
		k.failed = 0
	}
	n.fail(k, now)
}

// fail has a neighbour dialled again later, or gives it up: it is seen again
// if it comes back. The caller holds mu.
func (n *neighbours) fail(k *neighbour, now time.Time) {
	if k.failed++; k.failed >= lanTries {
		delete(n.known, k.info.ID)
		return
	}
	k.next = now.Add(lanFirst << (k.failed - 1))
}

// due returns whom to dial now, and when to look again.
func (n *neighbours) due(now time.Time) (dial []peer.AddrInfo, next time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	next = time.Hour
	for _, k := range n.known {
		switch {
		case k.under || k.next.IsZero():
		case n.host.Network().Connectedness(k.info.ID) == network.Connected:
			k.next, k.since = time.Time{}, now
		case k.next.After(now):
			next = min(next, k.next.Sub(now))
		case n.dials < maxLANDials:
			n.dials++
			k.under = true
			dial = append(dial, k.info)
		}
	}
	return dial, next
}

func (n *neighbours) dial(ctx context.Context, info peer.AddrInfo) {
	dial, cancel := context.WithTimeout(ctx, dialTimeout)
	err := n.host.Connect(dial, info)
	cancel()
	if err != nil && ctx.Err() == nil {
		n.log.Debug("a node of the local network does not answer", "peer", info.ID.ShortString(), "error", err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dials--
	poke(n.wake)
	k := n.known[info.ID]
	if k == nil {
		return
	}
	k.under = false
	switch {
	case !slices.EqualFunc(k.info.Addrs, info.Addrs, multiaddr.Multiaddr.Equal):
		// It was seen elsewhere meanwhile, and is dialled there.
	case err == nil:
		k.next = time.Now().Add(lanFirst) // unless it is still connected: see due
	default:
		n.fail(k, time.Now())
	}
}
