package nethost

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/metrics"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/host/autorelay"
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	libp2pquic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/multiformats/go-multiaddr"

	"github.com/kith-chat/kith/identity"
)

// DefaultPort is where a node listens unless it is told otherwise, or the port
// is taken.
const DefaultPort = 4177

// DHTPrefix is the protocol prefix of a closed network's DHT.
const DHTPrefix = protocol.ID("/kith")

// Config says how to assemble a host. Device is required.
type Config struct {
	Device *identity.Device
	// Listen holds multiaddrs; empty listens nowhere. A port that is taken is
	// replaced by any that is free.
	Listen []string
	// DHT is "off", "private" or "public".
	DHT string
	// Bootstrap is where the DHT is entered.
	Bootstrap []peer.AddrInfo
	// Relay serves as a relay for others.
	Relay bool
	// Agent is what the node calls itself to peers.
	Agent string
	Log   *slog.Logger
}

// Host is a libp2p host with what belongs to it.
type Host struct {
	host.Host
	// DHT is nil when it is off.
	DHT *dht.IpfsDHT

	mode    string
	traffic *metrics.BandwidthCounter
	blocked *gater

	mu    sync.Mutex
	reach network.Reachability

	cancel context.CancelFunc
	wg     sync.WaitGroup
	once   sync.Once
	err    error
}

// New assembles a host and starts to listen; ctx bounds that alone.
func New(ctx context.Context, c Config) (*Host, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	h := &Host{mode: c.DHT, traffic: metrics.NewBandwidthCounter(), blocked: newGater(c.DHT != "public")}
	life, cancel := context.WithCancel(context.Background())
	h.cancel = cancel
	opts, err := h.options(c)
	if err != nil {
		cancel()
		return nil, err
	}
	for _, listen := range [][]string{c.Listen, anyPort(c.Listen)} {
		listening := append([]libp2p.Option{libp2p.ListenAddrStrings(listen...)}, opts...)
		if len(listen) == 0 {
			listening = append([]libp2p.Option{libp2p.NoListenAddrs}, opts...)
		}
		h.Host, err = libp2p.New(listening...)
		if err == nil {
			break
		}
		c.Log.Info("listening on the usual port failed, taking any that is free", "error", err)
		if opts, _ = h.options(c); opts == nil {
			break
		}
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("starting the network: %w", err)
	}
	if err := h.startDHT(life, c); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	sub, err := h.EventBus().Subscribe(new(event.EvtLocalReachabilityChanged))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("watching the network: %w", err), h.Close())
	}
	h.wg.Go(func() { h.watch(life, sub) })
	return h, nil
}

// anyPort replaces the fixed ports of listen addresses by zero.
func anyPort(listen []string) []string {
	out := make([]string, len(listen))
	for i, a := range listen {
		parts := strings.Split(a, "/")
		for j := 1; j < len(parts); j++ {
			if parts[j-1] == "tcp" || parts[j-1] == "udp" {
				parts[j] = "0"
			}
		}
		out[i] = strings.Join(parts, "/")
	}
	return out
}

