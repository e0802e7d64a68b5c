package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/discovery"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/routing"
	drouting "github.com/libp2p/go-libp2p/p2p/discovery/routing"
	"github.com/multiformats/go-multiaddr"
	"golang.org/x/sync/errgroup"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/identity/seal"
	"github.com/kith-chat/kith/node/courier"
	"github.com/kith-chat/kith/node/file"
	"github.com/kith-chat/kith/node/hello"
	"github.com/kith-chat/kith/node/nethost"
	"github.com/kith-chat/kith/node/rendezvous"
	"github.com/kith-chat/kith/node/signal"
	"github.com/kith-chat/kith/node/store"
	"github.com/kith-chat/kith/pubsub"
	"github.com/kith-chat/kith/pubsub/reconcile"
)

// Node is a running peer. It is made by Open; all methods are safe for
// concurrent use until Close.
type Node struct {
	config  Config
	log     *slog.Logger
	self    *identity.Device
	called  atomic.Pointer[string] // our name
	started time.Time

	store    *store.Store
	people   *people
	groups   *groups
	inviting sync.Mutex // so that only one invite stands
	numbers  sync.Map   // safety numbers by account
	mutes    mutes
	screen   screen
	typing   typing
	linking  linking
	mirror   mirror
	bus      *bus
	acks     *acks

	// What the network needs; all nil when the node is offline.
	host       host.Host
	net        *nethost.Host // nil in a simulated network as well
	hello      *hello.Service
	rendezvous *rendezvous.Service
	gossip     *pubsub.Service
	policy     *policy
	signals    *signal.Service
	sync       *reconcile.Service
	orders     *orders
	syncCerts  event.CertificateCache
	checked    sync.Map // when each chat was last found equal with somebody's

	courier *courier.Courier
	files   *file.Manager
	fetched fetched

	ready  chan struct{} // closed once the parts are there
	ctx    context.Context
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup
	done   chan struct{}
	once   sync.Once
	err    error
}

