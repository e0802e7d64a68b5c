package rendezvous

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/identity"
)

// ErrNotFound says that no device of an account could be reached.
var ErrNotFound = errors.New("nobody of that account could be reached")

// Step is one step of looking for somebody, in words.
type Step struct {
	What   string
	OK     bool
	Detail string
}

// Reach returns a connected device of the account, connecting if need be.
func (s *Service) Reach(ctx context.Context, a identity.AccountID) (peer.ID, error) {
	return s.Trace(ctx, a, nil)
}

// Trace is Reach that tells each step as it is taken, one at a time.
func (s *Service) Trace(ctx context.Context, a identity.AccountID, step func(Step)) (peer.ID, error) {
	if p, ok := s.connected(a); ok {
		if step != nil {
			step(Step{"already connected", true, p.String() + s.way(p)})
		}
		return p, nil
	}
	t, ok := s.cfg.Contacts.Target(ctx, a)
	if !ok {
		t = Target{Account: a}
	}
	return s.find(ctx, t, step)
}

// connected returns a connected device of the account, one without a relay
// between if there is one.
func (s *Service) connected(a identity.AccountID) (peer.ID, bool) {
	all := s.cfg.Directory.Devices(a)
	for _, p := range all {
		if s.cfg.Host.Network().Connectedness(p) == network.Connected {
			return p, true
		}
	}
	if len(all) > 0 {
		return all[0], true
	}
	return "", false
}

// way says over which address a peer is connected.
func (s *Service) way(p peer.ID) string {
	conns := s.cfg.Host.Network().ConnsToPeer(p)
	if len(conns) == 0 {
		return ""
	}
	text := " at " + printable(conns[0].RemoteMultiaddr().String())
	if conns[0].Stat().Limited {
		text += ", through a relay"
	}
	return text
}

// search is one search for one account.
type search struct {
	s    *Service
	t    Target
	wg   sync.WaitGroup
	once sync.Once
	end  context.CancelFunc
	met  peer.ID

	telling sync.Mutex
	step    func(Step)
}

// find goes all ways of meeting at once, but gives the known addresses a head
// start before the DHT. The first device that is met ends the search.
func (s *Service) find(ctx context.Context, t Target, step func(Step)) (peer.ID, error) {
	search := &search{s: s, t: t, step: step}
	var own context.Context
	own, search.end = context.WithCancel(ctx)
	defer search.end()
	search.local(own)
	known := search.known(own)
	search.wg.Go(func() { search.dht(own, known) })
	search.wg.Wait()
	switch {
	case search.met != "":
		return search.met, nil
	case ctx.Err() != nil:
		return "", fmt.Errorf("%w: %s: %w", ErrNotFound, t.Account.Short(), ctx.Err())
	}
	if p, ok := s.connected(t.Account); ok { // they have come to us
		return p, nil
	}
	return "", fmt.Errorf("%w: %s", ErrNotFound, t.Account.Short())
}

// tell tells a step, unless the search is over.
func (x *search) tell(ctx context.Context, what string, ok bool, detail string) {
	x.telling.Lock()
	defer x.telling.Unlock()
	if x.step != nil && (ok || ctx.Err() == nil) {
		x.step(Step{what, ok, printable(detail)})
	}
}

// local says what the local network has given: whoever is there is dialled as
// soon as they are seen, so there is nothing to wait for.
func (x *search) local(ctx context.Context) {
	if !x.s.cfg.MDNS {
		x.tell(ctx, "local network", false, "mDNS is switched off")
		return
	}
	x.tell(ctx, "local network", false, fmt.Sprintf("nobody of that account among the %d nodes seen there", x.s.lan.count()))
}

