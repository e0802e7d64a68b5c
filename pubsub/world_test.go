package pubsub_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/libp2p/go-libp2p/x/simlibp2p"
	"github.com/marcopolo/simnet"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/pubsub"
)

// memory is a Log that keeps everything and counts how often.
type memory struct {
	mu      sync.Mutex
	taken   map[event.ID]int
	changed chan struct{} // closed and replaced at each change
	calls   int
	fail    error         // returned by Take as long as it is set
	delay   time.Duration // of each Take
	onTake  func([]*event.Event)
}

func newMemory() *memory {
	return &memory{taken: make(map[event.ID]int), changed: make(chan struct{})}
}

func (m *memory) Take(ctx context.Context, events []*event.Event) error {
	m.mu.Lock()
	fail, delay := m.fail, m.delay
	m.mu.Unlock()
	if delay > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(delay):
		}
	}
	if fail != nil {
		return fail
	}
	if m.onTake != nil {
		m.onTake(events)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	for _, e := range events {
		m.taken[e.ID()]++
	}
	close(m.changed)
	m.changed = make(chan struct{})
	return nil
}

func (m *memory) Have(_ context.Context, id event.ID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.taken[id] > 0
}

func (m *memory) setFail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

func (m *memory) counts() map[event.ID]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.taken)
}

// author makes the events of one device in one group.
type author struct {
	device *identity.Device
	mu     sync.Mutex
	next   map[event.ConversationID]event.Header
}

func newAuthor(t testing.TB, account identity.AccountKey) *author {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id, err := identity.ParseDeviceKey(key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	cert, err := identity.Certify(account, id, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	d, err := identity.NewDevice(key, cert)
	if err != nil {
		t.Fatal(err)
	}
	return &author{device: d, next: make(map[event.ConversationID]event.Header)}
}

func newAccount() identity.AccountKey {
	var seed [32]byte
	_, _ = rand.Read(seed[:])
	return identity.NewAccountKey(seed)
}

func (a *author) says(t testing.TB, group, text string) *event.Event {
	t.Helper()
	return a.makes(t, event.Public(group), event.TimeOf(time.Now()), event.Text{Text: text})
}

func (a *author) makes(t testing.TB, c event.ConversationID, at event.Time, b event.Body) *event.Event {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	h := a.next[c]
	h.Conversation, h.Time = c, at
	h.Sequence++
	e, err := event.Sign(a.device, h, b)
	if err != nil {
		t.Fatal(err)
	}
	a.next[c] = event.Header{Sequence: h.Sequence, Previous: e.ID()}
	return e
}

// node is one participant.
type node struct {
	*author
	host    host.Host
	log     *memory
	service *pubsub.Service

	mu      sync.Mutex
	changes []pubsub.PeerChange
	changed chan pubsub.PeerChange
}

// waitPeers returns when n peers are in the group.
func (n *node) waitPeers(ctx context.Context, peers int) error {
	for {
		select {
		case c := <-n.changed:
			if c.Peers >= peers {
				return nil
			}
		case <-ctx.Done():
			return fmt.Errorf("waiting for %d peers: %w", peers, ctx.Err())
		}
	}
}

func (n *node) join(t testing.TB, group string) *pubsub.Group {
	t.Helper()
	g, err := n.service.Join(t.Context(), group)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func (n *node) connect(t testing.TB, to host.Host) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := n.host.Connect(ctx, peer.AddrInfo{ID: to.ID(), Addrs: to.Addrs()}); err != nil {
		t.Fatal(err)
	}
}

// serve starts the node's service and closes it with the test.
func (n *node) serve(t testing.TB, change func(*pubsub.Options)) {
	t.Helper()
	o := pubsub.Options{Device: n.device, Log: n.log, Logger: slog.New(slog.DiscardHandler), OnPeer: func(c pubsub.PeerChange) {
		n.mu.Lock()
		n.changes = append(n.changes, c)
		n.mu.Unlock()
		select {
		case n.changed <- c:
		default:
		}
	}}
	if change != nil {
		change(&o)
	}
	s, err := pubsub.New(n.host, o)
	if err != nil {
		t.Fatal(err)
	}
	n.service = s
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		_ = n.host.Close()
	})
}

