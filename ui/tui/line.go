package tui

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/kith-chat/kith/ui"
)

const reset = "\x1b[m"

// span is a piece of a line in one look. Its text was a ui.Text once; the
// wrapping below only cuts it between characters.
type span struct {
	text string
	role role
}

// line is one row of the screen, or of a part of it.
type line []span

// sp makes a span. It is the only way from foreign text to the screen.
func sp(r role, t ui.Text) span { return span{t.String(), r} }

// own makes a span of the program's own signs.
func own(r role, l ui.Literal) span { return span{string(l), r} }

// gap is n spaces.
func gap(n int) span { return span{strings.Repeat(" ", max(n, 0)), plain} }

// rule is n times the sign of a horizontal line.
func rule(r role, n int) span { return span{strings.Repeat("─", max(n, 0)), r} }

// width returns the columns of s as the renderer counts them.
func width(s string) int {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] >= 0x7f {
			return ansi.StringWidth(s)
		}
	}
	return len(s)
}

func (l line) width() int {
	n := 0
	for _, s := range l {
		n += width(s.text)
	}
	return n
}

// fit cuts l to columns and marks the cut.
func (l line) fit(columns int) line {
	if l.width() <= columns {
		return l
	}
	var out line
	left := columns - 1
	for _, s := range l {
		w := width(s.text)
		if w <= left {
			out = append(out, s)
			left -= w
			continue
		}
		head, _ := cutAt(s.text, left)
		out = append(out, span{head, s.role})
		break
	}
	if columns > 0 {
		out = append(out, span{"…", faint})
	}
	return out
}

// fill cuts or pads l to exactly columns.
func (l line) fill(columns int) line {
	l = l.fit(columns)
	if n := columns - l.width(); n > 0 {
		l = append(l[:len(l):len(l)], gap(n))
	}
	return l
}

// apart puts right at the right end of columns, left before it.
func apart(left, right line, columns int) line {
	r := right.width()
	if r >= columns {
		return left.fill(columns)
	}
	return append(left.fill(columns-r), right...)
}

// over gives every plain or faint span another look, such as that of a bar.
func (l line) over(r role) line {
	out := make(line, len(l))
	for i, s := range l {
		if s.role == plain || s.role == faint || s.role == strong {
			s.role = r
		}
		out[i] = s
	}
	return out
}

// draw writes l with the look of t. With a base, every span stands on it.
func (t *theme) draw(b *strings.Builder, l line, base role) {
	for _, s := range l {
		if s.text == "" {
			continue
		}
		text := s.text
		if s.role == pixels { // made by ui/picture: blocks and colours
			b.WriteString(text)
			continue
		}
		if dirty(text) {
			text = ui.Line(text).String()
		}
		under, over := t.sgr[base], t.sgr[s.role]
		if base == plain {
			under = ""
		}
		if under == "" && over == "" {
			b.WriteString(text)
			continue
		}
		// The base comes last for its background, the colour of the text first.
		b.WriteString(over)
		b.WriteString(under)
		b.WriteString(text)
		b.WriteString(reset)
	}
}

// row draws l on exactly columns.
func (t *theme) row(l line, columns int, base role) string {
	var b strings.Builder
	t.draw(&b, l.fill(columns), base)
	return b.String()
}

// dirty reports whether a text holds what a ui.Text cannot hold. It never
// does; if it did, it would be caught here, at the last door.
func dirty(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c < 0x20 || c == 0x7f || c == 0xc2 && i+1 < len(s) && s[i+1] < 0xa0 {
			return true
		}
	}
	return false
}

// cutAt cuts s so that the head has at most columns.
func cutAt(s string, columns int) (head, tail string) {
	n, i := 0, 0
	for i < len(s) {
		c, w := cluster(s[i:])
		if n+w > columns {
			break
		}
		n += w
		i += len(c)
	}
	return s[:i], s[i:]
}

// cluster returns the first character of s as a person sees it, and its columns.
func cluster(s string) (string, int) {
	if s[0] >= 0x20 && s[0] < 0x7f && (len(s) == 1 || s[1] < 0x80) {
		return s[:1], 1
	}
	return ansi.FirstGraphemeCluster(s, ansi.GraphemeWidth)
}
