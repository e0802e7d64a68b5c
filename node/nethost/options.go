package nethost

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/autorelay"
	"github.com/libp2p/go-libp2p/p2p/host/peerstore/pstoremem"
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/proto"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	libp2pquic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
)

// options are libp2p's options for c. They can be used once. Where no host
// comes of them release ends what they have begun.
func (h *Host) options(c Config) (opts []libp2p.Option, release func(), err error) {
	key, err := c.Device.HostKey()
	if err != nil {
		return nil, nil, fmt.Errorf("reading the device's key: %w", err)
	}
	var begun []io.Closer
	release = func() {
		for _, x := range begun {
			_ = x.Close() // nothing was written with it
		}
	}
	limits, err := resources()
	if err != nil {
		return nil, nil, err
	}
	begun = append(begun, limits)
	conns, err := connmgr.NewConnManager(lowConns, highConns, connmgr.WithGracePeriod(30*time.Second))
	if err != nil {
		release()
		return nil, nil, fmt.Errorf("making the connection manager: %w", err)
	}
	begun = append(begun, conns)
	peers, err := pstoremem.NewPeerstore(
		pstoremem.WithMaxAddresses(maxAddresses), pstoremem.WithMaxSignedPeerRecords(maxRecords))
	if err != nil {
		release()
		return nil, nil, fmt.Errorf("making the list of peers: %w", err)
	}
	begun = append(begun, peers)
	opts = []libp2p.Option{
		libp2p.Identity(key),
		libp2p.Peerstore(peers),
		libp2p.Security(libp2ptls.ID, libp2ptls.New),
		libp2p.Security(noise.ID, noise.New),
		libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Transport(libp2pquic.NewTransport),
		libp2p.ResourceManager(limits),
		libp2p.ConnectionManager(conns),
		libp2p.ConnectionGater(h.blocked),
		libp2p.BandwidthReporter(h.traffic),
		libp2p.UserAgent(c.Agent),
		libp2p.EnableRelay(),
		libp2p.EnableHolePunching(),
		libp2p.EnableAutoNATv2(),
	}
	if c.DHT != "" && c.DHT != "off" || len(c.Bootstrap) > 0 {
		opts = append(opts, libp2p.NATPortMap(),
			libp2p.EnableAutoRelayWithPeerSource(h.relays, autorelay.WithMinCandidates(1), autorelay.WithBootDelay(10*time.Second)))
	}
	if c.Relay {
		opts = append(opts, libp2p.EnableNATService())
	}
	return opts, release, nil
}

// startRelay serves as a relay at once. libp2p would wait until others have
// told the node that it can be reached; the first relay of a closed network
// has nobody to tell it, and whoever asks for a relay knows where it stands.
func (h *Host) startRelay(c Config) error {
	if !c.Relay {
		return nil
	}
	r, err := relay.New(h.Host, relay.WithResources(relayResources()), relay.WithLimit(chatLimit()))
	if err != nil {
		return fmt.Errorf("starting the relay: %w", err)
	}
	h.relay = r
	return nil
}

// relays offers relays to a node that cannot be reached: whoever of the
// connected peers serves as one.
func (h *Host) relays(ctx context.Context, num int) <-chan peer.AddrInfo {
	out := make(chan peer.AddrInfo, num)
	go func() { // ends with ctx, which is the host's
		defer close(out)
		select {
		case <-h.ready:
		case <-ctx.Done():
			return
		}
		for _, p := range h.Network().Peers() {
			hop, err := h.Peerstore().SupportsProtocols(p, proto.ProtoIDv2Hop)
			if err != nil || len(hop) == 0 {
				continue
			}
			select {
			case out <- h.Peerstore().PeerInfo(p):
				if num--; num <= 0 {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}
