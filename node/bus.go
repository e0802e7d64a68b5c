package node

import "sync"

// busBacklog is how many ephemeral news wait for a slow watcher; beyond it the
// oldest is lost: what lasts comes by the log of changes.
const busBacklog = 256

// bus carries what is not kept: presence, progress, the state of the disk.
type bus struct {
	mu       sync.Mutex
	watchers map[chan News]struct{}
	met      []meeting
	meetings chan struct{}
}

func newBus() *bus {
	return &bus{watchers: make(map[chan News]struct{}), meetings: make(chan struct{}, 1)}
}

// publish tells every watcher and never blocks.
func (b *bus) publish(news News) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for w := range b.watchers {
		select {
		case w <- news:
			continue
		default:
		}
		select {
		case <-w:
		default:
		}
		select {
		case w <- news:
		default:
		}
	}
}

// watch returns a channel of news until the returned function is called.
func (b *bus) watch() (<-chan News, func()) {
	w := make(chan News, busBacklog)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.watchers[w] = struct{}{}
	return w, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.watchers, w)
	}
}

// meet leaves a meeting for follow.
func (b *bus) meet(m meeting) {
	b.mu.Lock()
	b.met = append(b.met, m)
	b.mu.Unlock()
	poke(b.meetings)
}

func (b *bus) takeMeetings() []meeting {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.met
	b.met = nil
	return all
}
