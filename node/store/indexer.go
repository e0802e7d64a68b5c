package store

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/store/terms"
)

// The indexer follows the log of changes and writes the search index behind
// the messages, so that a burst does not wait for it. How far it has come is
// durable.
const (
	indexStep  = 64                     // events a step
	indexDelay = 150 * time.Millisecond // after the last message, so that a burst goes first
	indexLag   = 20_000                 // changes behind which it does not wait any longer
)

// indexState is the indexer's.
type indexState struct {
	wake   chan struct{}
	done   atomic.Uint64 // the change up to which the search knows
	urgent atomic.Int32  // searches that wait for it
	mu     sync.Mutex
	cond   chan struct{} // closed and replaced at each step
}

func (s *Store) indexer() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-s.stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	if err := s.loadIndexed(); err != nil {
		s.log.Error("reading how far the search index has come", "error", err)
		return
	}
	for {
		more, err := s.indexSome(ctx)
		switch {
		case errors.Is(err, ErrClosed) || ctx.Err() != nil:
			return
		case err != nil:
			s.log.Warn("writing the search index", "error", err)
			more = false
		}
		if more && (s.index.urgent.Load() > 0 || s.committed.Load()-s.index.done.Load() > indexLag) {
			continue
		}
		if !s.idle(ctx, more) {
			return
		}
	}
}

// idle waits until there is something to index and the messages have paused.
func (s *Store) idle(ctx context.Context, more bool) bool {
	if !more {
		select {
		case <-s.index.wake:
		case <-ctx.Done():
			return false
		}
	}
	quiet := time.NewTimer(indexDelay)
	defer quiet.Stop()
	for s.index.urgent.Load() == 0 && s.committed.Load()-s.index.done.Load() <= indexLag {
		select {
		case <-s.index.wake:
			if more {
				quiet.Reset(indexDelay)
			}
			more = true
		case <-quiet.C:
			return true
		case <-ctx.Done():
			return false
		}
	}
	return true
}

func (s *Store) loadIndexed() error {
	s.index.mu.Lock()
	if s.index.cond == nil {
		s.index.cond = make(chan struct{})
	}
	s.index.mu.Unlock()
	return s.view(func(t *tx) error {
		raw, err := t.get(metaIndexed)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err == nil && len(raw) == 8 {
			s.index.done.Store(binary.BigEndian.Uint64(raw))
		}
		return err
	})
}

// indexSome indexes the next events; it reports whether there are more.
func (s *Store) indexSome(ctx context.Context) (more bool, err error) {
	from := s.index.done.Load()
	changes, next, reset, err := s.Changes(ctx, from, 4*indexStep)
	if err != nil {
		return false, err
	}
	if reset { // the log does not reach back: what is missing stays unindexed
		s.log.Warn("the search index has lost its place", "from", from, "to", next)
	}
	type doc struct {
		number uint64
		id     event.ID
		terms  []string
	}
	var docs []doc
	for _, c := range changes {
		if c.What != ChangedEvent || !c.Fresh {
			continue
		}
		if len(docs) == indexStep {
			next = docs[len(docs)-1].number
			break
		}
		e, err := s.Get(ctx, c.ID)
		if err != nil {
			continue // pruned or damaged meanwhile
		}
		docs = append(docs, doc{e.Position, c.ID, termsOf(e.Event)})
	}
	if next == from {
		s.stepped()
		return false, nil
	}
	err = s.writeSmall(ctx, func(t *tx) error {
		for _, d := range docs {
			if len(d.terms) == 0 || !t.has(eventKey(d.id)) {
				continue
			}
			if r, err := t.record(d.id); err != nil || r.flags&flagErased != 0 {
				continue // erased since it was read
			}
			t.set(key(keyDocument, num(d.number)), d.id[:])
			for _, term := range d.terms {
				t.set(termKey(term, d.number), nil)
			}
		}
		t.set(metaIndexed, num(next))
		return nil
	})
	if err != nil {
		return false, err
	}
	s.index.done.Store(next)
	s.stepped()
	return s.committed.Load() > next, nil
}

func (s *Store) stepped() {
	s.index.mu.Lock()
	defer s.index.mu.Unlock()
	close(s.index.cond)
	s.index.cond = make(chan struct{})
}

// catchUp waits until everything that is in the store now is in the index.
func (s *Store) catchUp(ctx context.Context) error {
	goal := s.committed.Load()
	s.index.urgent.Add(1)
	defer s.index.urgent.Add(-1)
	for {
		s.index.mu.Lock()
		if s.index.cond == nil {
			s.index.cond = make(chan struct{})
		}
		cond := s.index.cond
		s.index.mu.Unlock()
		if s.index.done.Load() >= goal {
			return nil
		}
		select {
		case s.index.wake <- struct{}{}:
		default:
		}
		select {
		case <-cond:
		case <-s.stop:
			return ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func termKey(term string, doc uint64) []byte {
	return key(keyTerm, []byte(term), []byte{0}, num(^doc))
}

// termsOf returns what an event is found by.
func termsOf(e *event.Event) []string {
	body, err := e.Body()
	if err != nil {
		return nil
	}
	return terms.Of(searchText(body))
}

// searchText is the text of a body that a search looks at.
func searchText(b event.Body) string {
	switch b := b.(type) {
	case event.Text:
		return b.Text
	case event.Edit:
		return b.Text
	case event.File:
		return b.Name + " \n" + b.Caption
	case event.Foreign:
		return string(b.Data)
	}
	return ""
}

// unindex takes an event out of the index, while its body is still there.
func (t *tx) unindex(e *event.Event, position uint64) {
	for _, term := range termsOf(e) {
		t.del(termKey(term, position))
	}
	t.del(key(keyDocument, num(position)))
}
