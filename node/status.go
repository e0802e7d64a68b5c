package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/multiformats/go-multiaddr"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/vault"
	"github.com/kith-chat/kith/node/rendezvous"
	"github.com/kith-chat/kith/node/store"
)

// Status returns what the node knows of itself.
func (n *Node) Status(ctx context.Context) (Status, error) {
	queued, err := n.store.OutboxLen(ctx)
	if err != nil {
		return Status{}, kindOf(err)
	}
	state, free, _ := n.store.Space()
	s := Status{
		Version: n.config.Version, Commit: n.config.Commit, Started: n.started, Home: n.config.Home,
		NAT: "unknown", DHT: "off", MDNS: n.config.MDNS && n.host != nil, Relay: n.config.Relay,
		StoreBytes: n.store.Size(), FreeBytes: free, Storage: string(state), Queued: queued,
		Vault: string(n.config.Vault.Protection()),
	}
	if n.host == nil {
		return s, nil
	}
	s.Peers = len(n.host.Network().Peers())
	for _, a := range n.host.Addrs() {
		s.Addresses = append(s.Addresses, fmt.Sprintf("%s/p2p/%s", a, n.host.ID()))
	}
	if n.net != nil {
		s.NAT = n.net.NAT()
		s.DHT, s.DHTMode, s.DHTPeers = n.net.DHTState()
		s.Traffic = n.traffic()
	}
	return s, nil
}

// purposes say in words what a protocol's bytes were for, by its beginning.
var purposes = []struct{ prefix, purpose string }{
	{"/kith/direct/", "direct messages"},
	{"/kith/file/", "files"},
	{"/kith/hello/", "meeting"},
	{"/meshsub/", "groups"},
	{"/floodsub/", "groups"},
	{"/ipfs/kad/", "DHT"},
	{"/kith/kad/", "DHT"},
	{"/libp2p/circuit/", "relaying"},
	{"/libp2p/dcutr", "hole punching"},
	{"/libp2p/autonat/", "reachability"},
	{"/ipfs/id/", "meeting"},
}

// traffic sums the bytes of each purpose.
func (n *Node) traffic() []Traffic {
	sums := make(map[string]Traffic)
	for p, s := range n.net.Traffic() {
		purpose := purposeOf(p)
		t := sums[purpose]
		t.Purpose = purpose
		t.In += uint64(max(s.TotalIn, 0))
		t.Out += uint64(max(s.TotalOut, 0))
		sums[purpose] = t
	}
	var out []Traffic
	for _, t := range sums {
		out = append(out, t)
	}
	slices.SortFunc(out, func(a, b Traffic) int { return strings.Compare(a.Purpose, b.Purpose) })
	return out
}

func purposeOf(p protocol.ID) string {
	for _, x := range purposes {
		if strings.HasPrefix(string(p), x.prefix) {
			return x.purpose
		}
	}
	return "other"
}

// Self returns who this node is.
func (n *Node) Self(ctx context.Context) (Self, error) {
	invite, err := n.StandingInvite(ctx)
	if err != nil {
		return Self{}, err
	}
	out := Self{Account: n.self.Account(), Device: n.self.ID(), Name: n.Name(), Invite: invite}
	out.Devices, err = n.Devices(ctx)
	return out, err
}

// SetName changes what we call ourselves; groups that we are in are told.
func (n *Node) SetName(ctx context.Context, name string) (string, error) {
	clean := identity.CleanName(name)
	if clean == "" {
		return "", fmt.Errorf("%w: the name has no visible character", ErrInvalid)
	}
	if err := n.config.Vault.Update(func(s *vault.Secrets) error { s.Name = clean; return nil }); err != nil {
		return "", fmt.Errorf("keeping the name: %w", err)
	}
	n.called.Store(&clean)
	poke(n.mirror.wake)
	chats, err := n.store.Chats(ctx)
	if err != nil {
		return clean, kindOf(err)
	}
	for _, c := range chats {
		if c.Kind == store.Public && c.Joined {
			n.introduce(ctx, c)
		}
	}
	n.greetAll()
	return clean, nil
}

