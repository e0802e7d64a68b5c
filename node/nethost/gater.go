package nethost

import (
	"sync"

	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"

	"github.com/kith-chat/kith/identity"
)

// gater refuses peers that were blocked and, when strict, peers whose key is
// no Ed25519 key, so that nobody makes us check a huge RSA key. In the public
// DHT, whose entry nodes have RSA keys of 2,048 bits, it cannot be strict:
// there libp2p's own bound of 8,192 bits holds, and every protocol of kith
// still takes Ed25519 alone.
type gater struct {
	strict  bool
	mu      sync.RWMutex
	blocked map[peer.ID]bool
}

func newGater(strict bool) *gater { return &gater{strict: strict, blocked: make(map[peer.ID]bool)} }

func (g *gater) set(p peer.ID, blocked bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if blocked {
		g.blocked[p] = true
	} else {
		delete(g.blocked, p)
	}
}

func (g *gater) allowed(p peer.ID) bool {
	if _, err := identity.DeviceOf(p); err != nil && g.strict {
		return false
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	return !g.blocked[p]
}

// InterceptPeerDial decides before a dial.
func (g *gater) InterceptPeerDial(p peer.ID) bool { return g.allowed(p) }

// InterceptAddrDial allows every address of an allowed peer.
func (g *gater) InterceptAddrDial(p peer.ID, _ multiaddr.Multiaddr) bool { return g.allowed(p) }

// InterceptAccept allows every connection until it is known whose it is.
func (g *gater) InterceptAccept(network.ConnMultiaddrs) bool { return true }

// InterceptSecured decides once the peer has proved its key.
func (g *gater) InterceptSecured(_ network.Direction, p peer.ID, _ network.ConnMultiaddrs) bool {
	return g.allowed(p)
}

// InterceptUpgraded allows what came so far.
func (g *gater) InterceptUpgraded(network.Conn) (bool, control.DisconnectReason) { return true, 0 }
