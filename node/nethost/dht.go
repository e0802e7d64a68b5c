package nethost

import (
	"context"
	"fmt"
	"strings"
	"time"

	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p-kad-dht/amino"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// DHTPrefix is the protocol prefix of a closed network's DHT.
const DHTPrefix = protocol.ID("/kith")

// bootstrapTimeout bounds the dial to one bootstrap node.
const bootstrapTimeout = 15 * time.Second

func (h *Host) startDHT(ctx context.Context, c Config) error {
	opts := []dht.Option{dht.BootstrapPeers(c.Bootstrap...), dht.Datastore(newRecords(maxRecords))}
	switch c.DHT {
	case "", "off":
		return nil
	case "public":
		// Only addresses that work for everybody belong into the public DHT,
		// and no network may fill our table with its own nodes.
		opts = append(opts, dht.Mode(dht.ModeAuto),
			dht.QueryFilter(dht.PublicQueryFilter), dht.RoutingTableFilter(dht.PublicRoutingTableFilter),
			dht.RoutingTablePeerDiversityFilter(dht.NewRTPeerDiversityFilter(
				h.Host, amino.DefaultMaxPeersPerIPGroupPerCpl, amino.DefaultMaxPeersPerIPGroup)),
			dht.AddressFilter(func(all []multiaddr.Multiaddr) []multiaddr.Multiaddr {
				return multiaddr.FilterAddrs(all, manet.IsPublicAddr)
			}))
	case "private":
		// In a closed network every node may be on private addresses, and
		// nobody can tell it that it is reachable: it serves until somebody
		// tells it that it is not.
		opts = append(opts, dht.ProtocolPrefix(DHTPrefix), dht.Mode(dht.ModeAutoServer), dht.DisableValues())
	default:
		return fmt.Errorf("the DHT is public, private or off, not %q", c.DHT)
	}
	d, err := dht.New(h.Host, opts...)
	if err != nil {
		return fmt.Errorf("starting the DHT: %w", err)
	}
	h.DHT, h.entries = d, make(map[peer.ID]error)
	h.wg.Go(func() { h.enter(ctx, c) })
	return nil
}

// enter connects with the bootstrap nodes, all at once, and then fills the
// table.
func (h *Host) enter(ctx context.Context, c Config) {
	done := make(chan struct{}, len(c.Bootstrap))
	for _, p := range c.Bootstrap {
		h.wg.Go(func() {
			defer func() { done <- struct{}{} }()
			dial, cancel := context.WithTimeout(ctx, bootstrapTimeout)
			defer cancel()
			err := h.Connect(dial, p)
			if err != nil && ctx.Err() == nil {
				c.Log.Info("a bootstrap node does not answer", "peer", p.ID.ShortString(), "error", err)
			}
			h.mu.Lock()
			h.entries[p.ID] = err
			h.mu.Unlock()
		})
	}
	for range c.Bootstrap {
		<-done
	}
	if err := h.DHT.Bootstrap(ctx); err != nil && ctx.Err() == nil {
		c.Log.Warn("entering the DHT", "error", err)
	}
}

// DHTTrouble says in one line why nobody can be found in the DHT: it knows no
// node, and what became of the dial to each that it was told of. It is empty
// while nodes are known, and without a DHT.
func (h *Host) DHTTrouble() string {
	if h.DHT == nil || h.DHT.RoutingTable().Size() > 0 {
		return ""
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.told) == 0 {
		return "no other node is known: --bootstrap names one to enter by"
	}
	var all []string
	for _, p := range h.told {
		err, tried := h.entries[p.ID]
		switch {
		case !tried:
			all = append(all, p.ID.ShortString()+" is being dialled")
		case err != nil:
			all = append(all, fmt.Sprintf("%s does not answer (%s)", p.ID.ShortString(), cause(err)))
		default:
			all = append(all, p.ID.ShortString()+" answers, but is in another DHT, or in none")
		}
	}
	return "no way in: " + strings.Join(all, "; ")
}

// cause is the last line of a dial error, which lists every address.
func cause(err error) string {
	lines := strings.Split(strings.TrimSpace(err.Error()), "\n")
	return strings.TrimSpace(strings.TrimLeft(lines[len(lines)-1], " *"))
}
