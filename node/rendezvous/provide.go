package rendezvous

import (
	"context"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/routing"
)

// The paces of being found.
const (
	provideEvery   = 4 * time.Hour // provider records live for a day or two
	provideTimeout = time.Minute   // for one key
	provideRetry   = 500 * time.Millisecond
	provideLast    = time.Minute      // retries are this far apart at most
	provideSettle  = 5 * time.Second  // after an address has changed: more changes follow
	provideRest    = 30 * time.Second // between two rounds that changes of address caused
)

// provide keeps our key of the day in the DHT.
func (s *Service) provide(ctx context.Context) error {
	sub, err := s.cfg.Host.EventBus().Subscribe(new(event.EvtLocalAddressesUpdated))
	if err != nil {
		return fmt.Errorf("watching our addresses: %w", err)
	}
	defer sub.Close()
	retry := provideRetry
	for ctx.Err() == nil {
		var wait time.Duration
		if err := s.announce(ctx); err != nil {
			s.log.Debug("leaving our address in the DHT", "error", err)
			wait, retry = retry, min(2*retry, provideLast)
		} else {
			wait, retry = min(provideEvery, time.Until(nextKey(time.Now()))), provideRetry
		}
		s.restUntil(ctx, time.Now(), wait, sub)
	}
	return nil
}

// announce provides the keys that are in force.
func (s *Service) announce(ctx context.Context) error {
	secret := s.cfg.Secret()
	if secret.IsZero() {
		return nil
	}
	for _, k := range keys(secret, time.Now()) {
		round, cancel := context.WithTimeout(ctx, provideTimeout)
		err := s.cfg.DHT.Provide(round, k, true)
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}

// restUntil waits until the wait is over, the secret changes, or our addresses
// have changed and stayed so for a while. The first change after the start
// often comes within seconds: a router has opened a port.
func (s *Service) restUntil(ctx context.Context, since time.Time, wait time.Duration, sub event.Subscription) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	end := since.Add(wait)
	out := sub.Out()
	for {
		select {
		case <-timer.C:
			return
		case <-s.changed:
			return
		case <-ctx.Done():
			return
		case _, ok := <-out:
			if !ok {
				out = nil
				continue
			}
			at := time.Now().Add(provideSettle)
			if soonest := since.Add(provideRest); at.Before(soonest) {
				at = soonest
			}
			if at.Before(end) {
				end = at
				timer.Reset(time.Until(at))
			}
		}
	}
}

// addressesOf asks the DHT where a peer is, if it knows peers at all.
func (s *Service) addressesOf(ctx context.Context, found peer.AddrInfo) peer.AddrInfo {
	peers, ok := s.cfg.DHT.(routing.PeerRouting)
	if !ok || len(found.Addrs) > 0 {
		return found
	}
	if info, err := peers.FindPeer(ctx, found.ID); err == nil {
		return info
	}
	return found
}