// Peers returns the connected peers.
func (n *Node) Peers(context.Context) ([]Peer, error) {
	if n.host == nil {
		return nil, nil
	}
	var out []Peer
	for _, p := range n.host.Network().Peers() {
		out = append(out, n.peerView(p))
	}
	slices.SortFunc(out, func(a, b Peer) int { return strings.Compare(a.Device, b.Device) })
	return out, nil
}

func (n *Node) peerView(p peer.ID) Peer {
	v := Peer{Device: p.String(), RTT: n.host.Peerstore().LatencyEWMA(p)}
	if agent, err := n.host.Peerstore().Get(p, "AgentVersion"); err == nil {
		v.Agent, _ = agent.(string)
	}
	v.Relayed = true
	for _, c := range n.host.Network().ConnsToPeer(p) {
		v.Addresses = append(v.Addresses, c.RemoteMultiaddr().String())
		v.Relayed = v.Relayed && c.Stat().Limited
		v.Security = security(c)
	}
	v.Relayed = v.Relayed && len(v.Addresses) > 0
	if who, ok := n.hello.Person(p); ok {
		person := n.person(who.Account())
		v.Person, v.LAN = &person, who.LAN
		if slices.Contains(n.policy.friends(), who.Account()) {
			v.Shares = append(v.Shares, "friend")
		}
	}
	v.Shares = append(v.Shares, n.groups.names(p)...)
	return v
}

// security names what encrypts a connection.
func security(c network.Conn) string {
	s := c.ConnState()
	switch {
	case s.Transport == "quic-v1" || s.Transport == "quic":
		return "quic"
	case strings.HasPrefix(string(s.Security), "/tls/"):
		return "tls"
	case strings.HasPrefix(string(s.Security), "/noise"):
		return "noise"
	}
	return string(s.Security)
}

// connectTimeout bounds a dial that a person has asked for.
const connectTimeout = 15 * time.Second

// Connect dials a peer by a multiaddr that ends in /p2p/ID.
func (n *Node) Connect(ctx context.Context, address string) (Peer, error) {
	if n.host == nil {
		return Peer{}, fmt.Errorf("%w: the node runs without a network", ErrOffline)
	}
	m, err := multiaddr.NewMultiaddr(strings.TrimSpace(address))
	if err != nil {
		return Peer{}, fmt.Errorf("%w: %q is not a multiaddr", ErrInvalid, address)
	}
	info, err := peer.AddrInfoFromP2pAddr(m)
	if err != nil {
		return Peer{}, fmt.Errorf("%w: the address must end in /p2p/ID", ErrInvalid)
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if err := n.host.Connect(ctx, *info); err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return Peer{}, fmt.Errorf("%w: nobody answers at %s", ErrTimeout, address)
		}
		return Peer{}, fmt.Errorf("%w: %s: %w", ErrOffline, address, err)
	}
	n.hello.Wait(ctx, info.ID)
	return n.peerView(info.ID), nil
}

// Diagnose tries to reach somebody and tells every step. It returns ErrOffline
// when nobody of theirs was reached.
func (n *Node) Diagnose(ctx context.Context, who string, step func(Step) error) error {
	if n.host == nil {
		return fmt.Errorf("%w: the node runs without a network", ErrOffline)
	}
	found, err := n.someone(ctx, who)
	if err != nil {
		return err
	}
	a := found.Person.Account
	var broken error
	say := func(what string, ok bool, detail string) {
		if broken == nil {
			broken = step(Step{What: what, OK: ok, Detail: detail})
		}
	}
	c, err := n.store.Contact(ctx, a)
	switch {
	case err != nil:
		say("contact", false, "a stranger: kith friends add "+a.String())
	case c.State == store.Friend:
		say("contact", true, "a friend")
	default:
		say("contact", false, nextStep(c.State))
	}
	s, err := n.courier.Status(ctx, a)
	if err != nil {
		return kindOf(err)
	}
	say("outbox", s.Queued == 0, fmt.Sprintf("%d messages wait", s.Queued))
	if s.LastError != "" {
		say("last try", false, s.LastError)
	}
	_, err = n.rendezvous.Trace(ctx, a, func(t rendezvous.Step) { say(t.What, t.OK, t.Detail) })
	if broken != nil {
		return broken
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrOffline, err)
	}
	return nil
}
