package hello

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/node/hello/pb"
	"github.com/kith-chat/kith/node/wire"
)

// Protocol is the ID of the exchange.
const Protocol = protocol.ID("/kith/hello/1")

// Version is what this code says of itself.
const Version = 1

// Limits of the exchange.
const (
	service         = "kith.hello"
	maxFrame        = 16 << 10 // bytes: a device list is the longest part
	maxCapabilities = 32
	maxCapability   = 64 // bytes
	deadline        = 10 * time.Second
	maxStreams      = 64   // exchanges that are under way at once, both ways
	maxPeople       = 4096 // peers that are remembered
)

// Card is what we say of ourselves to those who may know.
type Card struct {
	Certificate identity.Certificate
	Name        string
	DeviceList  []byte
}

// Person is a peer that has said who it is, and has proved it.
type Person struct {
	Peer         peer.ID
	Certificate  identity.Certificate
	Name         string // cleaned
	DeviceList   []byte // not verified
	Capabilities []string
	LAN          bool // met on an address of the local network
	Seen         time.Time
}

// Account returns whose peer it is.
func (p Person) Account() identity.AccountID { return p.Certificate.Account }

// Policy decides who may know who we are.
type Policy interface {
	// Reveal reports whether a peer may learn who we are. account is zero
	// while it has not said who it is; proved says that it holds our secret.
	Reveal(p peer.ID, account identity.AccountID, lan, proved bool) bool
	// Secret returns our discovery secret, against which proofs are checked.
	Secret() identity.DiscoverySecret
	// SecretOf returns the discovery secret of whom the peer is thought to
	// belong to, so that we can prove to it that we hold it.
	SecretOf(p peer.ID) (identity.DiscoverySecret, bool)
	// Card returns what we say of ourselves.
	Card() Card
}

// Config says what a Service needs. Host and Policy are required.
type Config struct {
	Host         host.Host
	Policy       Policy
	Capabilities []string
	// OnMeet is called when a peer has said who it is, also when it says it
	// again; OnPart when its last connection has ended. They must not block.
	OnMeet func(Person)
	OnPart func(Person)
	Log    *slog.Logger
}

// Service runs the exchange. It is safe for concurrent use.
type Service struct {
	cfg    Config
	log    *slog.Logger
	inward chan struct{}

	mu      sync.Mutex
	people  map[peer.ID]Person
	told    map[peer.ID]bool          // connected peers that know who we are
	pending map[peer.ID]chan struct{} // exchanges that we have opened
	ctx     context.Context           // of Run; nil outside
	wg      sync.WaitGroup
}

// New makes a service; Run starts it.
func New(cfg Config) *Service {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{
		cfg: cfg, log: cfg.Log, inward: make(chan struct{}, maxStreams),
		people: make(map[peer.ID]Person), told: make(map[peer.ID]bool), pending: make(map[peer.ID]chan struct{}),
	}
}

// Run answers and opens exchanges until ctx ends, and waits for them.
func (s *Service) Run(ctx context.Context) error {
	sub, err := s.cfg.Host.EventBus().Subscribe([]any{
		new(event.EvtPeerIdentificationCompleted), new(event.EvtPeerConnectednessChanged),
	})
	if err != nil {
		return fmt.Errorf("watching the connections: %w", err)
	}
	defer sub.Close()
	s.mu.Lock()
	s.ctx = ctx
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.ctx = nil
		s.mu.Unlock()
		s.wg.Wait()
	}()
	s.cfg.Host.SetStreamHandler(Protocol, func(st network.Stream) { s.answer(ctx, st) })
	defer s.cfg.Host.RemoveStreamHandler(Protocol)
	for _, p := range s.cfg.Host.Network().Peers() {
		s.Refresh(p)
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, ok := <-sub.Out():
			if !ok {
				return nil
			}
			s.handle(e)
		}
	}
}

func (s *Service) handle(e any) {
	switch e := e.(type) {
	case event.EvtPeerIdentificationCompleted:
		if e.Conn.Stat().Direction == network.DirOutbound && speaks(e.Protocols) {
			s.Refresh(e.Peer)
		}
	case event.EvtPeerConnectednessChanged:
		if e.Connectedness == network.NotConnected {
			s.forget(e.Peer)
		}
	}
}

