package courier

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"

	"github.com/kith-chat/kith/identity"
	kithevent "github.com/kith-chat/kith/identity/event"
)

// Config is what a Courier works with. All fields but the last few are
// required; ports.go says what each has to do.
type Config struct {
	Host     host.Host
	Device   *identity.Device // ours; its key is the host's
	Log      Log
	Outbox   Outbox
	Composer Composer
	Contacts Contacts
	Self     Self
	Devices  Devices
	Finder   Finder

	// Sent is told which events have just been written to the recipient's
	// stream. It must be quick. May be nil.
	Sent func(to identity.AccountID, ids []kithevent.ID)
	// Acknowledged is told which events have just been made durable by their
	// recipient, before the outbox has noted it. It must be quick. May be nil.
	Acknowledged func(to identity.AccountID, ids []kithevent.ID)
	// Logger receives the log; nil for none.
	Logger *slog.Logger
}

// Courier delivers and takes. It is made by New and works while Run runs; the
// acts of friends.go need no Run: what they say waits in the outbox.
type Courier struct {
	cfg      Config
	log      *slog.Logger
	self     identity.AccountID
	certs    kithevent.CertificateCache
	verify   *verifier
	reaching chan struct{}
	count    counters
	saying   sync.Mutex // one step at a time goes from owed to the outbox

	opens     meters[peer.ID]
	strangers meters[struct{}]
	intake    meters[identity.AccountID]
	streams   streams

	mu    sync.Mutex
	run   *running // nil while Run does not run
	lines map[identity.AccountID]*line
}

// running is what exists while Run runs.
type running struct {
	ctx context.Context
	wg  sync.WaitGroup
}

// New makes a Courier; it does nothing before Run.
func New(cfg Config) (*Courier, error) {
	if cfg.Host == nil || cfg.Device == nil || cfg.Log == nil || cfg.Outbox == nil || cfg.Composer == nil ||
		cfg.Contacts == nil || cfg.Self == nil || cfg.Devices == nil || cfg.Finder == nil {
		return nil, errors.New("a courier needs every part of its configuration")
	}
	if id, err := identity.DeviceOf(cfg.Host.ID()); err != nil || id != cfg.Device.ID() {
		return nil, errors.New("the host has another key than the device")
	}
	log := cfg.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	c := &Courier{
		cfg: cfg, log: log, self: cfg.Device.Account(),
		reaching:  make(chan struct{}, maxReaching),
		opens:     meters[peer.ID]{rate: openRate, burst: openBurst},
		strangers: meters[struct{}]{rate: strangerRate, burst: strangerBurst},
		intake:    meters[identity.AccountID]{rate: eventRate, burst: eventBurst},
		lines:     make(map[identity.AccountID]*line),
	}
	c.verify = newVerifier(&c.certs)
	return c, nil
}

// Run delivers and takes until ctx ends, and returns once everything that it
// started has ended. It fails if the outbox or the contacts cannot be read at
// the start. It may be called once at a time.
func (c *Courier) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	run := &running{ctx: ctx}
	c.mu.Lock()
	if c.run != nil {
		c.mu.Unlock()
		return errors.New("the courier is running already")
	}
	c.run = run
	c.mu.Unlock()
	defer c.rest(run, cancel)

	sub, err := c.cfg.Host.EventBus().Subscribe(new(event.EvtPeerConnectednessChanged), eventbus.Name(ServiceName), eventbus.BufSize(256))
	if err != nil {
		return fmt.Errorf("listening for connections: %w", err)
	}
	defer func() { _ = sub.Close() }()
	if err := c.resume(ctx); err != nil {
		c.log.Warn("a friendship's step could not be finished", "error", err)
	}
	waiting, err := c.cfg.Outbox.Recipients(ctx)
	if err != nil {
		return fmt.Errorf("reading the outbox: %w", err)
	}
	for _, a := range waiting {
		c.Wake(a)
	}
	c.cfg.Host.SetStreamHandler(ProtocolID, c.serve)
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-sub.Out():
			if e, ok := e.(event.EvtPeerConnectednessChanged); ok && e.Connectedness != network.NotConnected {
				c.connected(e.Peer)
			}
		}
	}
}

// rest ends what Run has started: nothing new first, then everything at once,
// then the wait.
func (c *Courier) rest(run *running, cancel context.CancelFunc) {
	c.cfg.Host.RemoveStreamHandler(ProtocolID)
	c.mu.Lock()
	c.run = nil
	c.lines = make(map[identity.AccountID]*line)
	c.mu.Unlock()
	cancel()
	run.wg.Wait()
}

// enter adds a goroutine that Run waits for; false while Run does not run.
func (c *Courier) enter() (*running, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.run == nil {
		return nil, false
	}
	c.run.wg.Add(1)
	return c.run, true
}

// Wake says that something was put into the outbox for an account. It never
// blocks.
func (c *Courier) Wake(to identity.AccountID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.lines[to]
	if l == nil {
		if c.run == nil || to == c.self || to.IsZero() {
			return
		}
		l = newLine(c, to)
		c.lines[to] = l
		ctx := c.run.ctx
		c.run.wg.Go(func() { l.run(ctx) })
	}
	signal(l.rows)
}

// Seen says that an account can be reached now: it is tried at once if
// something waits for it. It never blocks.
func (c *Courier) Seen(a identity.AccountID) {
	if l := c.line(a); l != nil {
		l.appear()
	}
}

// line returns the line of an account, nil if there is none.
func (c *Courier) line(to identity.AccountID) *line {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lines[to]
}

// retire takes a line down, unless it was woken meanwhile.
func (c *Courier) retire(l *line) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(l.rows) > 0 || c.lines[l.to] != l {
		return false
	}
	delete(c.lines, l.to)
	return true
}

// connected wakes the lines that last spoke to this peer.
func (c *Courier) connected(p peer.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.lines {
		if l.lastPeer() == p {
			l.appear()
		}
	}
}

// hangUp ends every stream with an account.
func (c *Courier) hangUp(a identity.AccountID) {
	c.streams.hangUp(a)
	if l := c.line(a); l != nil {
		l.hangUp()
	}
}

// Status is how delivery to an account stands.
type Status struct {
	Queued    int       // events in the outbox
	Connected bool      // a stream to one of their devices is open
	Peer      peer.ID   // the device that was last spoken to
	InFlight  int       // events sent and not answered for
	LastError string    // why the last try failed; empty if it did not
	NextTry   time.Time // zero when none is planned
	LastAck   time.Time // when they last answered for something
}

// Status returns how delivery to an account stands.
func (c *Courier) Status(ctx context.Context, a identity.AccountID) (Status, error) {
	var s Status
	if l := c.line(a); l != nil {
		s = l.status()
	}
	var err error
	if s.Queued, err = c.cfg.Outbox.Count(ctx, a); err != nil {
		return s, fmt.Errorf("counting what waits for %s: %w", a.Short(), err)
	}
	return s, nil
}

// signal leaves a note in a channel of capacity one.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