func newNode(t testing.TB, a *author, options ...libp2p.Option) *node {
	t.Helper()
	n := &node{author: a, log: newMemory(), changed: make(chan pubsub.PeerChange, 1024)}
	n.host = newHost(t, a, options...)
	return n
}

func newHost(t testing.TB, a *author, options ...libp2p.Option) host.Host {
	t.Helper()
	key, err := a.device.HostKey()
	if err != nil {
		t.Fatal(err)
	}
	h, err := libp2p.New(append([]libp2p.Option{
		libp2p.Identity(key), libp2p.DisableIdentifyAddressDiscovery(), libp2p.DisableRelay(),
		libp2p.ResourceManager(&network.NullResourceManager{}),
	}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// loopback returns the options of a host on 127.0.0.1.
func loopback() []libp2p.Option {
	return []libp2p.Option{libp2p.NoTransports, libp2p.Transport(tcp.NewTCPTransport), libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0")}
}

// simulation is a simulated network with 10 ms between any two hosts. It is
// used inside synctest.
type simulation struct {
	net *simnet.Simnet

	mu    sync.Mutex
	hosts int
	cut   map[[2]string]bool
}

func newSimulation(t testing.TB) *simulation {
	s := &simulation{cut: make(map[[2]string]bool)}
	s.net = &simnet.Simnet{LatencyFunc: func(p *simnet.Packet) time.Duration {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.cut[[2]string{p.From.String(), p.To.String()}] {
			return 1000 * time.Hour
		}
		return 10 * time.Millisecond
	}}
	s.net.Start()
	t.Cleanup(s.net.Close)
	return s
}

func (s *simulation) options() []libp2p.Option {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hosts++
	rate := simnet.LinkSettings{BitsPerSecond: 50 * simlibp2p.OneMbps}
	return []libp2p.Option{
		libp2p.ListenAddrStrings(fmt.Sprintf("/ip4/1.0.0.%d/udp/8000/quic-v1", s.hosts)),
		simlibp2p.QUICSimnet(s.net, simnet.NodeBiDiLinkSettings{Downlink: rate, Uplink: rate}),
	}
}

// node adds a node with a new account.
func (s *simulation) node(t testing.TB) *node {
	t.Helper()
	n := newNode(t, newAuthor(t, newAccount()), s.options()...)
	n.serve(t, nil)
	return n
}

// nodes adds n nodes that are all connected.
func (s *simulation) nodes(t testing.TB, n int) []*node {
	t.Helper()
	all := make([]*node, n)
	for i := range all {
		all[i] = s.node(t)
		for _, other := range all[:i] {
			all[i].connect(t, other.host)
		}
	}
	return all
}

func (s *simulation) setCut(t testing.TB, a, b host.Host, cut bool) {
	t.Helper()
	from, to := udpAddress(t, a), udpAddress(t, b)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut[[2]string{from, to}] = cut
	s.cut[[2]string{to, from}] = cut
}

func udpAddress(t testing.TB, h host.Host) string {
	t.Helper()
	var ip, port string
	for _, a := range h.Addrs() {
		ip, _ = a.ValueForProtocol(4)
		port, _ = a.ValueForProtocol(273)
	}
	if ip == "" || port == "" {
		t.Fatal(errors.New("the host has no address"))
	}
	return ip + ":" + port
}

// publish sends events and wants no error.
func publish(t testing.TB, g *pubsub.Group, events ...*event.Event) {
	t.Helper()
	if err := g.Publish(t.Context(), events...); err != nil {
		t.Fatal(err)
	}
}

// wantOnce wants each of the events in the log, once.
func wantOnce(t testing.TB, who string, m *memory, events []*event.Event) {
	t.Helper()
	counts := m.counts()
	for _, e := range events {
		if n := counts[e.ID()]; n != 1 {
			t.Errorf("%s has event %s %d times", who, e.ID().Short(), n)
		}
	}
	if len(counts) != len(events) {
		t.Errorf("%s has %d events, not %d", who, len(counts), len(events))
	}
}
