package store

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// The guard against a full disk. Badger writes through memory maps, so that a
// full disk is not an error but a signal that kills the process, again at each
// start. So new work is refused while there is still room for what is under way.
const (
	DefaultMinFree = 256 << 20 // bytes
	DefaultBallast = 64 << 20  // bytes
	// openNeeds is what an open store may preallocate before it is asked for
	// anything: three memtables and their logs.
	openNeeds = 64 << 20
)

// SpaceState says whether the store takes new work.
type SpaceState string

// The states of the disk. Degraded means that a write has failed: what was
// told as done is safe, and the next write tries again.
const (
	SpaceOK       SpaceState = "ok"
	SpaceFull     SpaceState = "full"
	SpaceDegraded SpaceState = "degraded"
)

// space watches the free space of the disk that the store lies on.
type space struct {
	dir     string
	minFree uint64
	ballast int64
	log     *slog.Logger

	mu     sync.Mutex
	state  SpaceState
	detail string
	free   uint64
}

func newSpace(opts Options) (*space, error) {
	sp := &space{dir: opts.Dir, minFree: opts.MinFree, ballast: opts.Ballast, state: SpaceOK, log: opts.Log}
	if sp.log == nil {
		sp.log = slog.New(slog.DiscardHandler)
	}
	free, total, err := diskSpace(opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("asking for free disk space: %w", err)
	}
	if sp.minFree == 0 {
		sp.minFree = min(DefaultMinFree, total/50)
	}
	if sp.ballast == 0 {
		sp.ballast = DefaultBallast
	}
	if free < sp.minFree {
		sp.drop()
		if free, _, err = diskSpace(opts.Dir); err != nil {
			return nil, fmt.Errorf("asking for free disk space: %w", err)
		}
	}
	if need := min(uint64(openNeeds), sp.minFree); free < need {
		return nil, fmt.Errorf("%w: %d MiB are free where kith keeps its data, and it needs %d MiB to start",
			ErrDiskFull, free>>20, need>>20)
	}
	sp.keep()
	return sp, nil
}

// ballastName is the file that is deleted when the disk is full.
const ballastName = "ballast"

func (sp *space) ballastPath() string { return filepath.Join(sp.dir, ballastName) }

// drop gives the ballast's room back.
func (sp *space) drop() {
	if err := os.Remove(sp.ballastPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		sp.log.Warn("removing the ballast file", "error", err)
	}
}

// check reports whether new work must be refused now.
func (sp *space) check() bool {
	free, _, err := diskSpace(sp.dir)
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if err != nil {
		return sp.state == SpaceFull
	}
	sp.free = free
	switch {
	case free < sp.minFree && sp.state != SpaceFull:
		sp.state, sp.detail = SpaceFull, fmt.Sprintf("%d MiB are free, and kith stops at %d MiB", free>>20, sp.minFree>>20)
		sp.log.Warn("the disk is full: nothing new is taken until there is room", "free_mib", free>>20)
	case free >= sp.minFree && sp.state == SpaceFull:
		sp.state, sp.detail = SpaceOK, ""
		sp.log.Info("the disk has room again")
	}
	return sp.state == SpaceFull
}

// degraded notes that a commit has failed.
func (sp *space) degraded(err error) {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if sp.state == SpaceOK {
		sp.state, sp.detail = SpaceDegraded, err.Error()
	}
	sp.log.Error("a write to the store failed", "error", err)
}

// keep refreshes the state, and makes the ballast again when there is room for
// it and as much besides.
func (sp *space) keep() {
	if sp.check() || sp.ballast < 0 {
		return
	}
	sp.mu.Lock()
	free := sp.free
	sp.mu.Unlock()
	if st, err := os.Stat(sp.ballastPath()); err == nil && st.Size() == sp.ballast {
		return
	}
	if free < sp.minFree+2*uint64(sp.ballast) {
		return
	}
	if err := writeBallast(sp.ballastPath(), sp.ballast); err != nil {
		sp.log.Warn("making the ballast file", "error", err)
		sp.drop()
	}
}

// writeBallast writes real bytes: a sparse file would keep nothing.
func writeBallast(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	block := make([]byte, 256<<10)
	for i := range block {
		block[i] = byte(i * 31)
	}
	for left := size; left > 0 && err == nil; left -= int64(len(block)) {
		_, err = f.Write(block[:min(left, int64(len(block)))])
	}
	return errors.Join(err, f.Close())
}

// Space returns the state of the disk, the bytes that are free, and in words
// what is wrong.
func (s *Store) Space() (state SpaceState, free uint64, detail string) {
	s.space.mu.Lock()
	defer s.space.mu.Unlock()
	return s.space.state, s.space.free, s.space.detail
}

// recovered notes that a write went through after one had failed.
func (sp *space) recovered() {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if sp.state == SpaceDegraded {
		sp.state, sp.detail = SpaceOK, ""
		sp.log.Info("the store takes writes again", "at", time.Now())
	}
}