func speaks(all []protocol.ID) bool {
	for _, p := range all {
		if p == Protocol {
			return true
		}
	}
	return false
}

func (s *Service) forget(p peer.ID) {
	s.mu.Lock()
	person, had := s.people[p]
	delete(s.people, p)
	delete(s.told, p)
	s.mu.Unlock()
	if had && s.cfg.OnPart != nil {
		s.cfg.OnPart(person)
	}
}

// Refresh begins the exchange with a connected peer again, as after a change
// of who may know us.
func (s *Service) Refresh(p peer.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx == nil || s.ctx.Err() != nil || len(s.pending) >= maxStreams {
		return
	}
	if _, under := s.pending[p]; under {
		return
	}
	done := make(chan struct{})
	s.pending[p] = done
	ctx := s.ctx
	s.wg.Go(func() {
		defer func() {
			s.mu.Lock()
			delete(s.pending, p)
			s.mu.Unlock()
			close(done)
		}()
		// A second round lets us answer in kind once we know who it is.
		for range 2 {
			again, err := s.open(ctx, p)
			if err != nil {
				s.log.Debug("saying hello", "peer", p.ShortString(), "error", err)
			}
			if !again || err != nil {
				return
			}
		}
	})
}

// Wait waits for an exchange with the peer that is under way, and returns who
// the peer is.
func (s *Service) Wait(ctx context.Context, p peer.ID) (Person, bool) {
	s.mu.Lock()
	done := s.pending[p]
	s.mu.Unlock()
	if done != nil {
		select {
		case <-done:
		case <-ctx.Done():
		}
	}
	return s.Person(p)
}

// Person returns who a connected peer is, if it has said so.
func (s *Service) Person(p peer.ID) (Person, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	person, ok := s.people[p]
	return person, ok
}

// Told reports whether a connected peer has been told who we are.
func (s *Service) Told(p peer.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.told[p]
}

// People returns everybody who is connected and has said who they are.
func (s *Service) People() []Person {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Person, 0, len(s.people))
	for _, p := range s.people {
		out = append(out, p)
	}
	return out
}

// Devices returns the connected peers of an account.
func (s *Service) Devices(a identity.AccountID) []peer.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []peer.ID
	for id, p := range s.people {
		if p.Account() == a {
			out = append(out, id)
		}
	}
	return out
}

// open runs one exchange as the side that opens it. It reports whether what
// we learned lets us say more than we did.
func (s *Service) open(ctx context.Context, p peer.ID) (again bool, err error) {
	ctx, cancel := context.WithTimeout(network.WithAllowLimitedConn(ctx, "kith hello"), deadline)
	defer cancel()
	st, err := s.cfg.Host.NewStream(ctx, p, Protocol)
	if err != nil {
		return false, err
	}
	done, err := wire.Attach(ctx, st, service, maxFrame, deadline)
	if err != nil {
		return false, err
	}
	defer func() { done(err) }()
	lan := isLAN(st.Conn())
	var account identity.AccountID
	if known, ok := s.Person(p); ok {
		account = known.Account()
	}
	ours := &pb.Hello{Version: Version, Capabilities: s.cfg.Capabilities}
	if secret, ok := s.cfg.Policy.SecretOf(p); ok {
		ours.Proof = proof(secret, s.cfg.Host.ID(), p)
	}
	told := s.cfg.Policy.Reveal(p, account, lan, false)
	if told {
		s.fill(p, ours)
	}
	w := wire.NewWriter(st, maxFrame)
	if err := errors.Join(w.WriteMessage(ours), w.Flush()); err != nil {
		return false, err
	}
	var theirs pb.Hello
	if err := wire.NewReader(st, maxFrame).ReadMessage(&theirs); err != nil {
		return false, err
	}
	person, ok, err := s.take(p, &theirs, lan)
	if err != nil || !ok {
		return false, err
	}
	return !told && s.cfg.Policy.Reveal(p, person.Account(), lan, false), nil
}

