package link

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/node/wire"
)

// ErrBusy says that a device is being linked already.
var ErrBusy = errors.New("a device is being linked already; cancel that first")

// Host answers for the old device. It is safe for concurrent use; one device is
// linked at a time.
type Host struct {
	host    host.Host
	account identity.AccountID
	log     *slog.Logger

	busy sync.Mutex
}

// NewHost makes the old device's side; log may be nil.
func NewHost(h host.Host, account identity.AccountID, log *slog.Logger) *Host {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Host{host: h, account: account, log: log}
}

// Admit waits for the device that has the code, until the code expires or ctx
// ends, and makes it one of the account: ask is called once both have proved
// that they know the code, grant once both persons have agreed. A caller that
// does not know the code is turned away and changes nothing; once somebody has
// proved it, the code is spent, whatever comes of it.
func (h *Host) Admit(ctx context.Context, code identity.LinkCode, ask Ask, give Give) error {
	if !h.busy.TryLock() {
		return ErrBusy
	}
	defer h.busy.Unlock()
	ctx, cancel := context.WithDeadline(ctx, code.Expires)
	defer cancel()
	a := &admission{h: h, code: code, ask: ask, give: give, places: make(chan struct{}, maxCallers), result: make(chan error, 1)}
	h.host.SetStreamHandler(Protocol, func(s network.Stream) { a.serve(ctx, s) })
	var err error
	select {
	case err = <-a.result:
	case <-ctx.Done():
		err = ctx.Err()
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("%w: nobody came in time", identity.ErrLinkCode)
		}
	}
	h.host.RemoveStreamHandler(Protocol)
	cancel()
	a.close()
	return err
}

// maxCallers bounds those who are heard at once before one has proved the code.
const maxCallers = 8

// admission is the time for which one code works.
type admission struct {
	h      *Host
	code   identity.LinkCode
	ask    Ask
	give   Give
	places chan struct{}
	spent  atomic.Bool
	result chan error // of who has proved the code

	mu     sync.Mutex
	closed bool
	wg     sync.WaitGroup
}

// enter takes part in what close waits for.
func (a *admission) enter() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return false
	}
	a.wg.Add(1)
	return true
}

// close waits for the streams that are served.
func (a *admission) close() {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.wg.Wait()
}

func (a *admission) serve(ctx context.Context, s network.Stream) {
	if !a.enter() {
		_ = s.Reset()
		return
	}
	defer a.wg.Done()
	select {
	case a.places <- struct{}{}:
		defer func() { <-a.places }()
	default:
		_ = s.ResetWithError(network.StreamRateLimited)
		return
	}
	done, err := wire.Attach(ctx, s, service, 2*maxFrame, 0)
	if err != nil {
		return
	}
	ours := false
	err = admit(ctx, s, a.code, a.h.account, func() bool {
		ours = a.spent.CompareAndSwap(false, true)
		return ours
	}, a.ask, a.give)
	done(err)
	if ours {
		a.result <- err
	} else if err != nil {
		a.h.log.Warn("a peer that did not become a device of ours called", "peer", s.Conn().RemotePeer(), "error", err)
	}
}

// dialTime bounds the search for the old device.
const dialTime = 30 * time.Second

// Join makes this machine a device of the account whose device shows the code.
// key is the new device's; keep is called with the grant and must make it
// durable. It opens a host of its own for as long as it takes.
func Join(ctx context.Context, code identity.LinkCode, key ed25519.PrivateKey, name string, ask Ask, keep func(Grant) error) (err error) {
	if err := code.Check(time.Now()); err != nil {
		return err
	}
	private, err := crypto.UnmarshalEd25519PrivateKey(key)
	if err != nil {
		return fmt.Errorf("linking: %w", err)
	}
	h, err := libp2p.New(libp2p.Identity(private), libp2p.NoListenAddrs, libp2p.EnableRelay(), libp2p.UserAgent("kith/link"))
	if err != nil {
		return fmt.Errorf("linking: starting the network: %w", err)
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	self, err := identity.ParseDeviceKey(key.Public().(ed25519.PublicKey))
	if err != nil {
		return fmt.Errorf("linking: %w", err)
	}
	ctx, cancel := context.WithDeadline(ctx, code.Expires)
	defer cancel()
	dial, stop := context.WithTimeout(ctx, dialTime)
	defer stop()
	old := code.Device.Peer()
	if err := h.Connect(dial, peer.AddrInfo{ID: old, Addrs: code.Addresses}); err != nil {
		return fmt.Errorf("linking: the old device cannot be reached at the addresses in the code; are both on the same network? %w", err)
	}
	s, err := h.NewStream(network.WithAllowLimitedConn(dial, service), old, Protocol)
	if err != nil {
		return fmt.Errorf("linking: the old device does not wait for anybody: %w", err)
	}
	done, err := wire.Attach(ctx, s, service, 2*maxFrame, 0)
	if err != nil {
		return err
	}
	err = join(ctx, s, code, self, identity.CleanName(name), ask, keep)
	done(err)
	return err
}
