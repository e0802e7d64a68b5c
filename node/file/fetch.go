package file

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

const (
	// maxSources is how many peers one fetch asks at once.
	maxSources = 4
	// maxStrikes bans a peer that proved wrong, maxTries puts one aside that
	// only failed.
	maxStrikes = 2
	maxTries   = 3
	// The times until a peer is asked again, by how it failed.
	againPreparing = 2 * time.Second
	againFailed    = 2 * time.Second
	againLied      = time.Second
	againRefused   = time.Minute
	// patience is the longest such time that a fetch waits out; beyond it the
	// fetch ends and its owner waits instead.
	patience = 10 * time.Second
	// askSources is how often a running fetch looks for further sources.
	askSources = 5 * time.Second
	// syncEvery bounds what a power cut costs, roomEvery what others may fill.
	syncEvery = 5 * time.Second
	roomEvery = 2 * time.Second
)

// ErrNoSource says that nobody who has the file can be reached now.
var ErrNoSource = errors.New("nobody who has the file can be reached")

// fetch fills a part from several sources.
type fetch struct {
	dialer   *dialer
	part     sink
	board    *board
	root     Root
	peers    func(context.Context) []peer.ID
	stall    time.Duration     // how long a source may bring no group
	synced   func(done uint64) // after what is done would survive a power cut
	verdicts *verdicts
	wake     <-chan struct{} // a source may have appeared; nil: never
	received atomic.Uint64   // verified bytes that came over the network
	log      *slog.Logger
}

// verdicts remembers how sources fared, across the fetches of one file.
type verdicts struct {
	mu sync.Mutex
	m  map[peer.ID]*verdict
}

type verdict struct {
	until   time.Time // not to be asked before
	tries   int
	strikes int
	banned  bool
	err     error
}

// sink takes the verified groups of a file: a part on disk, or memory.
type sink interface {
	size() shape
	room(missing uint64) error
	needs(missing uint64) (need, have uint64, err error)
	begin(piece uint64, leaves []byte) error
	write(data []byte, group uint64) error
	sync() error
}

// run fetches until every group is there. It returns ErrNoSource when nobody
// is left to ask, ErrChanged when all who have the file say so, and a
// *DiskFullError when there is no room.
func (f *fetch) run(ctx context.Context) error {
	if f.board.complete() {
		return nil
	}
	if err := f.part.room(f.part.size().size - f.board.progress()); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel(nil)
	keeper := make(chan error, 1)
	wg.Go(func() { keeper <- f.keep(ctx) })

	results := make(chan result)
	active := map[peer.ID]bool{}
	for {
		next, err := f.start(ctx, &wg, active, results)
		if err != nil {
			return err
		}
		timer := time.NewTimer(next)
		select {
		case r := <-results:
			delete(active, r.peer)
			if err := f.judge(r); err != nil {
				timer.Stop()
				return err
			}
		case err := <-keeper:
			timer.Stop()
			return err
		case <-timer.C:
		case <-f.wake:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
		timer.Stop()
		if f.board.complete() {
			return nil
		}
	}
}

// result is how a source ended.
type result struct {
	peer peer.ID
	err  error
}

// start sets further sources to work and returns how long to wait before
// looking again.
func (f *fetch) start(ctx context.Context, wg *sync.WaitGroup, active map[peer.ID]bool, results chan<- result) (time.Duration, error) {
	soonest := time.Duration(-1)
	for _, p := range f.peers(ctx) {
		if active[p] || len(active) >= maxSources {
			continue
		}
		wait, ok := f.verdicts.ready(p)
		if !ok {
			continue
		}
		if wait > 0 {
			if soonest < 0 || wait < soonest {
				soonest = wait
			}
			continue
		}
		active[p] = true
		wg.Go(func() {
			err := f.take(ctx, &source{peer: p})
			select {
			case results <- result{p, err}:
			case <-ctx.Done():
			}
		})
	}
	switch {
	case soonest >= 0 && (len(active) > 0 || soonest <= patience):
		return min(soonest, askSources), nil
	case len(active) > 0:
		return askSources, nil
	}
	return 0, f.verdicts.summary()
}

// judge decides what a source's end means for it, and for the fetch.
func (f *fetch) judge(r result) error {
	var local localError
	if errors.As(r.err, &local) {
		var full *DiskFullError
		if errors.As(r.err, &full) {
			if need, have, err := f.part.needs(f.part.size().size - f.board.progress()); err == nil {
				return &DiskFullError{Need: need, Have: have}
			}
		}
		return local.err
	}
	if r.err != nil {
		f.log.Debug("source of a file ended", "err", r.err)
	}
	f.verdicts.note(r.peer, r.err)
	return nil
}

// keep syncs what was fetched now and then and watches the room on the disk.
func (f *fetch) keep(ctx context.Context) error {
	syncs, rooms := time.NewTicker(syncEvery), time.NewTicker(roomEvery)
	defer syncs.Stop()
	defer rooms.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-rooms.C:
			if err := f.part.room(f.part.size().size - f.board.progress()); err != nil {
				return err
			}
		case <-syncs.C:
			done := f.board.progress()
			if err := f.part.sync(); err != nil {
				return err
			}
			f.synced(done)
		}
	}
}

// ready says whether a peer may be asked at all, and after which time.
func (v *verdicts) ready(p peer.ID) (time.Duration, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	d := v.m[p]
	if d == nil {
		return 0, true
	}
	return max(0, time.Until(d.until)), !d.banned
}

func (v *verdicts) note(p peer.ID, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	d := v.m[p]
	if d == nil {
		d = &verdict{}
		v.m[p] = d
	}
	d.err = err
	d.until = time.Now().Add(d.again(err))
}

// again counts a failure and returns when to ask the peer the next time.
func (d *verdict) again(err error) time.Duration {
	var r refusal
	switch {
	case err == nil:
		return againFailed
	case errors.As(err, &r) && r.status == statusPreparing:
		return againPreparing
	case errors.As(err, &r):
		return againRefused
	case misbehaved(err):
		// The file may have changed under an honest peer, which says so when
		// it is asked once more.
		if d.strikes++; d.strikes >= maxStrikes {
			d.banned = true
		}
		return againLied
	}
	if d.tries++; d.tries >= maxTries {
		d.tries = 0
		return againRefused
	}
	return againFailed
}

// forgive lets a peer that has just appeared be asked at once, unless it lied.
func (v *verdicts) forgive(p peer.ID) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if d := v.m[p]; d != nil && !d.banned {
		delete(v.m, p)
	}
}

// summary says why nobody is left: ErrChanged when every answer was that the
// file has changed, else ErrNoSource with one of the reasons.
func (v *verdicts) summary() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	var last error
	changed := len(v.m) > 0
	for _, d := range v.m {
		var r refusal
		changed = changed && errors.As(d.err, &r) && r.status == statusChanged
		if last == nil || d.banned {
			last = d.err
		}
	}
	switch {
	case changed:
		return ErrChanged
	case last != nil:
		return fmt.Errorf("%w: %w", ErrNoSource, last)
	}
	return ErrNoSource
}
