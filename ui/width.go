package ui

import (
	"strings"

	"github.com/rivo/uniseg"
)

// Width returns how many columns a terminal needs for t.
func Width(t Text) int { return uniseg.StringWidth(t.s) }

// Truncate cuts t to at most columns, between characters as a person sees
// them, and marks the cut with an ellipsis.
func Truncate(t Text, columns int) Text {
	if Width(t) <= columns {
		return t
	}
	if columns < 1 {
		return Text{}
	}
	var b strings.Builder
	used, state := 0, -1
	for rest := t.s; rest != ""; {
		var cluster string
		var w int
		cluster, rest, w, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if used+w > columns-1 {
			break
		}
		used += w
		b.WriteString(cluster)
	}
	return Text{b.String() + "…"}
}

// Pad fills t with spaces on the right to columns; a longer one stays.
func Pad(t Text, columns int) Text {
	if n := columns - Width(t); n > 0 {
		return Text{t.s + strings.Repeat(" ", n)}
	}
	return t
}

// Indent puts n spaces before t.
func Indent(t Text, n int) Text { return Text{strings.Repeat(" ", max(n, 0)) + t.s} }

// Repeat returns n copies of t in a row.
func Repeat(t Text, n int) Text { return Text{strings.Repeat(t.s, max(n, 0))} }

// Wrap cleans foreign text and breaks it into lines of at most columns, the
// first of at most first columns, at spaces where there are any. It is what
// keeps a long line from running on at the left edge of a terminal, where it
// could look like a line of its own. Less than 10 columns are taken as 10;
// zero columns mean no limit.
func Wrap(s string, first, columns int) []Text {
	lines := Block(s)
	if columns <= 0 {
		return lines
	}
	columns, first = max(columns, 10), max(first, 10)
	var out []Text
	for _, l := range lines {
		room := columns
		if len(out) == 0 {
			room = first
		}
		out = append(out, wrapLine(l, room, columns)...)
	}
	return out
}

// wrapLine breaks one line.
func wrapLine(t Text, first, columns int) []Text {
	if Width(t) <= first {
		return []Text{t}
	}
	w := wrapper{room: first, columns: columns}
	state := -1
	for rest := t.s; rest != ""; {
		var cluster string
		var bounds int
		cluster, rest, bounds, state = uniseg.StepString(rest, state)
		w.add(cluster, bounds>>uniseg.ShiftWidth)
		if bounds&uniseg.MaskLine != uniseg.LineDontBreak {
			w.endWord()
		}
	}
	w.endWord()
	return append(w.out, Text{strings.TrimRight(w.line.String(), " ")})
}

type wrapper struct {
	out       []Text
	line      strings.Builder
	word      strings.Builder
	lineW     int
	wordW     int
	room      int // columns of the line that is being filled
	columns   int // columns of the lines after it
	wordSpace int // columns of white space at the end of the word
}

func (w *wrapper) add(cluster string, width int) {
	if w.wordW+width > w.columns && cluster != " " {
		w.endWord()
	}
	w.word.WriteString(cluster)
	w.wordW += width
	if cluster == " " {
		w.wordSpace += width
	} else {
		w.wordSpace = 0
	}
}

func (w *wrapper) endWord() {
	if w.lineW > 0 && w.lineW+w.wordW-w.wordSpace > w.room {
		w.out = append(w.out, Text{strings.TrimRight(w.line.String(), " ")})
		w.line.Reset()
		w.lineW, w.room = 0, w.columns
	}
	w.line.WriteString(w.word.String())
	w.lineW += w.wordW
	w.word.Reset()
	w.wordW, w.wordSpace = 0, 0
}