func (h *Host) options(c Config) ([]libp2p.Option, error) {
	key, err := c.Device.HostKey()
	if err != nil {
		return nil, fmt.Errorf("reading the device's key: %w", err)
	}
	limits, err := resources()
	if err != nil {
		return nil, err
	}
	conns, err := connmgr.NewConnManager(lowConns, highConns, connmgr.WithGracePeriod(30*time.Second))
	if err != nil {
		return nil, fmt.Errorf("making the connection manager: %w", err)
	}
	opts := []libp2p.Option{
		libp2p.Identity(key),
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
	if c.DHT != "off" || len(c.Bootstrap) > 0 {
		opts = append(opts, libp2p.NATPortMap(),
			libp2p.EnableAutoRelayWithPeerSource(h.relays, autorelay.WithMinCandidates(1), autorelay.WithBootDelay(10*time.Second)))
	}
	if c.Relay {
		opts = append(opts, libp2p.EnableRelayService(relay.WithResources(relayResources()), relay.WithLimit(chatLimit())), libp2p.EnableNATService())
	}
	return opts, nil
}

// relays offers relays to a node that cannot be reached: whoever of the
// connected peers serves as one.
func (h *Host) relays(ctx context.Context, num int) <-chan peer.AddrInfo {
	out := make(chan peer.AddrInfo, num)
	go func() {
		defer close(out)
		if h.Host == nil { // asked before it was assembled
			return
		}
		for _, p := range h.Network().Peers() {
			hop, err := h.Peerstore().SupportsProtocols(p, "/libp2p/circuit/relay/0.2.0/hop")
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

func (h *Host) startDHT(ctx context.Context, c Config) error {
	opts := []dht.Option{dht.BootstrapPeers(c.Bootstrap...)}
	switch c.DHT {
	case "", "off":
		return nil
	case "public":
		opts = append(opts, dht.Mode(dht.ModeAuto))
	case "private":
		// In a closed network every node may be on private addresses and
		// nobody can say that it is reachable: all of them serve.
		opts = append(opts, dht.ProtocolPrefix(DHTPrefix), dht.Mode(dht.ModeServer),
			dht.AddressFilter(func(a []multiaddr.Multiaddr) []multiaddr.Multiaddr { return a }))
	default:
		return fmt.Errorf("the DHT is public, private or off, not %q", c.DHT)
	}
	d, err := dht.New(h.Host, opts...)
	if err != nil {
		return fmt.Errorf("starting the DHT: %w", err)
	}
	h.DHT = d
	h.wg.Go(func() {
		for _, p := range c.Bootstrap {
			dial, cancel := context.WithTimeout(ctx, 15*time.Second)
			if err := h.Connect(dial, p); err != nil && ctx.Err() == nil {
				c.Log.Info("a bootstrap node does not answer", "peer", p.ID.ShortString(), "error", err)
			}
			cancel()
		}
		if err := d.Bootstrap(ctx); err != nil && ctx.Err() == nil {
			c.Log.Warn("entering the DHT", "error", err)
		}
	})
	return nil
}

func (h *Host) watch(ctx context.Context, sub event.Subscription) {
	defer sub.Close()
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-sub.Out():
			if !ok {
				return
			}
			if r, ok := e.(event.EvtLocalReachabilityChanged); ok {
				h.mu.Lock()
				h.reach = r.Reachability
				h.mu.Unlock()
			}
		}
	}
}

// NAT says whether others can reach the node: "unknown", "public" or "private".
func (h *Host) NAT() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch h.reach {
	case network.ReachabilityPublic:
		return "public"
	case network.ReachabilityPrivate:
		return "private"
	}
	return "unknown"
}

// DHTState says which DHT the node is in, in which mode, and with how many
// peers in its table.
func (h *Host) DHTState() (kind, mode string, peers int) {
	if h.DHT == nil {
		return "off", "", 0
	}
	mode = "client"
	if h.DHT.Mode() == dht.ModeServer {
		mode = "server"
	}
	return h.mode, mode, h.DHT.RoutingTable().Size()
}

// Traffic returns the bytes that each protocol has cost since the start.
func (h *Host) Traffic() map[protocol.ID]metrics.Stats { return h.traffic.GetBandwidthByProtocol() }

// Block refuses connections with a peer and ends those that there are.
func (h *Host) Block(p peer.ID) error {
	h.blocked.set(p, true)
	return h.Network().ClosePeer(p)
}

// Unblock takes Block back.
func (h *Host) Unblock(p peer.ID) { h.blocked.set(p, false) }

// Close ends everything and waits for it. It can be called more than once.
func (h *Host) Close() error {
	h.once.Do(func() {
		h.cancel()
		if h.DHT != nil {
			h.err = h.DHT.Close()
		}
		if h.Host != nil {
			h.err = errors.Join(h.err, h.Host.Close())
		}
		h.wg.Wait()
	})
	return h.err
}
