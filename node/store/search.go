package store

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"github.com/dgraph-io/badger/v4"

	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/store/terms"
)

// The work that one search does at most.
const (
	maxExpanded   = 20_000 // documents of a term that is matched by its beginning
	maxCandidates = 20_000 // documents that have all terms and are looked at
)

// SearchQuery says what to look for. All words must be there; the last one may
// be a beginning.
type SearchQuery struct {
	Text   string
	Chat   *event.ConversationID // nil for all
	Before uint64                // only what arrived before this position; 0 for all
	Limit  int
}

// Search returns the shown events that match, latest arrival first, and
// whether there are more. A match in an edit gives the edited event.
func (s *Store) Search(ctx context.Context, q SearchQuery) (out []Entry, more bool, err error) {
	want, contains := terms.Query(q.Text)
	if len(want) == 0 {
		return nil, false, nil
	}
	if err := s.catchUp(ctx); err != nil {
		return nil, false, err
	}
	err = s.view(func(t *tx) error {
		lists, done, err := t.postings(want)
		defer done()
		if err != nil {
			return err
		}
		doc := ^uint64(0)
		if q.Before > 0 {
			doc = q.Before - 1
		}
		seen := make(map[event.ID]bool)
		for range maxCandidates {
			found, ok := intersect(lists, doc)
			if !ok {
				return nil
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			e, fits, err := t.candidate(found, q.Chat, want, contains)
			if err != nil {
				return err
			}
			if fits && !seen[e.Event.ID()] {
				if len(out) == q.Limit {
					more = true
					return nil
				}
				seen[e.Event.ID()] = true
				out = append(out, e)
			}
			if found == 0 {
				return nil
			}
			doc = found - 1
		}
		more = true
		return nil
	})
	return out, more, err
}

// candidate reads a document that has all terms and decides whether it is one
// to show.
func (t *tx) candidate(doc uint64, chat *event.ConversationID, want []terms.Term, contains []string) (Entry, bool, error) {
	raw, err := t.get(key(keyDocument, num(doc)))
	if errors.Is(err, ErrNotFound) || err == nil && len(raw) != 32 {
		return Entry{}, false, nil
	}
	if err != nil {
		return Entry{}, false, err
	}
	e, err := t.entry(event.ID(raw))
	if unreadable(err) {
		return Entry{}, false, nil
	}
	if err != nil {
		return Entry{}, false, err
	}
	if chat != nil && e.Event.Header().Conversation != *chat {
		return Entry{}, false, nil
	}
	body, err := e.Event.Body()
	if err != nil || body == nil || !matches(searchText(body), want, contains) {
		return Entry{}, false, nil //nolint:nilerr // erased or damaged: nothing to show
	}
	if edit, ok := body.(event.Edit); ok {
		to, err := t.entry(edit.Target)
		if err != nil || to.Event.Author() != e.Event.Author() || to.Event.Header().Conversation != e.Event.Header().Conversation {
			return Entry{}, false, nil //nolint:nilerr // an edit that counts for nothing
		}
		return to, true, nil
	}
	return e, true, nil
}

// matches looks at the text itself: the index knows terms, not whether they
// follow each other.
func matches(text string, want []terms.Term, contains []string) bool {
	have := terms.Of(text)
	for _, w := range want {
		i, exact := slices.BinarySearch(have, w.Text)
		if !exact && !(w.Prefix && i < len(have) && strings.HasPrefix(have[i], w.Text)) {
			return false
		}
	}
	folded := ""
	for _, run := range contains {
		if folded == "" {
			folded = terms.Fold(text)
		}
		if !strings.Contains(folded, run) {
			return false
		}
	}
	return true
}

// posting is the documents of one term, newest first.
type posting interface {
	// atMost returns the newest document that is not newer than doc.
	atMost(doc uint64) (uint64, bool)
}

// intersect returns the newest document, not newer than doc, that is in all.
func intersect(lists []posting, doc uint64) (uint64, bool) {
	for agreed := 0; agreed < len(lists); {
		agreed = 0
		for _, l := range lists {
			next, ok := l.atMost(doc)
			if !ok {
				return 0, false
			}
			if next != doc {
				doc = next
				if len(lists) == 1 {
					return doc, true
				}
				break
			}
			agreed++
		}
	}
	return doc, true
}

// postings opens the lists of all terms; done closes them.
func (t *tx) postings(want []terms.Term) (lists []posting, done func(), err error) {
	var open []*badger.Iterator
	done = func() {
		for _, it := range open {
			it.Close()
		}
	}
	for _, w := range want {
		if w.Prefix {
			list, err := t.expand(w.Text)
			if err != nil {
				return nil, done, err
			}
			lists = append(lists, list)
			continue
		}
		prefix := key(keyTerm, []byte(w.Text), []byte{0})
		o := badger.DefaultIteratorOptions
		o.Prefix, o.PrefetchValues = prefix, false
		it := t.base.NewIterator(o)
		open = append(open, it)
		lists = append(lists, &exact{it: it, prefix: prefix})
	}
	return lists, done, nil
}

// exact is the list of one term, read as it is needed.
type exact struct {
	it     *badger.Iterator
	prefix []byte
}

func (x *exact) atMost(doc uint64) (uint64, bool) {
	seek := append(slices.Clone(x.prefix), num(^doc)...)
	x.it.Seek(seek)
	if !x.it.ValidForPrefix(x.prefix) {
		return 0, false
	}
	return docOf(x.it.Item().Key())
}

func docOf(k []byte) (uint64, bool) {
	if len(k) < 9 {
		return 0, false
	}
	return ^binary.BigEndian.Uint64(k[len(k)-8:]), true
}

// sorted is a list in memory, newest first.
type sorted []uint64

func (x sorted) atMost(doc uint64) (uint64, bool) {
	i, _ := slices.BinarySearchFunc(x, doc, func(a, b uint64) int {
		switch {
		case a > b:
			return -1
		case a < b:
			return 1
		}
		return 0
	})
	if i == len(x) {
		return 0, false
	}
	return x[i], true
}

// expand returns the documents of all terms that begin with prefix. The keys
// come ordered by term; of a very common beginning only the first maxExpanded
// are looked at, the whole word's own among the first.
func (t *tx) expand(prefix string) (sorted, error) {
	var out sorted
	err := t.keys(key(keyTerm, []byte(prefix)), func(k []byte) (bool, error) {
		if d, ok := docOf(k); ok {
			out = append(out, d)
		}
		return len(out) < maxExpanded, nil
	})
	slices.SortFunc(out, func(a, b uint64) int {
		if a > b {
			return -1
		} else if a < b {
			return 1
		}
		return 0
	})
	return slices.Compact(out), err
}
