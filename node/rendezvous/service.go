package rendezvous

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/routing"
	"golang.org/x/sync/errgroup"

	"github.com/kith-chat/kith/identity"
)

// The bounds of looking and being found.
const (
	dialTimeout  = 10 * time.Second
	findTimeout  = 30 * time.Second // one key in the DHT
	headStart    = time.Second      // of the known addresses before the DHT
	maxFound     = 16               // peers that one key may give
	maxAddresses = 16               // of one peer
	maxKnown     = 32               // devices of one account
	maxSearches  = 16               // friends that are looked for at once
)

// Target is somebody whom we wish to meet.
type Target struct {
	Account   identity.AccountID
	Secret    identity.DiscoverySecret // zero if we do not hold it
	Addresses []peer.AddrInfo          // where they were met, or are said to be
}

// Contacts knows whom we wish to meet.
type Contacts interface {
	// Targets returns everybody whom we wish to be connected with.
	Targets(ctx context.Context) []Target
	// Target returns one of them.
	Target(ctx context.Context, a identity.AccountID) (Target, bool)
}

// Directory knows whose the connected peers are.
type Directory interface {
	// Devices returns the connected peers of an account.
	Devices(a identity.AccountID) []peer.ID
	// Await waits until the connected peer has said who it is, and returns
	// whose it is; ok is false if it does not say.
	Await(ctx context.Context, p peer.ID) (a identity.AccountID, ok bool)
}

// Config says what a Service needs. Host, Contacts, Directory and Secret are
// required.
type Config struct {
	Host      host.Host
	Contacts  Contacts
	Directory Directory
	// Secret returns our own discovery secret.
	Secret func() identity.DiscoverySecret
	// DHT provides and finds; nil for none. If it is a routing.PeerRouting
	// too, it is asked for the addresses of peers that were found without.
	DHT routing.ContentRouting
	// Trouble says why nobody can be found in the DHT just now; empty if
	// nothing is known against it, nil for never.
	Trouble func() string
	// MDNS listens on the LAN.
	MDNS bool
	// Seeking is called before a peer is dialled that is thought to belong to
	// an account, so that we can prove to it that we hold the secret.
	Seeking func(p peer.ID, a identity.AccountID)
	Log     *slog.Logger
}

// Service finds people and lets itself be found. It is safe for concurrent use.
type Service struct {
	cfg Config
	log *slog.Logger
	lan *neighbours

	sought   chan struct{} // wakes the seeking
	changed  chan struct{} // wakes the providing
	moved    chan struct{} // wakes mDNS
	searches chan struct{} // one for each search that the seeking has begun

	addresses func() []string // of this machine

	mu    sync.Mutex
	tries map[identity.AccountID]*tries
}

// New makes a service; Run starts it.
func New(cfg Config) *Service {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Trouble == nil {
		cfg.Trouble = func() string { return "" }
	}
	if cfg.Seeking == nil {
		cfg.Seeking = func(peer.ID, identity.AccountID) {}
	}
	return &Service{
		cfg: cfg, log: cfg.Log, lan: newNeighbours(cfg.Host, cfg.Log),
		sought: make(chan struct{}, 1), changed: make(chan struct{}, 1),
		moved: make(chan struct{}, 1), addresses: addresses,
		searches: make(chan struct{}, maxSearches), tries: make(map[identity.AccountID]*tries),
	}
}

// Run finds and is found until ctx ends, and waits for what it began.
func (s *Service) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	if s.cfg.MDNS {
		g.Go(func() error { return s.runMDNS(ctx) })
		g.Go(func() error { return s.lan.run(ctx) })
	}
	if s.cfg.DHT != nil {
		g.Go(func() error { return s.provide(ctx) })
	}
	g.Go(func() error { return s.seek(ctx) })
	g.Go(func() error { return s.follow(ctx) })
	return g.Wait()
}

// SecretChanged makes us known under the new secret at once.
func (s *Service) SecretChanged() { poke(s.changed) }

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
