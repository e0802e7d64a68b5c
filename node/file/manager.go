package file

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/identity/event"
)

const (
	// maxRunning is how many files are fetched at once.
	maxRunning = 3
	// retryEvery is how often a waiting transfer looks for a source by
	// itself; Wake makes it look at once. fullEvery is the same for a full
	// disk.
	retryEvery = 30 * time.Second
	fullEvery  = 5 * time.Second
)

// Errors of the manager.
var (
	// ErrNotFound says that no such file was offered.
	ErrNotFound = errors.New("no such file was offered")
	// ErrOwn says that a file is offered by this device itself.
	ErrOwn = errors.New("this device offers the file itself")
)

// Manager owns the transfers of a device.
type Manager struct {
	cfg    Config
	log    *slog.Logger
	trees  *trees
	server *server
	dialer *dialer
	kick   chan struct{}

	mu       sync.Mutex
	jobs     map[event.ID]*job
	shared   map[Root]map[event.ID]Transfer // what may be served
	fetchers map[fetcher]*fetching
}

// NewManager loads the transfers that go on and those that are served.
func NewManager(ctx context.Context, cfg Config) (*Manager, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Accept == nil {
		cfg.Accept = func(Transfer) bool { return false }
	}
	if cfg.Report == nil {
		cfg.Report = func(Progress) {}
	}
	t, err := openTrees(cfg.Dir)
	if err != nil {
		return nil, err
	}
	m := &Manager{
		cfg: cfg, log: cfg.Log, trees: t, dialer: &dialer{cfg.Host}, kick: make(chan struct{}, 1),
		jobs: map[event.ID]*job{}, shared: map[Root]map[event.ID]Transfer{}, fetchers: map[fetcher]*fetching{},
	}
	m.server = newServer(t, m, cfg.Log)
	m.server.gave = m.served
	removeKeptLeftovers(m.keptDir())
	all, err := cfg.Store.Transfers(ctx)
	if err != nil {
		return nil, fmt.Errorf("loading the transfers: %w", err)
	}
	for _, tr := range all {
		m.index(tr)
		if tr.Want && !tr.Outgoing && (tr.State == StateWaiting || tr.State == StateRunning) {
			tr.State = StateWaiting
			m.jobs[tr.Offer] = newJob(tr)
		}
	}
	return m, nil
}

// Run serves and fetches until ctx ends, and waits for both. It is called
// once.
func (m *Manager) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { m.server.run(ctx, m.cfg.Host) })
	for {
		wait := m.startJobs(ctx, &wg)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-m.kick:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// startJobs sets waiting jobs to work as far as there is room, and returns the
// time until the next one is due.
func (m *Manager) startJobs(ctx context.Context, wg *sync.WaitGroup) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	running := 0
	for _, j := range m.jobs {
		if j.running {
			running++
		}
	}
	next := retryEvery
	waiting := slices.SortedFunc(maps.Values(m.jobs), func(a, b *job) int { return a.due.Compare(b.due) })
	for _, j := range waiting {
		switch wait := time.Until(j.due); {
		case j.running || running >= maxRunning:
		case wait > 0:
			next = min(next, wait)
		default:
			running++
			j.running = true
			j.ended = make(chan struct{})
			var jobCtx context.Context
			jobCtx, j.cancel = context.WithCancelCause(ctx)
			wg.Go(func() {
				defer m.nudge()
				m.work(jobCtx, j)
			})
		}
	}
	return next
}

// nudge makes Run look at the jobs.
func (m *Manager) nudge() {
	select {
	case m.kick <- struct{}{}:
	default:
	}
}

// Describe reads a file once and returns the body of an offer for it. The
// file is not copied; its hashes are kept, so that it can be served. It fails
// with ErrChanged when the file changes meanwhile.
func (m *Manager) Describe(ctx context.Context, path string) (event.File, error) {
	return m.trees.describe(ctx, path)
}

// Share serves a file of this device from now on to the members of t.Chat.
// The body of the offer comes from Describe, t.Path is the absolute path.
func (m *Manager) Share(ctx context.Context, t Transfer) (Transfer, error) {
	t.Outgoing, t.State, t.Done, t.Want, t.Error = true, StateShared, t.Size, false, ""
	if err := m.put(ctx, t, 0); err != nil {
		return Transfer{}, err
	}
	return t, nil
}

