package nethost

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
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
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"

	"github.com/kith-chat/kith/identity"
)

// DefaultPort is where a node listens unless it is told otherwise, or the port
// is taken.
const DefaultPort = 4177

// Config says how to assemble a host. Device is required.
type Config struct {
	Device *identity.Device
	// Listen holds multiaddrs; empty listens nowhere. A port that is taken is
	// replaced by any that is free.
	Listen []string
	// DHT is "off" (or empty), "private" or "public".
	DHT string
	// Bootstrap is where the DHT is entered.
	Bootstrap []peer.AddrInfo
	// Relay serves as a relay for others.
	Relay bool
	// Agent is what the node calls itself to peers.
	Agent string
	Log   *slog.Logger
}

// Host is a libp2p host with what belongs to it. It is safe for concurrent use.
type Host struct {
	host.Host
	// DHT is nil when it is off.
	DHT *dht.IpfsDHT

	mode    string
	traffic *metrics.BandwidthCounter
	blocked *gater
	ready   chan struct{} // closed when Host is set

	relay *relay.Relay    // nil unless we serve as one
	told  []peer.AddrInfo // the bootstrap nodes

	mu      sync.Mutex
	reach   network.Reachability // as AutoNAT says
	reachV2 network.Reachability // as AutoNAT v2 says of our addresses
	entries map[peer.ID]error    // what became of the dials to the bootstrap nodes

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
	h := &Host{
		mode: c.DHT, traffic: metrics.NewBandwidthCounter(), blocked: newGater(c.DHT != "public"),
		ready: make(chan struct{}), told: c.Bootstrap,
	}
	life, cancel := context.WithCancel(context.Background())
	h.cancel = cancel
	if err := h.listen(ctx, c); err != nil {
		cancel()
		return nil, fmt.Errorf("starting the network: %w", err)
	}
	close(h.ready)
	if err := h.startRelay(c); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	if err := h.startDHT(life, c); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	sub, err := h.EventBus().Subscribe([]any{new(event.EvtLocalReachabilityChanged), new(event.EvtHostReachableAddrsChanged)})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("watching the network: %w", err), h.Close())
	}
	h.wg.Go(func() { h.watch(life, sub) })
	h.wg.Go(func() { h.renew(life) })
	return h, nil
}

// listen makes the libp2p host. A port that is taken after all, by somebody who
// was quicker, is met by a second try on any ports.
func (h *Host) listen(ctx context.Context, c Config) error {
	free := freePorts(ctx, c.Listen)
	if !slices.Equal(free, c.Listen) {
		c.Log.Info("the usual port is taken, listening on one that is free")
	}
	var errs []error
	for _, listen := range [][]string{free, anyPorts(c.Listen)} {
		opts, release, err := h.options(c)
		if err != nil {
			return err
		}
		if len(listen) == 0 {
			opts = append(opts, libp2p.NoListenAddrs)
		} else {
			opts = append(opts, libp2p.ListenAddrStrings(listen...))
		}
		if h.Host, err = libp2p.New(opts...); err == nil {
			return nil
		}
		release()
		errs = append(errs, err)
	}
	return errors.Join(errs...)
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
			h.mu.Lock()
			switch e := e.(type) {
			case event.EvtLocalReachabilityChanged:
				h.reach = e.Reachability
			case event.EvtHostReachableAddrsChanged:
				h.reachV2 = verdict(e)
			}
			h.mu.Unlock()
		}
	}
}

// verdict sums up what AutoNAT v2 has found out about each address. It is about
// public addresses alone.
func verdict(e event.EvtHostReachableAddrsChanged) network.Reachability {
	switch {
	case len(e.Reachable) > 0:
		return network.ReachabilityPublic
	case len(e.Unreachable) > 0 && len(e.Unknown) == 0:
		return network.ReachabilityPrivate
	}
	return network.ReachabilityUnknown
}

// NAT says whether others can reach the node: "unknown", "public" or "private".
// An address that was reached in a test settles it; for the rest the older
// AutoNAT is asked first, because it knows of addresses that no test has named.
func (h *Host) NAT() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	is := h.reachV2
	if is != network.ReachabilityPublic && h.reach != network.ReachabilityUnknown {
		is = h.reach
	}
	switch is {
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
		if h.relay != nil {
			h.err = errors.Join(h.err, h.relay.Close())
		}
		h.err = errors.Join(h.err, h.Host.Close())
		h.wg.Wait()
	})
	return h.err
}

// A connection's keys protect what was said before only once they are gone, so
// a connection is replaced after a day. Whoever needs it dials again.
const (
	renewAfter = 22 * time.Hour
	renewCheck = time.Hour
)

func (h *Host) renew(ctx context.Context) {
	tick := time.NewTicker(renewCheck)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, c := range old(h.Network().Conns(), time.Now()) {
			_ = c.Close()
		}
	}
}

// old returns the connections that have lasted long enough.
func old(all []network.Conn, now time.Time) []network.Conn {
	return slices.DeleteFunc(all, func(c network.Conn) bool { return now.Sub(c.Stat().Opened) < renewAfter })
}
