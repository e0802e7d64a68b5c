package file

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// reportEvery bounds how often progress is reported.
const reportEvery = 100 * time.Millisecond

// errCancelled is the cause of a context that Cancel ended.
var errCancelled = errors.New("the transfer was cancelled")

// job is a wanted transfer. Its fields are guarded by the manager's lock but
// for verdicts, which has its own, and those below the line, which belong to
// the goroutine that works on it.
type job struct {
	last     Progress
	due      time.Time // not to be started before
	running  bool
	full     bool // it waits for room and not for a source
	cancel   context.CancelCauseFunc
	ended    chan struct{}
	wake     chan struct{} // a source may have appeared
	verdicts *verdicts

	// have is what the part holds as long as the part has this stamp, so
	// that a fetch that waited for a source need not hash it all again.
	have  *pieceSet
	stamp stamp
}

func newJob(t Transfer) *job {
	return &job{last: Progress{Transfer: t}, wake: make(chan struct{}, 1), verdicts: &verdicts{m: map[peer.ID]*verdict{}}}
}

// work tries to fetch one file and notes how it ended.
func (m *Manager) work(ctx context.Context, j *job) {
	m.mu.Lock()
	t := j.last.Transfer
	m.mu.Unlock()
	err := ErrNoSource
	if len(m.cfg.Sources.Peers(ctx, t)) > 0 || t.Size == 0 {
		t, err = m.attempt(ctx, j, t)
	}
	m.settle(ctx, j, t, err)
	j.cancel(nil)
	close(j.ended)
}

// attempt runs one fetch, from opening the part to naming the file.
func (m *Manager) attempt(ctx context.Context, j *job, t Transfer) (Transfer, error) {
	s, err := newShape(t.Size)
	if err != nil {
		return t, err
	}
	if m.Kept(t) {
		return m.attemptKept(ctx, j, t, s)
	}
	dir, name := filepath.Split(t.Path)
	short := t.Offer.Short()
	if m.interrupted(dir, partName(name, short), t) {
		if found, ok := findFinished(ctx, dir, name, s, t.Root); ok {
			return m.finished(t, s, filepath.Join(dir, found)), nil
		}
	}
	if s.groups == 0 && t.Root != hashGroup(nil, 0, true) {
		return t, errContent
	}
	p, have, err := m.openPart(ctx, j, t, s)
	if err != nil {
		return t, err
	}
	defer p.close()
	f := m.newFetch(ctx, j, t, p, have)
	err = m.watch(ctx, j, t, f)
	t.Done = f.board.progress()
	j.have = have
	if info, statErr := p.f.Stat(); statErr == nil {
		j.stamp = stampOf(info)
	}
	if err != nil {
		return t, err
	}
	final, err := p.finish()
	if err != nil {
		return t, err
	}
	return m.finished(t, s, filepath.Join(dir, final)), nil
}

func (m *Manager) newFetch(ctx context.Context, j *job, t Transfer, into sink, have *pieceSet) *fetch {
	return &fetch{
		dialer: m.dialer, part: into, board: newBoard(have), root: t.Root, verdicts: j.verdicts, wake: j.wake, log: m.log, stall: receiveTimeout,
		peers:  func(ctx context.Context) []peer.ID { return m.cfg.Sources.Peers(ctx, t) },
		synced: func(done uint64) { m.saveDone(ctx, t, done) },
	}
}

// interrupted reports whether the hashes of the file are here and its part is
// not: a run may have ended just after it named the file.
func (m *Manager) interrupted(dir, part string, t Transfer) bool {
	if _, err := os.Lstat(m.partTree(t.Offer)); err != nil {
		return false
	}
	_, err := os.Lstat(filepath.Join(dir, part))
	return errors.Is(err, os.ErrNotExist)
}

// openPart opens the unfinished file, hashing what is in it unless this
// process left it as it is.
func (m *Manager) openPart(ctx context.Context, j *job, t Transfer, s shape) (*part, *pieceSet, error) {
	dir, name := filepath.Split(t.Path)
	return openPart(ctx, partPlace{dir: dir, name: name, short: t.Offer.Short(), tree: m.partTree(t.Offer)}, s, t.Root,
		func(now stamp) *pieceSet {
			if j.have != nil && j.stamp == now {
				return j.have
			}
			return nil
		})
}

