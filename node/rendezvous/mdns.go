package rendezvous

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/discovery/mdns"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// mdnsTag names kith's nodes on a LAN.
const mdnsTag = "_kith-chat._udp"

const (
	// mdnsRetry is how long to wait where mDNS cannot be had.
	mdnsRetry = 30 * time.Second
	// mdnsRenew is how often to begin anew: a node that was seen once is not
	// told of again within an hour, even if it had no time to be dialled.
	mdnsRenew = 10 * time.Minute
)

// runMDNS listens on the LAN, and begins again whenever the machine moves.
func (s *Service) runMDNS(ctx context.Context) error {
	for ctx.Err() == nil {
		wait := mdnsRenew
		m := mdns.NewMdnsService(present{s.cfg.Host}, mdnsTag, notifee{ctx, s})
		if err := m.Start(); err != nil {
			s.log.Info("mDNS is not to be had here", "error", fmt.Errorf("starting mDNS: %w", err))
			wait = mdnsRetry
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-s.moved:
		case <-ctx.Done():
		}
		timer.Stop()
		if err := m.Close(); err != nil {
			s.log.Debug("stopping mDNS", "error", err)
		}
	}
	return nil
}

// notifee takes in whom mDNS finds.
type notifee struct {
	ctx context.Context
	s   *Service
}

// HandlePeerFound is called by mDNS for each answer.
func (n notifee) HandlePeerFound(p peer.AddrInfo) {
	if n.ctx.Err() == nil {
		n.s.lan.found(p, time.Now())
	}
}

// present is a host that tells mDNS the addresses of this moment. The host
// itself remembers those of its interfaces for a minute, and would announce in
// a new network where it was in the old one.
type present struct{ host.Host }

// Network returns the host's network with present addresses.
func (p present) Network() network.Network { return presentNetwork{p.Host.Network()} }

type presentNetwork struct{ network.Network }

// InterfaceListenAddresses returns where the machine listens now, save to
// itself.
func (p presentNetwork) InterfaceListenAddresses() ([]multiaddr.Multiaddr, error) {
	listen := p.ListenAddresses()
	if len(listen) == 0 {
		return nil, nil
	}
	all, err := manet.ResolveUnspecifiedAddresses(listen, nil)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, manet.IsIPLoopback), nil
}
