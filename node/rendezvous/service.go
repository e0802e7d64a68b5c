package rendezvous

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/routing"
	"golang.org/x/sync/errgroup"

	"github.com/kith-chat/kith/identity"
)

// The paces of looking and being found.
const (
	provideEvery = 4 * time.Hour    // provider records live for a day or two
	provideRetry = 20 * time.Second // after a failure, as when the DHT is still empty
	seekFirst    = 5 * time.Second  // after a friend was not found, doubling
	seekLast     = 15 * time.Minute // up to this
	dialTimeout  = 10 * time.Second
	findTimeout  = 30 * time.Second
	maxFound     = 16 // peers that one look-up may give
	maxDials     = 16 // dials for the LAN at once
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
	// DHT provides and finds; nil for none.
	DHT routing.ContentRouting
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

	mu      sync.Mutex
	tries   map[identity.AccountID]*try
	sought  chan struct{} // wakes the seeking
	changed chan struct{} // wakes the providing
	dials   chan struct{}
	wg      sync.WaitGroup
}

// try is how the search for one account stands.
type try struct {
	wait time.Duration
	next time.Time
}

// New makes a service; Run starts it.
func New(cfg Config) *Service {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Seeking == nil {
		cfg.Seeking = func(peer.ID, identity.AccountID) {}
	}
	return &Service{
		cfg: cfg, log: cfg.Log, tries: make(map[identity.AccountID]*try),
		sought: make(chan struct{}, 1), changed: make(chan struct{}, 1), dials: make(chan struct{}, maxDials),
	}
}

// Run finds and is found until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	defer s.wg.Wait()
	g, ctx := errgroup.WithContext(ctx)
	if s.cfg.MDNS {
		g.Go(func() error { return s.runMDNS(ctx) })
	}
	if s.cfg.DHT != nil {
		g.Go(func() error { return s.provide(ctx) })
	}
	g.Go(func() error { return s.seek(ctx) })
	return g.Wait()
}

// SecretChanged makes us known under the new secret at once.
func (s *Service) SecretChanged() { poke(s.changed) }

// Seek looks for an account at once, as when there is something to say.
func (s *Service) Seek(a identity.AccountID) {
	s.mu.Lock()
	delete(s.tries, a)
	s.mu.Unlock()
	poke(s.sought)
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// provide keeps our key of the day in the DHT.
func (s *Service) provide(ctx context.Context) error {
	for {
		wait := provideEvery
		for _, k := range keys(s.cfg.Secret(), time.Now()) {
			find, cancel := context.WithTimeout(ctx, time.Minute)
			err := s.cfg.DHT.Provide(find, k, true)
			cancel()
			if err != nil {
				s.log.Debug("leaving our address in the DHT", "error", err)
				wait = provideRetry
			}
		}
		// The key changes at midnight: never sleep over it for long.
		wait = min(wait, time.Until(time.Now().UTC().Truncate(24*time.Hour).Add(24*time.Hour-overlap)).Abs()+time.Minute)
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-s.changed:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		timer.Stop()
	}
}

// seek looks for everybody whom we wish to meet and who is not connected, each
// less and less often.
func (s *Service) seek(ctx context.Context) error {
	for {
		now := time.Now()
		next := now.Add(time.Minute)
		for _, t := range s.cfg.Contacts.Targets(ctx) {
			if len(s.cfg.Directory.Devices(t.Account)) > 0 {
				s.met(t.Account)
				continue
			}
			due := s.due(t.Account, now)
			if due.After(now) {
				if due.Before(next) {
					next = due
				}
				continue
			}
			select {
			case s.dials <- struct{}{}:
			default:
				next = now.Add(time.Second)
				continue
			}
			s.wg.Go(func() {
				defer func() { <-s.dials }()
				_, err := s.find(ctx, t, nil)
				if err != nil {
					s.log.Debug("a friend is not to be found", "account", t.Account, "error", err)
				}
				poke(s.sought)
			})
			s.tried(t.Account, now)
		}
		timer := time.NewTimer(max(time.Until(next), 100*time.Millisecond))
		select {
		case <-timer.C:
		case <-s.sought:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		timer.Stop()
	}
}

func (s *Service) due(a identity.AccountID, now time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.tries[a]; t != nil {
		return t.next
	}
	return now
}

func (s *Service) tried(a identity.AccountID, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tries[a]
	if t == nil {
		t = &try{wait: seekFirst}
		s.tries[a] = t
	} else {
		t.wait = min(2*t.wait, seekLast)
	}
	t.next = now.Add(t.wait + rand.N(t.wait/2))
}

func (s *Service) met(a identity.AccountID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tries, a)
}

// dialLAN connects to a peer that mDNS has found.
func (s *Service) dialLAN(ctx context.Context, p peer.AddrInfo) {
	if s.cfg.Host.Network().Connectedness(p.ID) == network.Connected {
		return
	}
	select {
	case s.dials <- struct{}{}:
	default:
		return
	}
	s.wg.Go(func() {
		defer func() { <-s.dials }()
		dial, cancel := context.WithTimeout(ctx, dialTimeout)
		defer cancel()
		if err := s.cfg.Host.Connect(dial, p); err != nil && ctx.Err() == nil {
			s.log.Debug("a peer on the LAN does not answer", "peer", p.ID.ShortString(), "error", err)
		}
	})
}
