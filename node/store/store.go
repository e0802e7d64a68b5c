package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/identity/seal"
)

// Errors of the store.
var (
	ErrNotFound    = errors.New("not in the store")
	ErrAmbiguous   = errors.New("the ID fits more than one")
	ErrDiskFull    = errors.New("the disk is full")
	ErrInUse       = errors.New("another process has this profile open")
	ErrNewerSchema = errors.New("the store was written by a newer version of kith")
	ErrClosed      = errors.New("the store is closed")
)

// Options says how to open a store. Dir, Key and Self are required.
type Options struct {
	Dir  string
	Key  [32]byte           // encrypts everything that rests
	Self identity.AccountID // whose events are not unread
	Log  *slog.Logger       // nil for none
	// MinFree is the free space in bytes under which no new work is taken;
	// 0 means DefaultMinFree, or 2 % of the disk if that is less.
	MinFree uint64
	// Ballast is the size in bytes of a file that is deleted when the disk is
	// full, so that there is room to open; 0 means DefaultBallast, less than 0
	// none.
	Ballast int64

	// Released is told of each event that was kept aside because it was dated
	// ahead, once it has become due and is durable in its chat. It may call
	// the store; nil: nobody is told.
	Released func(Entry)

	lax bool // for the test that shows what SyncWrites is for
}

// Store is an open store. All methods are safe for concurrent use.
type Store struct {
	db    *badger.DB
	opts  Options
	log   *slog.Logger
	box   *seal.Box
	space *space

	requests chan *request
	stop     chan struct{}
	written  chan struct{} // closed when the writer has ended
	once     sync.Once
	wg       sync.WaitGroup
	open     sync.RWMutex // held by readers; Close waits for them
	closeErr error

	certs event.CertificateCache

	// Owned by the writer.
	number  uint64
	waiting map[event.ID]int

	committed atomic.Uint64 // the last change number that readers may see
	mu        sync.Mutex
	changed   chan struct{} // closed and replaced at each commit

	index indexState
}

// Open opens the store, making it if there is none. It answers ErrInUse,
// ErrDiskFull and ErrNewerSchema; ctx bounds the opening alone.
func Open(ctx context.Context, opts Options) (*Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	log := opts.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(opts.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the store's folder: %w", err)
	}
	box, err := seal.NewBox(opts.Key)
	if err != nil {
		return nil, err
	}
	sp, err := newSpace(opts)
	if err != nil {
		return nil, err
	}
	db, err := openBadger(opts, log)
	if err != nil {
		return nil, err
	}
	s := &Store{
		db: db, opts: opts, log: log, box: box, space: sp,
		requests: make(chan *request, 4096), stop: make(chan struct{}), written: make(chan struct{}),
		waiting: make(map[event.ID]int), changed: make(chan struct{}),
	}
	if err := s.load(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s.index.wake = make(chan struct{}, 1)
	s.wg.Go(s.writer)
	s.wg.Go(s.keeper)
	s.wg.Go(s.indexer)
	return s, nil
}

// openBadger opens the database with the settings that keep what was
// acknowledged. A kill while it was opening or rotating can leave an empty log
// file: the first open then fails, removes it, and a second succeeds.
func openBadger(opts Options, log *slog.Logger) (*badger.DB, error) {
	o := badger.DefaultOptions(opts.Dir).
		WithLogger(badgerLog{log}).
		WithSyncWrites(!opts.lax). // the default loses acknowledged writes in a power cut
		WithEncryptionKey(opts.Key[:]).
		WithIndexCacheSize(16 << 20).
		WithBlockCacheSize(16 << 20).
		WithMemTableSize(8 << 20).
		WithNumMemtables(3).
		WithValueLogFileSize(64 << 20).
		WithNumVersionsToKeep(1).
		WithNumCompactors(2).
		WithDetectConflicts(false). // one writer: nothing to detect
		WithMetricsEnabled(false)
	db, err := badger.Open(o)
	if err != nil && strings.Contains(err.Error(), "Create a new file") {
		log.Warn("opening the store once more after an interrupted start", "error", err)
		db, err = badger.Open(o)
	}
	switch {
	case err == nil:
		return db, nil
	case strings.Contains(err.Error(), "Cannot acquire directory lock"):
		return nil, fmt.Errorf("%w (%s)", ErrInUse, opts.Dir)
	case errors.Is(err, badger.ErrEncryptionKeyMismatch):
		return nil, fmt.Errorf("opening the store: it was made with another vault: %w", err)
	}
	return nil, fmt.Errorf("opening the store: %w", err)
}

// load reads the store's own values and checks the schema.
func (s *Store) load() error {
	err := s.db.View(func(txn *badger.Txn) error {
		item, err := txn.Get(metaSchema)
		if errors.Is(err, badger.ErrKeyNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return item.Value(func(v []byte) error {
			if len(v) != 8 || binary.BigEndian.Uint64(v) > schemaVersion {
				return ErrNewerSchema
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	if err := s.db.Update(func(txn *badger.Txn) error {
		if _, err := txn.Get(metaSchema); err == nil {
			return nil
		}
		return txn.Set(metaSchema, num(schemaVersion))
	}); err != nil {
		return fmt.Errorf("writing the schema's version: %w", err)
	}
	return s.reload()
}

// reload reads what the writer keeps in memory: at the start, and after a
// failed commit, of which nobody knows what has stayed.
func (s *Store) reload() error {
	clear(s.waiting)
	return s.view(func(t *tx) error {
		err := t.scan([]byte{keyChange}, nil, true, func(k, _ []byte) (bool, error) {
			if len(k) != 9 {
				return true, nil
			}
			s.number = max(s.number, binary.BigEndian.Uint64(k[1:]))
			return false, nil
		})
		if err != nil {
			return err
		}
		s.committed.Store(s.number)
		return t.keys([]byte{keyWaiting}, func(k []byte) (bool, error) {
			if len(k) == 65 {
				s.waiting[event.ID(k[1:33])]++
			}
			return true, nil
		})
	})
}

// Close waits for what was taken, and closes. It can be called more than once.
func (s *Store) Close() error {
	s.once.Do(func() {
		close(s.stop)
		s.wg.Wait()
		s.open.Lock() // readers are done
		defer s.open.Unlock()
		s.closeErr = s.db.Close()
		s.mu.Lock()
		close(s.changed)
		s.changed = make(chan struct{})
		s.mu.Unlock()
	})
	return s.closeErr
}

// Size returns the bytes that the store takes on disk, the ballast left out.
// Badger preallocates its logs: only what is written counts.
func (s *Store) Size() uint64 {
	var total uint64
	entries, err := os.ReadDir(s.opts.Dir)
	if err != nil {
		return 0
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && e.Name() != ballastName {
			total += allocated(info)
		}
	}
	return total
}

// badgerLog passes Badger's warnings on; its chatter is of no use.
type badgerLog struct{ log *slog.Logger }

// Errorf logs an error.
func (l badgerLog) Errorf(f string, a ...any) { l.log.Error(line(f, a)) }

// Warningf logs a warning.
func (l badgerLog) Warningf(f string, a ...any) { l.log.Warn(line(f, a)) }

// Infof drops the message.
func (l badgerLog) Infof(string, ...any) {}

// Debugf drops the message.
func (l badgerLog) Debugf(string, ...any) {}

func line(f string, a []any) string { return strings.TrimSpace("badger: " + fmt.Sprintf(f, a...)) }
