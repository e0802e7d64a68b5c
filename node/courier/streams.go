package courier

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/identity"
)

// inbound is a stream that somebody else opened.
type inbound struct {
	peer   peer.ID
	cancel context.CancelFunc

	// Guarded by streams.mu.
	account identity.AccountID // zero until it has said who it is
	known   bool               // a friend, or somebody we have asked
}

// streams is the register of the streams that others opened, oldest first.
type streams struct {
	mu  sync.Mutex
	all []*inbound
}

// add registers a stream. A peer's oldest stream gives way to its newest: it
// is one whose end was lost. When there are too many in all, a stranger's
// gives way; false when there is none.
func (s *streams) add(in *inbound) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	same := 0
	for _, o := range slices.Backward(s.all) {
		if o.peer == in.peer {
			if same++; same >= maxStreamsPerPeer {
				o.cancel()
			}
		}
	}
	if len(s.all) >= maxStreams {
		at := slices.IndexFunc(s.all, func(o *inbound) bool { return !o.known })
		if at < 0 {
			return false
		}
		s.all[at].cancel()
		s.all = slices.Delete(s.all, at, at+1)
	}
	s.all = append(s.all, in)
	return true
}

func (s *streams) remove(in *inbound) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at := slices.Index(s.all, in); at >= 0 {
		s.all = slices.Delete(s.all, at, at+1)
	}
}

// name notes who is speaking.
func (s *streams) name(in *inbound, a identity.AccountID, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	in.account, in.known = a, known
}

// hangUp ends the streams of an account.
func (s *streams) hangUp(a identity.AccountID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, in := range s.all {
		if in.account == a {
			in.cancel()
		}
	}
}

// paced reads a stream under two deadlines: how long to wait for a frame to
// begin, and, once it has begun, for its end. A peer that sends a byte a
// minute is cut off, one that has nothing to say is not.
type paced struct {
	s     network.Stream
	begun bool
}

// begin is called before each frame.
func (p *paced) begin(wait time.Duration) error {
	p.begun = false
	return p.s.SetReadDeadline(time.Now().Add(wait))
}

// Read implements io.Reader.
func (p *paced) Read(b []byte) (int, error) {
	n, err := p.s.Read(b)
	if n > 0 && !p.begun {
		p.begun = true
		if err := p.s.SetReadDeadline(time.Now().Add(frameTimeout)); err != nil {
			return n, err
		}
	}
	return n, err
}