// known tries the known addresses, all devices at once. What it returns is
// closed when that is over.
func (x *search) known(ctx context.Context) <-chan struct{} {
	over := make(chan struct{})
	list := x.t.Addresses[:min(len(x.t.Addresses), maxKnown)]
	if len(list) == 0 {
		x.tell(ctx, "known addresses", false, "none")
		close(over)
		return over
	}
	var all sync.WaitGroup
	for _, info := range list {
		all.Go(func() { x.try(ctx, info, "known address") })
	}
	x.wg.Go(func() {
		all.Wait()
		close(over)
	})
	return over
}

// dht asks the DHT for the keys in force and tries who is found.
func (x *search) dht(ctx context.Context, known <-chan struct{}) {
	switch {
	case x.s.cfg.DHT == nil:
		x.tell(ctx, "DHT", false, "switched off")
		return
	case x.t.Secret.IsZero():
		x.tell(ctx, "DHT", false, "an invite is needed: the account ID alone does not lead to an address")
		return
	}
	timer := time.NewTimer(headStart)
	defer timer.Stop()
	select {
	case <-known:
	case <-timer.C:
	case <-ctx.Done():
		return
	}
	found := 0
	for _, k := range keys(x.t.Secret, time.Now()) {
		found += x.lookUp(ctx, func(ctx context.Context) <-chan peer.AddrInfo {
			return x.s.cfg.DHT.FindProvidersAsync(ctx, k, maxFound)
		})
	}
	if found > 0 {
		return
	}
	if why := x.s.cfg.Trouble(); why != "" {
		x.tell(ctx, "DHT", false, why)
		return
	}
	x.tell(ctx, "DHT", false, "no record under the key of the day: they have not been in this DHT lately")
}

// lookUp tries everybody whom one look-up gives, as they come, and returns how
// many there were.
func (x *search) lookUp(ctx context.Context, ask func(context.Context) <-chan peer.AddrInfo) int {
	ctx, cancel := context.WithTimeout(ctx, findTimeout)
	defer cancel()
	var all sync.WaitGroup
	found := 0
	for info := range ask(ctx) {
		if info.ID == x.s.cfg.Host.ID() || found >= maxFound {
			continue
		}
		found++
		all.Go(func() { x.try(ctx, x.s.addressesOf(ctx, info), "address from the DHT") })
	}
	all.Wait()
	return found
}

// try dials one peer and asks who it is.
func (x *search) try(ctx context.Context, info peer.AddrInfo, what string) {
	if info.ID == x.s.cfg.Host.ID() || ctx.Err() != nil {
		return
	}
	info.Addrs = info.Addrs[:min(len(info.Addrs), maxAddresses)]
	var where []string
	for _, m := range info.Addrs {
		where = append(where, m.String())
	}
	at := fmt.Sprintf("%s at %s", info.ID.ShortString(), strings.Join(where, ", "))
	if len(where) == 0 {
		at = info.ID.ShortString() + " without an address"
	}
	x.s.cfg.Seeking(info.ID, x.t.Account)
	dial, cancel := context.WithTimeout(network.WithAllowLimitedConn(ctx, "kith rendezvous"), dialTimeout)
	defer cancel()
	if err := x.s.cfg.Host.Connect(dial, info); err != nil {
		x.tell(ctx, what, false, at+": "+err.Error())
		return
	}
	who, ok := x.s.cfg.Directory.Await(dial, info.ID)
	switch {
	case !ok:
		x.tell(ctx, what, false, at+": connected, but it does not say who it is")
	case who != x.t.Account:
		x.tell(ctx, what, false, at+": connected, but it is somebody else")
	default:
		x.once.Do(func() {
			x.tell(ctx, what, true, info.ID.ShortString()+x.s.way(info.ID))
			x.met = info.ID
			x.end()
		})
	}
}

// maxDetail bounds a step's text in bytes.
const maxDetail = 400

// printable makes one bounded line of a text with parts that come from peers,
// such as the name in a DNS address, or a dial error that lists every address.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(text, " "))
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxDetail {
		text = strings.ToValidUTF8(text[:maxDetail], "") + "…"
	}
	return text
}
