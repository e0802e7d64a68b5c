package hello

import (
	"context"
	"crypto/hmac"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/node/hello/pb"
	"github.com/kith-chat/kith/node/wire"
)

// How often one peer may ask: each question costs us a signature to verify.
const (
	askBurst = 16
	askEvery = time.Second
)

// guest is a peer that has asked who we are.
type guest struct {
	active int // exchanges under way
	spent  int // questions that count against the burst
	since  time.Time
}

// ask takes one question of a peer's budget at a time.
func (g *guest) ask(now time.Time) bool {
	if back := int(now.Sub(g.since) / askEvery); back > 0 {
		g.spent = max(0, g.spent-back)
		g.since = g.since.Add(time.Duration(back) * askEvery)
	}
	if g.active >= maxPeerAnswers || g.spent >= askBurst {
		return false
	}
	g.active++
	g.spent++
	return true
}

// enter takes a place for an answer to a peer, and reports whether there was
// one. The caller calls leave afterwards.
func (s *Service) enter(p peer.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx == nil || s.ctx.Err() != nil || s.answers >= maxAnswers {
		return false
	}
	g := s.guests[p]
	if g == nil {
		g = &guest{since: time.Now()}
		s.guests[p] = g
	}
	if !g.ask(time.Now()) {
		return false
	}
	s.answers++
	s.wg.Add(1)
	return true
}

func (s *Service) leave(p peer.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers--
	if g := s.guests[p]; g != nil {
		if g.active--; g.active == 0 && s.gone(p) {
			delete(s.guests, p)
		}
	}
	s.wg.Done()
}

// answer runs one exchange as the side that was asked.
func (s *Service) answer(ctx context.Context, st network.Stream) {
	p := st.Conn().RemotePeer()
	if !s.enter(p) {
		_ = st.ResetWithError(network.StreamRateLimited)
		return
	}
	defer s.leave(p)
	done, err := wire.Attach(ctx, st, service, maxFrame, deadline)
	if err != nil {
		return
	}
	err = s.reply(st, p)
	if err != nil && ctx.Err() == nil {
		s.log.Debug("answering a hello", "peer", p.ShortString(), "error", err)
	}
	done(err)
}

func (s *Service) reply(st network.Stream, p peer.ID) error {
	var theirs pb.Hello
	if err := wire.NewReader(st, maxFrame).ReadMessage(&theirs); err != nil {
		return err
	}
	lan := s.cfg.OnLAN(st.Conn())
	person, known, err := s.take(p, &theirs, lan)
	if err != nil {
		return err
	}
	var account identity.AccountID
	if known {
		account = person.Account()
	}
	proved := false
	if secret := s.cfg.Policy.Secret(); !secret.IsZero() {
		proved = hmac.Equal(theirs.GetProof(), proof(secret, p, s.cfg.Host.ID()))
	}
	return s.say(st, p, &pb.Hello{Version: Version}, s.cfg.Policy.Reveal(p, account, lan, proved))
}
