package terms

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Limits of one text and of one query.
const (
	MaxTerm  = 40   // bytes of a term; longer words are cut
	MaxTerms = 4096 // different terms of one text
	MaxQuery = 16   // terms of a query
)

// Term is one thing that a query looks for.
type Term struct {
	Text   string
	Prefix bool // any term that begins with Text
}

// Fold brings text into the form in which terms are compared.
func Fold(text string) string {
	return norm.NFKC.String(strings.ToLower(norm.NFKC.String(text)))
}

// Of returns the different terms of a text, in order.
func Of(text string) []string {
	var out []string
	runs(Fold(text), func(run string, dense bool) {
		if !dense {
			out = append(out, cut(run))
			return
		}
		out = append(out, pairs(run)...)
		_, size := utf8.DecodeLastRuneInString(run)
		out = append(out, run[len(run)-size:])
	})
	slices.Sort(out)
	out = slices.Compact(out)
	return out[:min(len(out), MaxTerms)]
}

// Query returns the terms that a text must have to match, and the runs of
// unspaced script that it must contain as they are. The last word of the query
// matches as a beginning, since a person may still be typing it.
func Query(query string) (all []Term, contains []string) {
	folded := Fold(query)
	runs(folded, func(run string, dense bool) {
		switch {
		case !dense:
			all = append(all, Term{Text: cut(run)})
		case utf8.RuneCountInString(run) == 1:
			all = append(all, Term{Text: run, Prefix: true})
		default:
			for _, p := range pairs(run) {
				all = append(all, Term{Text: p})
			}
			contains = append(contains, run)
		}
	})
	if n := len(all); n > 0 && strings.HasSuffix(folded, all[n-1].Text) {
		last := &all[n-1]
		r, _ := utf8.DecodeRuneInString(last.Text)
		last.Prefix = last.Prefix || !unspaced(r)
	}
	return all[:min(len(all), MaxQuery)], contains
}

// runs calls fn with each run of letters and digits; dense says that it is of
// a script without spaces.
func runs(text string, fn func(run string, dense bool)) {
	start, dense := -1, false
	for i, r := range text {
		kind := unspaced(r)
		word := kind || unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) && start >= 0
		if start >= 0 && (!word || kind != dense && !unicode.IsMark(r)) {
			fn(text[start:i], dense)
			start = -1
		}
		if word && start < 0 {
			start, dense = i, kind
		}
	}
	if start >= 0 {
		fn(text[start:], dense)
	}
}

func unspaced(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul) || r == 'ー'
}

// pairs returns every two neighbours of a run.
func pairs(run string) []string {
	var out []string
	for i := 0; i < len(run); {
		_, first := utf8.DecodeRuneInString(run[i:])
		_, second := utf8.DecodeRuneInString(run[i+first:])
		if second == 0 {
			break
		}
		out = append(out, run[i:i+first+second])
		i += first
	}
	return out
}

// cut bounds a word to MaxTerm bytes on a character's boundary.
func cut(word string) string {
	if len(word) <= MaxTerm {
		return word
	}
	n := MaxTerm
	for n > 0 && !utf8.RuneStart(word[n]) {
		n--
	}
	return word[:n]
}