// Offered takes note of somebody's offer, and wants it if Config.Accept says
// so. An offer that is known already changes nothing.
func (m *Manager) Offered(ctx context.Context, t Transfer) (Transfer, error) {
	old, known, err := m.cfg.Store.Transfer(ctx, t.Offer)
	if err != nil {
		return Transfer{}, fmt.Errorf("loading a transfer: %w", err)
	}
	if known {
		return old, nil
	}
	t.Outgoing, t.State, t.Done, t.Path, t.Want, t.Error = false, StateOffered, 0, "", false, ""
	t.Name = CleanName(t.Name)
	if err := m.put(ctx, t, 0); err != nil {
		return Transfer{}, err
	}
	if !m.cfg.Accept(t) {
		return t, nil
	}
	if m.cfg.Box != nil && Keepable(t) {
		return m.want(ctx, t, m.keptPath(t.Offer))
	}
	return m.Want(ctx, t.Offer, "")
}

// Want fetches an offered file, now or as soon as somebody who has it can be
// reached. to is a folder, or the path of the file to be, or empty for the
// downloads folder; its folder must exist. A file that stands there already is
// not replaced: the new one gets a number.
func (m *Manager) Want(ctx context.Context, offer event.ID, to string) (Transfer, error) {
	t, err := m.find(ctx, offer)
	if err != nil {
		return Transfer{}, err
	}
	if t.Outgoing {
		return Transfer{}, ErrOwn
	}
	m.mu.Lock()
	running := m.jobs[offer] != nil
	m.mu.Unlock()
	if running {
		if !m.Kept(t) {
			return t, nil
		}
		if t, err = m.Cancel(ctx, offer); err != nil { // it was going into the profile
			return Transfer{}, err
		}
	}
	if _, err := newShape(t.Size); err != nil {
		return Transfer{}, err
	}
	if m.cfg.Box != nil {
		if plain, err := m.openKept(t); err == nil {
			return m.save(ctx, t, plain, to)
		}
	}
	path, err := m.place(t.Name, to)
	if err != nil {
		return Transfer{}, err
	}
	return m.want(ctx, t, path)
}

// save writes an attachment that is here to where it is wanted.
func (m *Manager) save(ctx context.Context, t Transfer, plain []byte, to string) (Transfer, error) {
	var err error
	if t.Path, err = m.saveKept(t, plain, to); err != nil {
		return Transfer{}, err
	}
	t.State, t.Done, t.Want, t.Error = StateDone, t.Size, false, ""
	return t, m.put(ctx, t, 0)
}

// want sets a fetch to work.
func (m *Manager) want(ctx context.Context, t Transfer, path string) (Transfer, error) {
	before := t
	t.Path = path
	if before.Path != "" && before.Path != t.Path && before.State != StateDone {
		if err := m.discard(before); err != nil {
			return Transfer{}, fmt.Errorf("removing the unfinished file: %w", err)
		}
	}
	t.Want, t.State, t.Error, t.Done = true, StateWaiting, "", 0
	if err := m.put(ctx, t, 0); err != nil {
		return Transfer{}, err
	}
	m.mu.Lock()
	if m.jobs[t.Offer] == nil {
		m.jobs[t.Offer] = newJob(t)
	}
	m.mu.Unlock()
	m.nudge()
	return t, nil
}

// place decides where a wanted file shall stand.
func (m *Manager) place(name, to string) (string, error) {
	if to == "" {
		if err := os.MkdirAll(m.cfg.Downloads, 0o700); err != nil {
			return "", fmt.Errorf("making the downloads folder: %w", err)
		}
		to = m.cfg.Downloads
	}
	to, err := filepath.Abs(to)
	if err != nil {
		return "", fmt.Errorf("finding the folder: %w", err)
	}
	if info, err := os.Stat(to); err == nil && info.IsDir() {
		return filepath.Join(to, name), nil
	}
	if info, err := os.Stat(filepath.Dir(to)); err != nil || !info.IsDir() {
		return "", fmt.Errorf("there is no folder %s", filepath.Dir(to))
	}
	if len(filepath.Base(to)) > MaxName {
		return "", fmt.Errorf("the file name is longer than %d bytes", MaxName)
	}
	return to, nil
}

