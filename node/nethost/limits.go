package nethost

import (
	"fmt"
	"math"
	"net/netip"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	"github.com/libp2p/go-libp2p/x/rate"
)

// What the whole node, one peer, and those who have not said who they are may
// take. The connection manager trims towards lowConns when there are more than
// highConns.
const (
	maxConns      = 256
	maxStreams    = 2048
	maxMemory     = 128 << 20
	maxPeerConns  = 4
	maxPeerStream = 64
	maxPeerMemory = 8 << 20
	maxTransient  = 64
	lowConns      = 96
	highConns     = 160

	// What is remembered of others: addresses, signed records of addresses,
	// and the records that they leave with our DHT server.
	maxAddresses = 32 << 10
	maxRecords   = 32 << 10
	maxRecord    = 4 << 10 // bytes of one record
)

// What one address may open a second. libp2p's own pace (one connection in
// five seconds after the first sixteen) would lock out a company behind one
// router, and a node that was restarted a few times.
const (
	addressPace  = 2
	addressBurst = 64
)

// pace returns how fast connections may be opened.
func pace() *rate.Limiter {
	each := rate.Limit{RPS: addressPace, Burst: addressBurst}
	wider := rate.Limit{RPS: 2 * addressPace, Burst: 2 * addressBurst}
	return &rate.Limiter{
		NetworkPrefixLimits: []rate.PrefixLimit{
			{Prefix: netip.MustParsePrefix("127.0.0.0/8")}, {Prefix: netip.MustParsePrefix("::1/128")}, // as it likes
		},
		SubnetRateLimiter: rate.SubnetLimiter{
			IPv4SubnetLimits: []rate.SubnetLimit{{PrefixLength: 32, Limit: each}},
			IPv6SubnetLimits: []rate.SubnetLimit{{PrefixLength: 56, Limit: each}, {PrefixLength: 48, Limit: wider}},
			GracePeriod:      time.Minute,
		},
	}
}

// resources returns the resource manager with these limits.
func resources() (network.ResourceManager, error) {
	base := rcmgr.InfiniteLimits // what is not named below is bounded by the peer and the system
	partial := rcmgr.PartialLimitConfig{
		System: rcmgr.ResourceLimits{
			Conns: maxConns, ConnsInbound: maxConns, ConnsOutbound: maxConns, FD: maxConns,
			Streams: maxStreams, StreamsInbound: maxStreams, StreamsOutbound: maxStreams, Memory: maxMemory,
		},
		Transient: rcmgr.ResourceLimits{
			Conns: maxTransient, ConnsInbound: maxTransient, ConnsOutbound: maxTransient, FD: maxTransient,
			Streams: 4 * maxTransient, StreamsInbound: 2 * maxTransient, StreamsOutbound: 4 * maxTransient, Memory: maxMemory / 4,
		},
		PeerDefault: rcmgr.ResourceLimits{
			Conns: maxPeerConns, ConnsInbound: maxPeerConns, ConnsOutbound: maxPeerConns, FD: maxPeerConns,
			Streams: maxPeerStream, StreamsInbound: maxPeerStream, StreamsOutbound: maxPeerStream, Memory: maxPeerMemory,
		},
	}
	limiter := rcmgr.NewFixedLimiter(partial.Build(base))
	local := netip.MustParsePrefix("127.0.0.0/8")
	m, err := rcmgr.NewResourceManager(limiter, rcmgr.WithMetricsDisabled(), rcmgr.WithConnRateLimiters(pace()),
		// One address may be a whole company behind a router; our own machine
		// may run many nodes.
		rcmgr.WithLimitPerSubnet(
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 32, ConnCount: 32}},
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 56, ConnCount: 32}, {PrefixLength: 48, ConnCount: 64}},
		),
		rcmgr.WithNetworkPrefixLimit(
			[]rcmgr.NetworkPrefixLimit{{Network: local, ConnCount: maxConns}},
			[]rcmgr.NetworkPrefixLimit{{Network: netip.MustParsePrefix("::1/128"), ConnCount: maxConns}},
		),
	)
	if err != nil {
		return nil, fmt.Errorf("making the resource manager: %w", err)
	}
	return m, nil
}

// chatLimit is what one circuit through us may carry: enough for a day's chat,
// where libp2p's default of 128 KiB and two minutes is made for hole punching.
func chatLimit() *relay.RelayLimit {
	return &relay.RelayLimit{Duration: time.Hour, Data: 64 << 20}
}

func relayResources() relay.Resources {
	r := relay.DefaultResources()
	r.MaxReservations = 128
	r.MaxCircuits = 16
	r.BufferSize = 16 << 10
	r.MaxReservationsPerIP = 16
	r.MaxReservationsPerASN = math.MaxInt32 // the address is what we know a peer by
	return r
}
