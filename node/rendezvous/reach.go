package rendezvous

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

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

// Trace is Reach that tells each step as it is taken.
func (s *Service) Trace(ctx context.Context, a identity.AccountID, step func(Step)) (peer.ID, error) {
	if p, ok := s.connected(a); ok {
		tell(step, "already connected", true, p.String())
		return p, nil
	}
	t, ok := s.cfg.Contacts.Target(ctx, a)
	if !ok {
		t = Target{Account: a}
	}
	return s.find(ctx, t, step)
}

func tell(step func(Step), what string, ok bool, detail string) {
	if step != nil {
		step(Step{what, ok, detail})
	}
}

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

// find goes through the ways of meeting, the cheap ones first.
func (s *Service) find(ctx context.Context, t Target, step func(Step)) (peer.ID, error) {
	if len(t.Addresses) == 0 {
		tell(step, "known addresses", false, "none")
	}
	for _, info := range t.Addresses {
		if p, ok := s.try(ctx, t.Account, info, "known address", step); ok {
			return p, nil
		}
	}
	if s.cfg.MDNS {
		p, ok := s.connected(t.Account)
		tell(step, "local network", ok, "nobody of that account has answered there")
		if ok {
			return p, nil
		}
	}
	switch {
	case s.cfg.DHT == nil:
		tell(step, "DHT", false, "switched off")
	case t.Secret.IsZero():
		tell(step, "DHT", false, "an invite is needed: the account ID alone does not lead to an address")
	default:
		if p, ok := s.lookUp(ctx, t, step); ok {
			return p, nil
		}
	}
	return "", fmt.Errorf("%w: %s", ErrNotFound, t.Account.Short())
}

// lookUp asks the DHT for the keys of the day and tries who is found.
func (s *Service) lookUp(ctx context.Context, t Target, step func(Step)) (peer.ID, bool) {
	found := 0
	for _, k := range keys(t.Secret, time.Now()) {
		find, cancel := context.WithTimeout(ctx, findTimeout)
		for info := range s.cfg.DHT.FindProvidersAsync(find, k, maxFound) {
			if info.ID == s.cfg.Host.ID() {
				continue
			}
			found++
			if p, ok := s.try(ctx, t.Account, info, "address from the DHT", step); ok {
				cancel()
				return p, true
			}
		}
		cancel()
	}
	if found == 0 {
		tell(step, "DHT", false, "no record under the key of the day")
	}
	return "", false
}

// try dials one peer and asks who it is.
func (s *Service) try(ctx context.Context, a identity.AccountID, info peer.AddrInfo, what string, step func(Step)) (peer.ID, bool) {
	var where []string
	for _, m := range info.Addrs {
		where = append(where, m.String())
	}
	at := fmt.Sprintf("%s at %s", info.ID.ShortString(), strings.Join(where, ", "))
	s.cfg.Seeking(info.ID, a)
	dial, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	if err := s.cfg.Host.Connect(dial, info); err != nil {
		tell(step, what, false, at+": "+short(err))
		return "", false
	}
	who, ok := s.cfg.Directory.Await(dial, info.ID)
	switch {
	case !ok:
		tell(step, what, false, at+": connected, but it does not say who it is")
	case who != a:
		tell(step, what, false, at+": connected, but it is somebody else")
	default:
		tell(step, what, true, at)
		return info.ID, true
	}
	return "", false
}

// short makes one line of a dial error that lists every address.
func short(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	if len(text) > 300 {
		text = text[:300] + "…"
	}
	return strings.ToValidUTF8(text, "")
}