// Cancel ends a transfer: what was fetched of a file is removed, a file of
// this device is no longer served. A file that is whole stays.
func (m *Manager) Cancel(ctx context.Context, offer event.ID) (Transfer, error) {
	m.mu.Lock()
	j := m.jobs[offer]
	delete(m.jobs, offer)
	var ended <-chan struct{}
	if j != nil && j.running {
		j.cancel(errCancelled)
		ended = j.ended
	}
	m.mu.Unlock()
	if ended != nil {
		select {
		case <-ended:
		case <-ctx.Done():
			return Transfer{}, context.Cause(ctx)
		}
	}
	t, err := m.find(ctx, offer)
	if err != nil || t.State == StateDone {
		return t, err
	}
	if !t.Outgoing && t.Path != "" {
		if err := m.discard(t); err != nil {
			return Transfer{}, fmt.Errorf("removing the unfinished file: %w", err)
		}
	}
	t.State, t.Want, t.Error, t.Done = StateCancelled, false, "", 0
	return t, m.put(ctx, t, 0)
}

// List returns every transfer, the running ones as they are now.
func (m *Manager) List(ctx context.Context) ([]Progress, error) {
	all, err := m.cfg.Store.Transfers(ctx)
	if err != nil {
		return nil, fmt.Errorf("loading the transfers: %w", err)
	}
	out := make([]Progress, len(all))
	for i, t := range all {
		out[i] = m.live(t)
	}
	return out, nil
}

// Get returns one transfer as it is now.
func (m *Manager) Get(ctx context.Context, offer event.ID) (Progress, error) {
	t, err := m.find(ctx, offer)
	if err != nil {
		return Progress{}, err
	}
	return m.live(t), nil
}

// live replaces what the store says by what a running job knows.
func (m *Manager) live(t Transfer) Progress {
	m.mu.Lock()
	defer m.mu.Unlock()
	if j := m.jobs[t.Offer]; j != nil {
		return j.last
	}
	return Progress{Transfer: t}
}

// Wake lets waiting transfers try again at once: the peer has appeared.
func (m *Manager) Wake(p peer.ID) {
	m.mu.Lock()
	for _, j := range m.jobs {
		if !j.full {
			j.verdicts.forgive(p)
			j.due = time.Time{}
		}
		select {
		case j.wake <- struct{}{}:
		default:
		}
	}
	m.mu.Unlock()
	m.nudge()
}

// May implements Authorizer: a file is served to the members of the
// conversations in which this device offered it or fetched it.
func (m *Manager) May(ctx context.Context, p peer.ID, root Root) (path string, size uint64, ok bool) {
	m.mu.Lock()
	shared := slices.Collect(maps.Values(m.shared[root]))
	m.mu.Unlock()
	for _, t := range shared {
		if m.cfg.Members.Member(ctx, p, t.Chat) {
			return t.Path, t.Size, true
		}
	}
	return "", 0, false
}

func (m *Manager) find(ctx context.Context, offer event.ID) (Transfer, error) {
	t, known, err := m.cfg.Store.Transfer(ctx, offer)
	if err != nil {
		return Transfer{}, fmt.Errorf("loading a transfer: %w", err)
	}
	if !known {
		return Transfer{}, ErrNotFound
	}
	return t, nil
}

// put makes a transfer durable, then known.
func (m *Manager) put(ctx context.Context, t Transfer, rate uint64) error {
	if err := m.cfg.Store.PutTransfer(ctx, t); err != nil {
		return fmt.Errorf("keeping a transfer: %w", err)
	}
	m.mu.Lock()
	m.index(t)
	m.mu.Unlock()
	m.cfg.Report(Progress{Transfer: t, Rate: rate})
	return nil
}

// index keeps what may be served at hand.
func (m *Manager) index(t Transfer) {
	if t.State == StateShared || t.State == StateDone && !m.Kept(t) {
		if m.shared[t.Root] == nil {
			m.shared[t.Root] = map[event.ID]Transfer{}
		}
		m.shared[t.Root][t.Offer] = t
		return
	}
	delete(m.shared[t.Root], t.Offer)
	if len(m.shared[t.Root]) == 0 {
		delete(m.shared, t.Root)
	}
}

// discard removes what was fetched of a file that is not whole.
func (m *Manager) discard(t Transfer) error {
	if m.Kept(t) {
		return nil // it was fetched into memory
	}
	return discardPart(filepath.Dir(t.Path), filepath.Base(t.Path), t.Offer.Short(), m.partTree(t.Offer))
}

func (m *Manager) partTree(offer event.ID) string {
	return filepath.Join(m.trees.dir, offer.String()+partSuffix)
}
