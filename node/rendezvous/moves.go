package rendezvous

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	manet "github.com/multiformats/go-multiaddr/net"
)

const (
	// watchInterfaces is how often the addresses of this machine are looked
	// at, so that a changed Wi-Fi is noticed.
	watchInterfaces = 2 * time.Second
	// probeTimeout is how long a peer has to answer after a move.
	probeTimeout = 5 * time.Second
	maxProbes    = 16 // at once
)

// addresses returns the machine's addresses with their networks, in order.
func addresses() []string {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var out []string
	for _, a := range all {
		out = append(out, a.String())
	}
	slices.Sort(out)
	return out
}

// follow notices when the machine moves into another network. Connections from
// an address that is gone hang for minutes before they fail, so they are ended
// at once; friends are then looked for anew.
func (s *Service) follow(ctx context.Context) error {
	tick := time.NewTicker(watchInterfaces)
	defer tick.Stop()
	before := s.addresses()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now := s.addresses()
		if slices.Equal(before, now) {
			continue
		}
		s.log.Debug("the addresses of this machine have changed")
		if slices.ContainsFunc(before, func(a string) bool { return !slices.Contains(now, a) }) {
			s.hangUp(ctx, now)
		}
		before = now
		poke(s.moved)
		s.mu.Lock()
		for _, t := range s.tries {
			t.wait, t.next = 0, time.Time{}
		}
		s.mu.Unlock()
		poke(s.sought)
	}
}

// hangUp ends the connections that cannot work any more: those from addresses
// that are gone, and, where it is not known from which address they are, those
// whose peer does not answer.
func (s *Service) hangUp(ctx context.Context, now []string) {
	var wg sync.WaitGroup
	defer wg.Wait()
	slots := make(chan struct{}, maxProbes)
	probed := make(map[peer.ID]bool)
	for _, c := range s.cfg.Host.Network().Conns() {
		p := c.RemotePeer()
		switch from, known := localIP(c); {
		case known && !has(now, from):
			_ = c.Close()
		case !known && !probed[p]:
			probed[p] = true
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			wg.Go(func() {
				defer func() { <-slots }()
				s.probe(ctx, p)
			})
		}
	}
}

// probe ends the connections with a peer that does not answer.
func (s *Service) probe(ctx context.Context, p peer.ID) {
	ctx, cancel := context.WithTimeout(network.WithNoDial(ctx, "kith rendezvous"), probeTimeout)
	defer cancel()
	result, ok := <-ping.Ping(ctx, s.cfg.Host, p)
	if (!ok || result.Error != nil) && !errors.Is(ctx.Err(), context.Canceled) {
		_ = s.cfg.Host.Network().ClosePeer(p)
	}
}

// localIP returns from which of our addresses a connection is; known is false
// for relayed connections and for those of a socket that serves all addresses.
func localIP(c network.Conn) (ip net.IP, known bool) {
	if c.Stat().Limited {
		return nil, false
	}
	ip, err := manet.ToIP(c.LocalMultiaddr())
	return ip, err == nil && !ip.IsUnspecified()
}

// has reports whether one of the addresses, which have their networks with
// them, is ip.
func has(addresses []string, ip net.IP) bool {
	return slices.ContainsFunc(addresses, func(a string) bool {
		own, _, err := net.ParseCIDR(a)
		return err == nil && own.Equal(ip)
	})
}
