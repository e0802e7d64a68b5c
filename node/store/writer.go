package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// A batch is committed when it holds so much; Badger takes at most 15 % of a
// memtable (1.2 MiB) in one transaction.
const (
	maxBatchBytes = 512 << 10
	maxBatchKeys  = 5000
)

// request is one step that waits for the writer.
type request struct {
	apply func(*tx) error
	small bool // allowed while the disk is full: it makes room or records an answer
	done  chan error
}

// write hands a step to the writer and waits until it is durable. The step
// sees everything that was written before it, and either all or nothing of it
// is kept.
func (s *Store) write(ctx context.Context, apply func(*tx) error) error {
	return s.submit(ctx, &request{apply: apply, done: make(chan error, 1)})
}

// writeSmall is write for steps that are taken even while the disk is full.
func (s *Store) writeSmall(ctx context.Context, apply func(*tx) error) error {
	return s.submit(ctx, &request{apply: apply, small: true, done: make(chan error, 1)})
}

func (s *Store) submit(ctx context.Context, r *request) error {
	select {
	case <-s.stop:
		return ErrClosed
	default:
	}
	select {
	case s.requests <- r:
	case <-s.stop:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	// What the writer has taken is answered, also while it closes.
	select {
	case err := <-r.done:
		return err
	case <-s.written:
	}
	select {
	case err := <-r.done:
		return err
	default:
		return ErrClosed
	}
}

// writer owns everything that is written: it runs the steps one after the
// other and commits them together, so that all that waited share one sync.
func (s *Store) writer() {
	defer close(s.written)
	for {
		select {
		case r := <-s.requests:
			s.batch(r)
		case <-s.stop:
			for {
				select {
				case r := <-s.requests:
					s.batch(r)
				default:
					return
				}
			}
		}
	}
}

// batch runs r and whatever waits behind it, commits, and answers.
func (s *Store) batch(r *request) {
	base := s.db.NewTransaction(false)
	defer base.Discard()
	b := &tx{store: s, base: base, merged: make(map[string][]byte), shared: make(map[string]*chatRecord)}
	var answered []*request
	full := s.space.check()
	for r != nil {
		if full && !r.small {
			r.done <- ErrDiskFull
		} else if err := b.run(r); err != nil {
			r.done <- err
		} else {
			answered = append(answered, r)
		}
		if b.bytes > maxBatchBytes || len(b.merged) > maxBatchKeys {
			break
		}
		select {
		case r = <-s.requests:
		default:
			r = nil
		}
	}
	err := s.commit(b)
	if err == nil {
		s.publish()
	} else if lerr := s.reload(); lerr != nil {
		s.log.Error("reading the store again after a failed write", "error", lerr)
	}
	for _, r := range answered {
		r.done <- err
	}
}

// commit writes the batch in one synced transaction.
func (s *Store) commit(b *tx) error {
	if err := b.flushChats(); err != nil {
		return err
	}
	if len(b.merged) == 0 {
		return nil
	}
	txn := s.db.NewTransaction(true)
	defer txn.Discard()
	for k, v := range b.merged {
		var err error
		if v == nil {
			err = txn.Delete([]byte(k))
		} else {
			err = txn.Set([]byte(k), v)
		}
		if err != nil {
			return fmt.Errorf("writing to the store: %w", err)
		}
	}
	if err := txn.Commit(); err != nil {
		s.space.degraded(err)
		return fmt.Errorf("writing to the store: %w", err)
	}
	s.space.recovered()
	return nil
}

// publish lets readers see the commit and wakes who waits for it.
func (s *Store) publish() {
	s.committed.Store(s.number)
	s.mu.Lock()
	close(s.changed)
	s.changed = make(chan struct{})
	s.mu.Unlock()
	select {
	case s.index.wake <- struct{}{}:
	default:
	}
}

// keeper makes room and releases what has become due.
func (s *Store) keeper() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for {
		select {
		case <-s.stop:
			return
		case now := <-tick.C:
			s.space.keep()
			if err := s.release(ctx, now); err != nil && !errors.Is(err, ErrClosed) && !errors.Is(err, ErrDiskFull) {
				s.log.Warn("releasing events that are due", "error", err)
			}
		}
	}
}

// tx is what a step reads and writes: its own writes over those of the batch
// over what is committed. Values that it returns must not be changed.
type tx struct {
	store  *Store
	base   *badger.Txn
	merged map[string][]byte // nil: deleted
	own    map[string][]byte
	chats  map[string]*chatRecord // of the step
	shared map[string]*chatRecord // of the batch: they are written once, with it
	undo   []func()               // takes back what the step did outside, in reverse
	bytes  int
}