// answer runs one exchange as the other side.
func (s *Service) answer(ctx context.Context, st network.Stream) {
	select {
	case s.inward <- struct{}{}:
		defer func() { <-s.inward }()
	default:
		_ = st.ResetWithError(network.StreamResourceLimitExceeded)
		return
	}
	s.wg.Add(1)
	defer s.wg.Done()
	done, err := wire.Attach(ctx, st, service, maxFrame, deadline)
	if err != nil {
		return
	}
	defer func() { done(err) }()
	p, lan := st.Conn().RemotePeer(), isLAN(st.Conn())
	var theirs pb.Hello
	if err = wire.NewReader(st, maxFrame).ReadMessage(&theirs); err != nil {
		return
	}
	proved := hmac.Equal(theirs.GetProof(), proof(s.cfg.Policy.Secret(), p, s.cfg.Host.ID()))
	person, known, err := s.take(p, &theirs, lan)
	if err != nil {
		return
	}
	var account identity.AccountID
	if known {
		account = person.Account()
	}
	ours := &pb.Hello{Version: Version, Capabilities: s.cfg.Capabilities}
	if s.cfg.Policy.Reveal(p, account, lan, proved) {
		s.fill(p, ours)
	}
	w := wire.NewWriter(st, maxFrame)
	err = errors.Join(w.WriteMessage(ours), w.Flush())
}

// fill says who we are, and remembers that the peer knows.
func (s *Service) fill(p peer.ID, m *pb.Hello) {
	s.mu.Lock()
	if len(s.told) < maxPeople {
		s.told[p] = true
	}
	s.mu.Unlock()
	c := s.cfg.Policy.Card()
	m.Certificate, m.Name, m.DeviceList = c.Certificate.Bytes(), c.Name, c.DeviceList
}

// take checks what a peer says of itself and remembers it.
func (s *Service) take(p peer.ID, m *pb.Hello, lan bool) (Person, bool, error) {
	if len(m.GetCertificate()) == 0 {
		return Person{}, false, nil
	}
	person, err := parse(p, m, lan)
	if err != nil {
		return Person{}, false, err
	}
	s.mu.Lock()
	if _, have := s.people[p]; !have && len(s.people) >= maxPeople {
		s.mu.Unlock()
		return person, true, nil
	}
	s.people[p] = person
	s.mu.Unlock()
	if s.cfg.Host.Network().Connectedness(p) == network.NotConnected {
		s.forget(p)
	} else if s.cfg.OnMeet != nil {
		s.cfg.OnMeet(person)
	}
	return person, true, nil
}

// errWho says that a peer claims to be somebody it is not.
var errWho = errors.New("the peer is not who it says it is")

// parse turns what a peer says of itself into a Person.
func parse(p peer.ID, m *pb.Hello, lan bool) (Person, error) {
	cert, err := identity.ParseCertificate(m.GetCertificate())
	if err != nil {
		return Person{}, fmt.Errorf("%w: %w", errWho, err)
	}
	device, err := identity.DeviceOf(p)
	if err != nil || cert.Device != device {
		return Person{}, fmt.Errorf("%w: the certificate is for another device", errWho)
	}
	out := Person{Peer: p, Certificate: cert, Name: identity.CleanName(m.GetName()), LAN: lan, Seen: time.Now()}
	if l := m.GetDeviceList(); len(l) <= identity.MaxDeviceList {
		out.DeviceList = l
	}
	for _, c := range m.GetCapabilities() {
		if len(out.Capabilities) < maxCapabilities && len(c) <= maxCapability {
			out.Capabilities = append(out.Capabilities, c)
		}
	}
	return out, nil
}

// proof shows to answerer that opener holds the secret, and to nobody else
// anything: it cannot be carried to another connection.
func proof(secret identity.DiscoverySecret, opener, answerer peer.ID) []byte {
	k := identity.DomainHelloProof.Sum(secret[:])
	mac := hmac.New(sha256.New, k[:])
	mac.Write([]byte(opener))
	mac.Write([]byte{0})
	mac.Write([]byte(answerer))
	return mac.Sum(nil)
}

// isLAN reports whether a connection is direct and to an address of the local
// network.
func isLAN(c network.Conn) bool {
	if c.Stat().Limited {
		return false
	}
	a := c.RemoteMultiaddr()
	return manet.IsPrivateAddr(a) || manet.IsIPLoopback(a) || manet.IsIP6LinkLocal(a)
}
