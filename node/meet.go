package node

import (
	"context"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/node/hello"
	"github.com/kith-chat/kith/node/rendezvous"
	"github.com/kith-chat/kith/node/store"
)

// friendTag protects friends in the connection manager.
const friendTag = "kith-friend"

// maxKept is how many addresses are kept of a friend.
const maxKept = 8

// meeting is something to do about a peer that has come or gone, outside of
// the exchange that told of it.
type meeting struct {
	person hello.Person
	parted bool
}

// onMeet is told by hello that a peer has said who it is. It must not block.
func (n *Node) onMeet(p hello.Person) { n.bus.meet(meeting{person: p}) }

// onPart is told by hello that a peer has gone.
func (n *Node) onPart(p hello.Person) { n.bus.meet(meeting{person: p, parted: true}) }

// follow does what a meeting brings with it: names and addresses are noted,
// and whoever waited for the person is woken.
func (n *Node) follow(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case ids := <-n.acks.news:
			n.tellSent(ctx, ids)
		case <-n.bus.meetings:
			for _, m := range n.bus.takeMeetings() {
				n.followOne(ctx, m)
			}
		}
	}
}

func (n *Node) followOne(ctx context.Context, m meeting) {
	a := m.person.Account()
	if a == n.self.Account() {
		n.meetOwn(ctx, m)
		if !m.parted {
			n.metSync(ctx, m.person.Peer)
		}
		return
	}
	if !m.parted {
		n.learn(ctx, a, m.person.Name)
	}
	c, err := n.store.Contact(ctx, a)
	friend := err == nil && c.State == store.Friend
	n.protect(m.person.Peer, friend && !m.parted)
	if friend || err == nil && c.State == store.Requested {
		n.noteFriend(ctx, m, c)
	}
	if !m.parted {
		n.courier.Seen(a)
		n.courier.Wake(a)
		n.files.Wake(m.person.Peer)
		n.metSync(ctx, m.person.Peer)
	}
	if m.parted && n.online(a) {
		return // another device or connection is still there
	}
	if friend {
		if c, err := n.store.Contact(ctx, a); err == nil {
			f := n.contactView(c)
			n.bus.publish(News{Friend: &f})
		}
	}
	if m.person.LAN || len(n.groups.names(m.person.Peer)) > 0 {
		n.bus.publish(News{Presence: &Member{
			Person: n.person(a), Device: m.person.Certificate.Device, Online: !m.parted, Seen: time.Now(),
		}})
	}
}