// run runs one step; on an error nothing of it is kept.
func (t *tx) run(r *request) (err error) {
	t.own, t.chats, t.undo = make(map[string][]byte), make(map[string]*chatRecord), nil
	number := t.store.number
	defer func() {
		t.own, t.chats = nil, nil
		if err != nil {
			t.store.number = number
			for _, f := range slices.Backward(t.undo) {
				f()
			}
		}
	}()
	if err := r.apply(t); err != nil {
		return err
	}
	t.shareChats()
	for k, v := range t.own {
		if v == nil && k[0] == keyChat {
			delete(t.shared, k[1:])
		}
		t.merged[k] = v
		t.bytes += len(k) + len(v) + 32
	}
	return nil
}

// get returns a value, or ErrNotFound.
func (t *tx) get(k []byte) ([]byte, error) {
	if v, ok := t.own[string(k)]; ok {
		return present(v)
	}
	if v, ok := t.merged[string(k)]; ok {
		return present(v)
	}
	item, err := t.base.Get(k)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("reading from the store: %w", err)
	}
	v, err := item.ValueCopy(nil)
	if err != nil {
		return nil, fmt.Errorf("reading from the store: %w", err)
	}
	return v, nil
}

func present(v []byte) ([]byte, error) {
	if v == nil {
		return nil, ErrNotFound
	}
	return v, nil
}

// has reports whether a key is there, without reading its value.
func (t *tx) has(k []byte) bool {
	if v, ok := t.own[string(k)]; ok {
		return v != nil
	}
	if v, ok := t.merged[string(k)]; ok {
		return v != nil
	}
	_, err := t.base.Get(k)
	return err == nil
}

func (t *tx) set(k, v []byte) {
	if v == nil {
		v = []byte{}
	}
	t.own[string(k)] = v
}

func (t *tx) del(k []byte) { t.own[string(k)] = nil }

// scan calls fn with the keys under prefix in order, or in reverse, beginning
// at seek (nil for the first, or the last), until fn returns false. k and v
// are valid during the call alone.
func (t *tx) scan(prefix, seek []byte, reverse bool, fn func(k, v []byte) (bool, error)) error {
	return t.iterate(prefix, seek, reverse, true, fn)
}

// keys is scan over keys alone.
func (t *tx) keys(prefix []byte, fn func(k []byte) (bool, error)) error {
	return t.iterate(prefix, nil, false, false, func(k, _ []byte) (bool, error) { return fn(k) })
}

func (t *tx) iterate(prefix, seek []byte, reverse, values bool, fn func(k, v []byte) (bool, error)) error {
	start := seek
	if start == nil {
		start = prefix
		if reverse {
			start = append(slices.Clone(prefix), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
		}
	}
	overlay := t.overlay(prefix, string(start), reverse)
	o := badger.DefaultIteratorOptions
	o.Prefix, o.Reverse, o.PrefetchValues = prefix, reverse, false
	if values {
		o.PrefetchSize = 32
	}
	it := t.base.NewIterator(o)
	defer it.Close()
	before := func(a, b string) bool { return a < b != reverse && a != b }
	it.Seek(start)
	for {
		var base string
		valid := it.ValidForPrefix(prefix)
		if valid {
			base = string(it.Item().Key())
		}
		switch {
		case !valid && len(overlay) == 0:
			return nil
		case !valid || len(overlay) > 0 && !before(base, overlay[0]):
			k := overlay[0]
			overlay = overlay[1:]
			if valid && k == base {
				it.Next()
			}
			v, err := t.get([]byte(k))
			if errors.Is(err, ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			if more, err := fn([]byte(k), v); err != nil || !more {
				return err
			}
		default:
			var v []byte
			if values {
				var err error
				if v, err = it.Item().ValueCopy(nil); err != nil {
					return fmt.Errorf("reading from the store: %w", err)
				}
			}
			if more, err := fn([]byte(base), v); err != nil || !more {
				return err
			}
			it.Next()
		}
	}
}

// overlay returns the keys under prefix that are not yet committed, in order.
func (t *tx) overlay(prefix []byte, start string, reverse bool) []string {
	var out []string
	for _, m := range []map[string][]byte{t.own, t.merged} {
		for k := range m {
			if strings.HasPrefix(k, string(prefix)) && (k >= start != reverse || k == start) {
				out = append(out, k)
			}
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	if reverse {
		slices.Reverse(out)
	}
	return out
}

// view reads a consistent state of what is committed.
func (s *Store) view(fn func(*tx) error) error {
	s.open.RLock()
	defer s.open.RUnlock()
	select {
	case <-s.stop:
		return ErrClosed
	default:
	}
	base := s.db.NewTransaction(false)
	defer base.Discard()
	return fn(&tx{store: s, base: base})
}