// Open starts a node: the store, the host, then the parts that carry and find.
// It is all or nothing. ctx bounds the opening alone. store.ErrInUse,
// store.ErrDiskFull and store.ErrNewerSchema come through.
func Open(ctx context.Context, c Config) (*Node, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	secrets := c.Vault.Secrets()
	device, err := secrets.Device()
	if err != nil {
		return nil, fmt.Errorf("reading the vault: %w", err)
	}
	n := &Node{
		config: c, log: c.Log, self: device, started: time.Now(),
		people: newPeople(device.Account()), bus: newBus(), acks: newAcks(), done: make(chan struct{}), ready: make(chan struct{}),
		mirror: mirror{wake: make(chan struct{}, 1)},
	}
	n.called.Store(&secrets.Name)
	n.groups = newGroups(n)
	n.ctx, n.cancel = context.WithCancelCause(context.Background())
	n.store, err = store.Open(ctx, store.Options{
		Dir: filepath.Join(c.Home, "store"), Key: secrets.StoreKey, Self: device.Account(),
		Log: c.Log, MinFree: c.MinFree, Released: n.released,
	})
	if err != nil {
		n.cancel(err)
		return nil, err
	}
	if err := n.assemble(ctx); err != nil {
		return nil, errors.Join(err, n.shut(err))
	}
	close(n.ready)
	n.run()
	if err := n.rejoin(ctx); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// assemble makes the parts, each from those before it.
func (n *Node) assemble(ctx context.Context) error {
	for _, load := range []func(context.Context) error{n.loadPeople, n.loadMutes, n.loadScreen, n.loadMirror, n.loadFetched} {
		if err := load(ctx); err != nil {
			return err
		}
	}
	if !n.config.Offline {
		if err := n.openNetwork(ctx); err != nil {
			return err
		}
	}
	h := n.host
	if h == nil {
		h = offlineHost{device: n.self}
	}
	var err error
	n.courier, err = courier.New(courier.Config{
		Host: h, Device: n.self, Logger: n.log,
		Log: direct{n}, Outbox: outbox{n}, Composer: direct{n}, Contacts: contacts{n},
		Self: ourselves{n}, Devices: devices{n}, Finder: finder{n}, Sent: n.givenAway, Acknowledged: n.acks.acknowledged,
	})
	if err != nil {
		return err
	}
	box, err := seal.NewBox(n.config.Vault.Secrets().StoreKey)
	if err != nil {
		return err
	}
	n.files, err = file.NewManager(ctx, file.Config{
		Host: h, Dir: filepath.Join(n.config.Home, "files"), Downloads: n.config.Downloads,
		Store: transfers{n}, Members: membership{n}, Sources: sources{n}, Served: n.served, Box: box,
		Accept: n.autoAccept, Report: n.reportTransfer, Log: n.log,
	})
	return err
}

// openNetwork starts the host and what finds and carries on it.
func (n *Node) openNetwork(ctx context.Context) error {
	var content routing.ContentRouting
	var topics discovery.Discovery
	var trouble func() string
	if n.config.NewHost != nil {
		h, err := n.config.NewHost(ctx, n.config)
		if err != nil {
			return err
		}
		n.host = h
	} else {
		boot, err := parseBootstrap(n.config.Bootstrap)
		if err != nil {
			return err
		}
		n.net, err = nethost.New(ctx, nethost.Config{
			Device: n.self, Listen: n.config.Listen, DHT: n.config.DHT, Bootstrap: boot,
			Relay: n.config.Relay, Agent: "kith/" + n.config.Version, Log: n.log,
		})
		if err != nil {
			return err
		}
		n.host = n.net
		if n.net.DHT != nil {
			content = n.net.DHT
			topics = drouting.NewRoutingDiscovery(n.net.DHT)
			trouble = n.net.DHTTrouble
		}
	}
	n.policy = newPolicy(n)
	if err := n.policy.load(ctx); err != nil {
		return err
	}
	n.hello = hello.New(hello.Config{
		Host: n.host, Policy: n.policy, Capabilities: []string{"direct/1", "file/1", "groups/1"},
		OnMeet: n.onMeet, OnPart: n.onPart, Log: n.log,
	})
	n.rendezvous = rendezvous.New(rendezvous.Config{
		Host: n.host, Contacts: seeking{n}, Directory: directory{n}, Secret: n.policy.Secret,
		DHT: content, Trouble: trouble, MDNS: n.config.MDNS, Seeking: n.policy.seeking, Log: n.log,
	})
	n.signals = signal.New(signal.Config{Host: n.host, May: n.maySignal, On: n.signalled, Log: n.log})
	n.newSync()
	var err error
	n.gossip, err = pubsub.New(n.host, pubsub.Options{
		Device: n.self, Log: groupLog{n}, Logger: n.log, Discovery: topics,
		AllowAuthor: n.policy.heard, OnPeer: n.groups.onPeer,
	})
	return err
}

func parseBootstrap(all []string) ([]peer.AddrInfo, error) {
	var list []multiaddr.Multiaddr
	for _, s := range all {
		m, err := multiaddr.NewMultiaddr(s)
		if err != nil {
			return nil, fmt.Errorf("%w: the bootstrap address %q: %w", ErrInvalid, s, err)
		}
		list = append(list, m)
	}
	out, err := peer.AddrInfosFromP2pAddrs(list...)
	if err != nil {
		return nil, fmt.Errorf("%w: a bootstrap address must end in /p2p/ID: %w", ErrInvalid, err)
	}
	return out, nil
}

// run sets the parts to work. When one ends by a fault, the node closes with
// that as the cause.
func (n *Node) run() {
	g, ctx := errgroup.WithContext(n.ctx)
	if n.host != nil {
		g.Go(func() error { return n.hello.Run(ctx) })
		g.Go(func() error { return n.rendezvous.Run(ctx) })
		g.Go(func() error { return n.gossip.Run(ctx) })
		g.Go(func() error { return n.signals.Run(ctx) })
		g.Go(func() error { return n.runSync(ctx) })
		g.Go(func() error { return n.courier.Run(ctx) })
		g.Go(func() error { return n.files.Run(ctx) })
	}
	g.Go(func() error { return n.follow(ctx) })
	g.Go(func() error { return n.runMirror(ctx) })
	g.Go(func() error { return n.maintain(ctx) })
	n.wg.Go(func() {
		err := g.Wait()
		if n.ctx.Err() == nil {
			if err == nil {
				err = errors.New("a part of the node has ended")
			}
			n.log.Error("the node closes", "error", err)
			n.cancel(err)
		}
		close(n.done)
	})
}

// rejoin enters the groups and topics that were joined before.
func (n *Node) rejoin(ctx context.Context) error {
	chats, err := n.store.Chats(ctx)
	if err != nil {
		return kindOf(err)
	}
	for _, c := range chats {
		if c.Joined && (c.Kind == store.Public || c.Kind == store.Raw) {
			if err := n.groups.join(ctx, c); err != nil {
				n.log.Warn("joining a group again", "chat", c.ID, "error", err)
			}
		}
	}
	return nil
}

// Done is closed when the node has stopped working, by Close or by a fault.
func (n *Node) Done() <-chan struct{} { return n.done }

// Err returns why the node stopped; nil while it works and after Close.
func (n *Node) Err() error {
	if err := context.Cause(n.ctx); err != nil && !errors.Is(err, ErrClosed) {
		return err
	}
	return nil
}

// Close ends the node in the reverse order of its birth and waits for it. It
// can be called more than once.
func (n *Node) Close() error {
	n.once.Do(func() {
		n.cancel(ErrClosed)
		n.groups.close() // nothing more is published
		n.wg.Wait()      // the parts have let go of their streams
		n.err = n.shut(nil)
	})
	return n.err
}

// shut closes what is open: gossip before the host that it speaks through, the
// store last, since all others write to it.
func (n *Node) shut(cause error) error {
	if cause != nil {
		n.cancel(cause)
	}
	var errs []error
	if n.gossip != nil {
		errs = append(errs, n.gossip.Close())
	}
	if n.host != nil {
		errs = append(errs, n.host.Close())
	}
	errs = append(errs, n.store.Close())
	return errors.Join(errs...)
}

// Name returns what we call ourselves.
func (n *Node) Name() string { return *n.called.Load() }

// pruneEvery is how often what is kept too long is erased.
const pruneEvery = 10 * time.Minute

// maintain erases what is kept too long, and tells when the disk fills.
func (n *Node) maintain(ctx context.Context) error {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	var pruned time.Time
	state, _, _ := n.store.Space()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-second.C:
			if s, _, detail := n.store.Space(); s != state {
				state = s
				n.bus.publish(News{Storage: &StorageNews{State: string(s), Detail: detail}})
			}
			if now.Sub(pruned) < pruneEvery {
				continue
			}
			more, err := n.store.Prune(ctx, now.UnixMilli())
			if err != nil && ctx.Err() == nil {
				n.log.Warn("erasing what is kept too long", "error", err)
			}
			if !more {
				pruned = now
			}
		}
	}
}
