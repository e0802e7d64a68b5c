package rendezvous

import (
	"context"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/discovery/mdns"
)

// mdnsTag names kith's nodes on a LAN.
const mdnsTag = "_kith-chat._udp"

// watchInterfaces is how often the addresses of this machine are looked at, so
// that a changed Wi-Fi is noticed.
const watchInterfaces = 3 * time.Second

// runMDNS listens on the LAN, and begins again whenever the addresses of the
// machine change.
func (s *Service) runMDNS(ctx context.Context) error {
	tick := time.NewTicker(watchInterfaces)
	defer tick.Stop()
	for ctx.Err() == nil {
		before := addresses()
		m := mdns.NewMdnsService(s.cfg.Host, mdnsTag, notifee{ctx, s})
		if err := m.Start(); err != nil {
			s.log.Info("mDNS is not to be had here", "error", fmt.Errorf("starting mDNS: %w", err))
		}
		for ctx.Err() == nil && slices.Equal(before, addresses()) {
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
		if err := m.Close(); err != nil {
			s.log.Debug("stopping mDNS", "error", err)
		}
	}
	return nil
}

// addresses returns the machine's addresses, in order.
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

// notifee dials whom mDNS finds.
type notifee struct {
	ctx context.Context
	s   *Service
}

// HandlePeerFound is called by mDNS for each answer.
func (n notifee) HandlePeerFound(p peer.AddrInfo) {
	if p.ID == n.s.cfg.Host.ID() || n.ctx.Err() != nil {
		return
	}
	n.s.dialLAN(n.ctx, p)
}
