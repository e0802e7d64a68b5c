package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/kith-chat/kith/identity"
)

// screen hides what a person does not want to read in groups: all that some
// people say, and messages with some words. It hides and does not erase: what
// is shown again is all there.
type screen struct {
	mu      sync.RWMutex
	ignored map[identity.AccountID]bool
	words   []string // as they were given
	folded  []string
}

const (
	ignoredPrefix = "ignored/"
	wordsSetting  = "hidden-words"
	// MaxHiddenWords bounds the words that hide messages.
	MaxHiddenWords = 256
	// maxHiddenWord is the most bytes of one.
	maxHiddenWord = 128
	// maxIgnored bounds the people who are ignored.
	maxIgnored = 10_000
)

// loadScreen reads who and what is hidden.
func (n *Node) loadScreen(ctx context.Context) error {
	s := &n.screen
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ignored = make(map[identity.AccountID]bool)
	err := n.store.Settings(ctx, ignoredPrefix, func(k string, v []byte) error {
		if a, err := identity.ParseAccountID(k[len(ignoredPrefix):]); err == nil && len(v) > 0 {
			s.ignored[a] = true
		}
		return nil
	})
	if err != nil {
		return kindOf(err)
	}
	raw, err := n.store.Setting(ctx, wordsSetting)
	if err != nil || raw == nil {
		return kindOf(err)
	}
	var words []string
	if json.Unmarshal(raw, &words) == nil {
		s.words, s.folded = words, foldAll(words)
	}
	return nil
}

// fold makes texts that a reader takes for the same equal.
func fold(s string) string { return cases.Fold().String(norm.NFKC.String(s)) }

func foldAll(all []string) []string {
	out := make([]string, 0, len(all))
	for _, w := range all {
		out = append(out, fold(w))
	}
	return out
}

// hides reports whether a message in a group is not to be shown.
func (s *screen) hides(from identity.AccountID, text string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.ignored[from] {
		return true
	}
	if len(s.folded) == 0 || text == "" {
		return false
	}
	text = fold(text)
	return slices.ContainsFunc(s.folded, func(w string) bool { return containsWord(text, w) })
}

// containsWord reports whether word stands in text, not within a longer word
// where it begins or ends with a letter of a script that parts words by spaces.
func containsWord(text, word string) bool {
	for at := 0; ; {
		i := strings.Index(text[at:], word)
		if i < 0 {
			return false
		}
		from, to := at+i, at+i+len(word)
		if wordBoundary(text, from) && wordBoundary(text, to) {
			return true
		}
		at = from + 1
	}
}

// wordBoundary reports whether one word may end and another begin at a place.
func wordBoundary(text string, at int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:at])
	after, _ := utf8.DecodeRuneInString(text[at:])
	unspaced := func(r rune) bool {
		return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai)
	}
	return at == 0 || at == len(text) || !isWord(before) || !isWord(after) || unspaced(before) || unspaced(after)
}

// anybodyBy finds an account among the contacts, or else among those who have
// been seen on the LAN and in groups.
func (n *Node) anybodyBy(ctx context.Context, who string) (identity.AccountID, error) {
	a, err := n.personBy(ctx, who)
	if !errors.Is(err, ErrNotFound) {
		return a, err
	}
	name := strings.TrimPrefix(strings.TrimSpace(who), "@")
	found, ferr := n.foundAs(ctx, name)
	if ferr != nil {
		return a, ferr
	}
	switch len(found) {
	case 0:
		return a, err
	case 1:
		return found[0].Person.Account, nil
	}
	return a, fmt.Errorf("%w: %d people are called %q: use the account ID", ErrAmbiguous, len(found), name)
}

// Ignore hides what somebody says in groups, or with remove shows it again.
func (n *Node) Ignore(ctx context.Context, who string, remove bool) error {
	a, err := n.anybodyBy(ctx, who)
	if err != nil {
		return err
	}
	if a == n.self.Account() {
		return fmt.Errorf("%w: that is yourself", ErrInvalid)
	}
	s := &n.screen
	s.mu.RLock()
	have, full := s.ignored[a], len(s.ignored) >= maxIgnored
	s.mu.RUnlock()
	switch {
	case have == !remove:
		return nil
	case full && !remove:
		return fmt.Errorf("%w: %d people are ignored already", ErrTooLarge, maxIgnored)
	}
	value := []byte{1}
	if remove {
		value = nil
	}
	if err := n.store.PutSetting(ctx, ignoredPrefix+a.String(), value); err != nil {
		return kindOf(err)
	}
	defer poke(n.mirror.wake)
	s.mu.Lock()
	defer s.mu.Unlock()
	if remove {
		delete(s.ignored, a)
	} else {
		s.ignored[a] = true
	}
	return nil
}

// Ignored returns who and which words are hidden.
func (n *Node) Ignored(context.Context) ([]Person, []string, error) {
	n.screen.mu.RLock()
	words := slices.Clone(n.screen.words)
	accounts := make([]identity.AccountID, 0, len(n.screen.ignored))
	for a := range n.screen.ignored {
		accounts = append(accounts, a)
	}
	n.screen.mu.RUnlock()
	people := make([]Person, 0, len(accounts))
	for _, a := range accounts {
		people = append(people, n.person(a))
	}
	slices.SortFunc(people, func(a, b Person) int { return strings.Compare(a.Name, b.Name) })
	return people, words, nil
}

// SetHiddenWords hides messages of groups that have one of the words, and
// returns them without blanks and doubles.
func (n *Node) SetHiddenWords(ctx context.Context, words []string) ([]string, error) {
	kept := []string{}
	for _, w := range words {
		w = strings.TrimSpace(norm.NFC.String(strings.ToValidUTF8(w, "")))
		switch {
		case w == "" || slices.ContainsFunc(kept, func(k string) bool { return fold(k) == fold(w) }):
			continue
		case len(w) > maxHiddenWord:
			return nil, fmt.Errorf("%w: a hidden word has at most %d bytes", ErrTooLarge, maxHiddenWord)
		case len(kept) == MaxHiddenWords:
			return nil, fmt.Errorf("%w: at most %d words are hidden", ErrTooLarge, MaxHiddenWords)
		}
		kept = append(kept, w)
	}
	raw, err := json.Marshal(kept)
	if err != nil {
		return nil, fmt.Errorf("keeping the hidden words: %w", err)
	}
	if err := n.store.PutSetting(ctx, wordsSetting, raw); err != nil {
		return nil, kindOf(err)
	}
	n.screen.mu.Lock()
	n.screen.words, n.screen.folded = kept, foldAll(kept)
	n.screen.mu.Unlock()
	poke(n.mirror.wake)
	return kept, nil
}
