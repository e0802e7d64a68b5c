package node

import (
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/identity"
)

// offlineHost stands in for the host of a node without a network: it has our
// name. The parts that would use more of it are made and not run.
type offlineHost struct {
	host.Host
	device *identity.Device
}

// ID returns our peer ID.
func (h offlineHost) ID() peer.ID { return h.device.ID().Peer() }
