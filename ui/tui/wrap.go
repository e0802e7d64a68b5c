package tui

import (
	"unicode"
	"unicode/utf8"
)

// wrap breaks a line of spans into lines of at most columns, at spaces where
// there are any, and between wide characters, which need none.
func wrap(l line, columns int) []line {
	columns = max(columns, 2)
	w := wrapper{columns: columns}
	for _, s := range l {
		w.span(s)
	}
	w.word()
	if len(w.row) > 0 || len(w.out) == 0 {
		w.out = append(w.out, w.row)
	}
	return w.out
}

type wrapper struct {
	columns int
	out     []line
	row     line
	used    int  // columns of row
	pending line // the word that is being read
	wide    int  // columns of pending
}

func (w *wrapper) span(s span) {
	start := 0
	for i := 0; i < len(s.text); {
		c, n := cluster(s.text[i:])
		if c == "" {
			break
		}
		switch {
		case c == " ":
			w.take(s.text[start:i], s.role)
			w.word()
			w.space(s.role)
			start = i + 1
		case n == 2 && breaksAnywhere(c):
			w.take(s.text[start:i], s.role)
			w.word()
			w.pending, w.wide = append(w.pending, span{c, s.role}), n
			w.word()
			start = i + len(c)
		}
		i += len(c)
	}
	w.take(s.text[start:], s.role)
}

func (w *wrapper) take(s string, r role) {
	if s != "" {
		w.pending = append(w.pending, span{s, r})
		w.wide += width(s)
	}
}

func (w *wrapper) newRow() {
	w.out = append(w.out, w.row)
	w.row, w.used = nil, 0
}

func (w *wrapper) space(r role) {
	if w.used < w.columns {
		w.push(span{" ", r})
		w.used++
	}
}

// push adds to the row, joining spans of one look.
func (w *wrapper) push(s span) {
	if n := len(w.row); n > 0 && w.row[n-1].role == s.role {
		w.row[n-1].text += s.text
		return
	}
	w.row = append(w.row, s)
}

// word puts the pending word on the row, on a new one, or, if it is longer
// than any row, in pieces.
func (w *wrapper) word() {
	if w.wide == 0 && len(w.pending) == 0 {
		return
	}
	if w.used+w.wide > w.columns && w.used > 0 {
		w.newRow()
	}
	for _, s := range w.pending {
		for s.text != "" {
			head, tail := cutAt(s.text, w.columns-w.used)
			if head == "" {
				if w.used == 0 { // wider than the screen
					head, tail = s.text, ""
				} else {
					w.newRow()
					continue
				}
			}
			w.push(span{head, s.role})
			w.used += width(head)
			s.text = tail
		}
	}
	w.pending, w.wide = nil, 0
}

// breaksAnywhere reports whether a line may end beside c: Han, Kana and
// Hangul have no spaces to break at.
func breaksAnywhere(c string) bool {
	r, _ := utf8.DecodeRuneInString(c)
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul)
}

// indent puts the same span before every line.
func indent(lines []line, first, rest span) []line {
	out := make([]line, len(lines))
	for i, l := range lines {
		head := rest
		if i == 0 {
			head = first
		}
		out[i] = append(line{head}, l...)
	}
	return out
}