// noteFriend keeps where a friend was met, for the next time.
func (n *Node) noteFriend(ctx context.Context, m meeting, c store.Contact) {
	if len(m.person.DeviceList) > 0 {
		devices{n}.TakeList(ctx, c.Account, m.person.DeviceList)
	}
	addresses := n.seenAt(m.person.Peer)
	err := n.updateContact(ctx, c.Account, func(c *store.Contact) error {
		c.LastSeen = time.Now()
		if d := m.person.Certificate.Device; !slices.Contains(c.Devices, d) && len(c.Devices) < identity.MaxDevices {
			c.Devices = append(c.Devices, d)
		}
		if !m.parted && len(addresses) > 0 {
			c.Addresses = addresses
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		n.log.Warn("noting where a friend was met", "account", c.Account, "error", err)
	}
}

// seenAt returns where a connected peer can be dialled again, with its name.
func (n *Node) seenAt(p peer.ID) [][]byte {
	id, err := multiaddr.NewComponent("p2p", p.String())
	if err != nil {
		return nil
	}
	var out [][]byte
	for _, a := range n.host.Peerstore().Addrs(p) {
		if len(out) < maxKept && (manet.IsPublicAddr(a) || manet.IsPrivateAddr(a) || manet.IsIPLoopback(a)) {
			out = append(out, a.Encapsulate(id.Multiaddr()).Bytes())
		}
	}
	return out
}

func (n *Node) protect(p peer.ID, friend bool) {
	if friend {
		n.host.ConnManager().Protect(p, friendTag)
	} else {
		n.host.ConnManager().Unprotect(p, friendTag)
	}
}

// online reports whether a device of the account is connected.
func (n *Node) online(a identity.AccountID) bool {
	return n.hello != nil && len(n.hello.Devices(a)) > 0
}

// peerMember returns the other person of a direct chat.
func (n *Node) peerMember(ctx context.Context, a identity.AccountID) Member {
	m := Member{Person: n.person(a), Online: n.online(a)}
	if c, err := n.store.Contact(ctx, a); err == nil {
		m.Seen = c.LastSeen
		if len(c.Devices) > 0 {
			m.Device = c.Devices[0]
		}
	}
	return m
}

// bareAddresses returns where we can be dialled, the best first and without
// our name: public addresses, then those of the LAN, then, if there is nothing
// else, loopback.
func (n *Node) bareAddresses() []multiaddr.Multiaddr {
	if n.host == nil {
		return nil
	}
	var public, lan, loop []multiaddr.Multiaddr
	for _, a := range n.host.Addrs() {
		switch {
		case manet.IsIPLoopback(a):
			loop = append(loop, a)
		case manet.IsPublicAddr(a):
			public = append(public, a)
		default:
			lan = append(lan, a)
		}
	}
	out := append(public, lan...)
	if len(out) == 0 {
		out = loop
	}
	return out[:min(len(out), 4)]
}

// dialAddresses is bareAddresses with our name at the end of each.
func (n *Node) dialAddresses() []multiaddr.Multiaddr {
	id, err := multiaddr.NewComponent("p2p", n.self.ID().String())
	if err != nil {
		return nil
	}
	var out []multiaddr.Multiaddr
	for _, a := range n.bareAddresses() {
		out = append(out, a.Encapsulate(id.Multiaddr()))
	}
	return out
}

// seeking tells the rendezvous whom we wish to meet.
type seeking struct{ n *Node }

// Targets returns friends and those whom we have asked.
func (s seeking) Targets(ctx context.Context) []rendezvous.Target {
	all, err := s.n.store.Contacts(ctx)
	if err != nil {
		return nil
	}
	var out []rendezvous.Target
	for _, c := range all {
		if c.State == store.Friend || c.State == store.Requested {
			out = append(out, targetOf(c))
		}
	}
	if own, more := s.n.ownTarget(ctx); more {
		out = append(out, own)
	}
	return out
}

// Target returns one account, whatever is agreed with it.
func (s seeking) Target(ctx context.Context, a identity.AccountID) (rendezvous.Target, bool) {
	if a == s.n.self.Account() {
		return s.n.ownTarget(ctx)
	}
	c, err := s.n.store.Contact(ctx, a)
	return targetOf(c), err == nil
}

func targetOf(c store.Contact) rendezvous.Target {
	t := rendezvous.Target{Account: c.Account}
	copy(t.Secret[:], c.DiscoverySecret)
	var list []multiaddr.Multiaddr
	for _, raw := range c.Addresses {
		if m, err := multiaddr.NewMultiaddrBytes(raw); err == nil {
			if _, err := m.ValueForProtocol(multiaddr.P_P2P); err == nil {
				list = append(list, m)
			}
		}
	}
	if infos, err := peer.AddrInfosFromP2pAddrs(list...); err == nil {
		t.Addresses = infos
	}
	return t
}

// directory tells the rendezvous whose the connected peers are.
type directory struct{ n *Node }

// Devices returns the connected peers of an account.
func (d directory) Devices(a identity.AccountID) []peer.ID { return d.n.hello.Devices(a) }

// Await asks a connected peer who it is.
func (d directory) Await(ctx context.Context, p peer.ID) (identity.AccountID, bool) {
	person, known := d.n.hello.Person(p)
	if !known {
		d.n.hello.Refresh(p)
		person, known = d.n.hello.Wait(ctx, p)
	}
	return person.Account(), known
}
