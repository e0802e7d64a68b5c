package file

import (
	"context"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// maxFetchers bounds how many peers' fetching is followed at once.
const maxFetchers = 512

// fetcher is one peer that fetches one file.
type fetcher struct {
	root Root
	peer peer.ID
}

// fetching is what a fetcher was given since this process began. A piece that
// it asked for twice counts once.
type fetching struct {
	groups *pieceSet
	told   time.Time
}

// served notes groups that a peer was given, and tells of it: up to ten times
// a second, and when the peer has them all.
func (m *Manager) served(ctx context.Context, p peer.ID, q request) {
	if m.cfg.Served == nil {
		return
	}
	done, tell := m.countServed(p, q, time.Now())
	if !tell {
		return
	}
	m.mu.Lock()
	var own []Transfer
	for _, t := range m.shared[q.root] {
		if t.Outgoing {
			own = append(own, t)
		}
	}
	m.mu.Unlock()
	for _, t := range own {
		if m.cfg.Members.Member(ctx, p, t.Chat) {
			m.cfg.Served(ctx, t, p, done)
		}
	}
}

func (m *Manager) countServed(p peer.ID, q request, now time.Time) (done uint64, tell bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	who := fetcher{q.root, p}
	f := m.fetchers[who]
	if f == nil {
		for other := range m.fetchers {
			if len(m.fetchers) < maxFetchers {
				break
			}
			delete(m.fetchers, other)
		}
		f = &fetching{groups: newPieceSet(q.shape)}
		m.fetchers[who] = f
	}
	fresh := f.groups.add(q.first, q.count)
	whole := f.groups.groups == q.shape.groups
	if !fresh || !whole && now.Sub(f.told) < reportEvery {
		return 0, false
	}
	f.told = now
	if whole {
		delete(m.fetchers, who)
		return q.shape.size, true
	}
	return min(f.groups.groups*groupSize, q.shape.size), true
}
