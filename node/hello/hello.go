package hello

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"

	"github.com/kith-chat/kith/identity"
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
	maxOpen         = 32   // exchanges that we open at once; others wait their turn
	maxAnswers      = 64   // exchanges that we answer at once
	maxPeerAnswers  = 2    // of them with one peer
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
	DeviceList   []byte // not verified; at most identity.MaxDeviceList bytes
	Capabilities []string
	Version      uint32 // of its hello
	LAN          bool   // met on an address of the local network
	Seen         time.Time
}

// Account returns whose peer it is.
func (p Person) Account() identity.AccountID { return p.Certificate.Account }

// Policy decides who may know who we are.
type Policy interface {
	// Reveal reports whether a peer may learn who we are. account is zero
	// while it has not said who it is; proved says that it holds our secret.
	Reveal(p peer.ID, account identity.AccountID, lan, proved bool) bool
	// Secret returns our discovery secret, against which proofs are checked;
	// zero when we have none.
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
	// again; OnPart when its last connection has ended. They are called one
	// at a time, in the order of what happened, and must not block.
	OnMeet func(Person)
	OnPart func(Person)
	// OnLAN reports whether a connection is with the local network; nil goes
	// by the addresses.
	OnLAN func(network.Conn) bool
	Log   *slog.Logger
}

// Service runs the exchange. It is safe for concurrent use.
type Service struct {
	cfg   Config
	log   *slog.Logger
	slots chan struct{} // one for each exchange that we have opened

	telling sync.Mutex // held while somebody comes or goes, before mu

	mu      sync.Mutex
	people  map[peer.ID]Person
	told    map[peer.ID]bool // connected peers that know who we are
	opening map[peer.ID]*opening
	guests  map[peer.ID]*guest
	answers int             // of guests, together
	ctx     context.Context // of Run; nil outside
	wg      sync.WaitGroup
}

// New makes a service; Run starts it.
func New(cfg Config) *Service {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.OnMeet == nil {
		cfg.OnMeet = func(Person) {}
	}
	if cfg.OnPart == nil {
		cfg.OnPart = func(Person) {}
	}
	if cfg.OnLAN == nil {
		cfg.OnLAN = onLAN
	}
	return &Service{
		cfg: cfg, log: cfg.Log, slots: make(chan struct{}, maxOpen),
		people: make(map[peer.ID]Person), told: make(map[peer.ID]bool),
		opening: make(map[peer.ID]*opening), guests: make(map[peer.ID]*guest),
	}
}

// Run answers and opens exchanges until ctx ends, and waits for them.
func (s *Service) Run(ctx context.Context) error {
	sub, err := s.cfg.Host.EventBus().Subscribe([]any{
		new(event.EvtPeerIdentificationCompleted), new(event.EvtPeerProtocolsUpdated),
		new(event.EvtPeerConnectednessChanged),
	}, eventbus.BufSize(256))
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
	// Whoever connected before we answered could not ask us.
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

// handle begins an exchange with a peer that we have dialled, or that has
// learned the protocol since. Of two peers the one that dialled opens, so that
// one exchange is enough; when both have dialled, both open, which does no harm.
func (s *Service) handle(e any) {
	switch e := e.(type) {
	case event.EvtPeerIdentificationCompleted:
		if e.Conn.Stat().Direction == network.DirOutbound && slices.Contains(e.Protocols, Protocol) {
			s.Refresh(e.Peer)
		}
	case event.EvtPeerProtocolsUpdated:
		if slices.Contains(e.Added, Protocol) && s.dialled(e.Peer) {
			s.Refresh(e.Peer)
		}
	case event.EvtPeerConnectednessChanged:
		if e.Connectedness == network.NotConnected {
			s.forget(e.Peer)
		}
	}
}

func (s *Service) dialled(p peer.ID) bool {
	return slices.ContainsFunc(s.cfg.Host.Network().ConnsToPeer(p), func(c network.Conn) bool {
		return c.Stat().Direction == network.DirOutbound
	})
}

// gone reports whether no connection with a peer is left.
func (s *Service) gone(p peer.ID) bool {
	return s.cfg.Host.Network().Connectedness(p) == network.NotConnected
}

// remember takes in a peer that has said who it is.
func (s *Service) remember(person Person) {
	s.telling.Lock()
	defer s.telling.Unlock()
	if s.gone(person.Peer) {
		return // its departure may have been told already
	}
	s.mu.Lock()
	_, have := s.people[person.Peer]
	full := !have && len(s.people) >= maxPeople
	if !full {
		s.people[person.Peer] = person
	}
	s.mu.Unlock()
	if !full {
		s.cfg.OnMeet(person)
	}
}

// forget drops a peer, unless it is back already.
func (s *Service) forget(p peer.ID) {
	s.telling.Lock()
	defer s.telling.Unlock()
	if !s.gone(p) {
		return
	}
	s.mu.Lock()
	person, had := s.people[p]
	delete(s.people, p)
	delete(s.told, p)
	if g := s.guests[p]; g != nil && g.active == 0 {
		delete(s.guests, p)
	}
	s.mu.Unlock()
	if had {
		s.cfg.OnPart(person)
	}
}

// Wait waits for an exchange with the peer that is under way, and returns who
// the peer is.
func (s *Service) Wait(ctx context.Context, p peer.ID) (Person, bool) {
	s.mu.Lock()
	o := s.opening[p]
	var done chan struct{}
	if o != nil {
		done = o.done
	}
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