// finished turns the hashes of a fetched file into those of a file that can
// be served. Without them it is only slower to serve.
func (m *Manager) finished(t Transfer, s shape, path string) Transfer {
	t.Path, t.Done, t.State, t.Want, t.Error = path, t.Size, StateDone, false, ""
	tree := m.partTree(t.Offer)
	if err := m.adoptTree(tree, s, t.Root, path); err != nil {
		m.log.Debug("hashes of a fetched file not kept", "offer", t.Offer, "err", err)
		_ = os.Remove(tree)
	}
	return t
}

func (m *Manager) adoptTree(path string, s shape, root Root, content string) error {
	if s.groups < 2 {
		return os.Remove(path)
	}
	t := reopenTree(path, s, root)
	if t == nil {
		return errTree
	}
	defer t.f.Close()
	if got, err := t.raise(context.Background()); err != nil || got != root {
		return errTree
	}
	f, now, err := openSource(content)
	if err != nil {
		return err
	}
	f.Close()
	if _, err := t.f.WriteAt(encodeTreeHeader(s, root, now.mark()), 0); err != nil {
		return err
	}
	return m.trees.install(path, root)
}

// watch runs the fetch and reports how it goes on.
func (m *Manager) watch(ctx context.Context, j *job, t Transfer, f *fetch) error {
	t.State, t.Error, t.Done = StateRunning, "", f.board.progress()
	if err := m.put(ctx, t, 0); err != nil {
		return err
	}
	result := make(chan error, 1)
	go func() { result <- f.run(ctx) }()
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	rate := meter{at: time.Now(), done: t.Done}
	for {
		select {
		case err := <-result:
			return err
		case <-tick.C:
			done := f.board.progress()
			if done == t.Done {
				continue
			}
			t.Done = done
			p := Progress{Transfer: t, Rate: rate.read(time.Now(), done)}
			m.mu.Lock()
			j.last = p
			m.mu.Unlock()
			m.cfg.Report(p)
		}
	}
}

// meter measures a rate over about a second.
type meter struct {
	at   time.Time
	done uint64
	rate float64
}

func (m *meter) read(now time.Time, done uint64) uint64 {
	dt := now.Sub(m.at).Seconds()
	if dt <= 0 {
		return uint64(m.rate)
	}
	current := float64(done-m.done) / dt
	weight := min(1, dt)
	if m.rate == 0 {
		weight = 1
	}
	m.rate += (current - m.rate) * weight
	m.at, m.done = now, done
	return uint64(m.rate)
}

// saveDone notes progress that would survive a power cut. It is only for
// people: what is there is found out by hashing.
func (m *Manager) saveDone(ctx context.Context, t Transfer, done uint64) {
	t.State, t.Error, t.Done = StateRunning, "", done
	if err := m.cfg.Store.PutTransfer(ctx, t); err != nil {
		m.log.Debug("progress of a transfer not kept", "offer", t.Offer, "err", err)
	}
}

// settle turns the end of an attempt into a state.
func (m *Manager) settle(ctx context.Context, j *job, t Transfer, err error) {
	if err != nil && errors.Is(context.Cause(ctx), errCancelled) {
		return // Cancel writes the state
	}
	var full *DiskFullError
	again, isFull := retryEvery, false
	ended := ctx.Err() != nil
	ctx = context.WithoutCancel(ctx) // the last word of a node that closes
	switch {
	case err == nil:
	case ended:
		t.State, t.Error = StateWaiting, ""
	case errors.As(err, &full):
		t.State, t.Error, again, isFull = StateWaiting, err.Error(), fullEvery, true
	case errors.Is(err, ErrNoSource):
		t.State, t.Error = StateWaiting, err.Error()
	default:
		t.State, t.Want, t.Error = StateFailed, false, err.Error()
	}
	if errors.Is(err, ErrChanged) {
		_ = m.discard(t)
	}
	m.mu.Lock()
	same := j.last.Transfer == t
	m.mu.Unlock()
	var putErr error
	if !same {
		putErr = m.put(ctx, t, 0)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	j.last, j.running = Progress{Transfer: t}, false
	j.due, j.full = time.Now().Add(again), isFull
	if putErr != nil {
		// A file that is done and not noted is found again by its content.
		m.log.Warn("state of a transfer not kept", "offer", t.Offer, "err", putErr)
		j.last.State = StateWaiting
		return
	}
	if !t.Want {
		delete(m.jobs, t.Offer)
	}
}
