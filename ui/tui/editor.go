package tui

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText is how many characters a text that is being written may have.
const maxText = 32 << 10

// editor is a text that is being written: characters as a person sees them,
// and a cursor between them. What goes in is cleaned at once, so that what
// stands on the screen is what is sent.
type editor struct {
	chars  []string
	at     int
	killed string
	single bool // one line only
}

func (e *editor) String() string { return strings.Join(e.chars, "") }

func (e *editor) empty() bool { return len(e.chars) == 0 }

func (e *editor) set(s string) {
	e.chars, e.at = nil, 0
	e.insert(s)
}

// insert puts text at the cursor. A mark joins the character before it.
func (e *editor) insert(s string) {
	if s == "" || len(e.chars) > maxText {
		return
	}
	from := e.at
	if from > 0 && e.chars[from-1] != "\n" {
		if r, _ := utf8.DecodeRuneInString(s); unicode.In(r, unicode.M, unicode.Cf) {
			from--
			s = e.chars[from] + s
		}
	}
	trail := strings.HasSuffix(s, "\n")
	spaces := len(s) - len(strings.TrimRight(s, " "))
	s = strings.TrimRight(clean(s), " ") + strings.Repeat(" ", spaces)
	if trail {
		s += "\n"
	}
	if e.single {
		s = strings.ReplaceAll(s, "\n", " ")
	}
	chars := split(s)
	if room := maxText - len(e.chars); len(chars) > room {
		chars = chars[:max(room, 0)]
	}
	e.chars = slices.Replace(e.chars, from, e.at, chars...)
	e.at = from + len(chars)
}

// split cuts a clean text into characters.
func split(s string) []string {
	var out []string
	for s != "" {
		if s[0] == '\n' {
			out, s = append(out, "\n"), s[1:]
			continue
		}
		c, _ := cluster(s)
		if c == "" {
			break
		}
		out, s = append(out, c), s[len(c):]
	}
	return out
}

// cut removes the characters from a to b and keeps them for yank.
func (e *editor) cut(a, b int) {
	if a >= b {
		return
	}
	e.killed = strings.Join(e.chars[a:b], "")
	e.remove(a, b)
}

func (e *editor) remove(a, b int) {
	a, b = max(a, 0), min(b, len(e.chars))
	if a < b {
		e.chars = slices.Delete(e.chars, a, b)
		e.at = a
	}
}

func (e *editor) lineStart() int {
	i := e.at
	for i > 0 && e.chars[i-1] != "\n" {
		i--
	}
	return i
}

func (e *editor) lineEnd() int {
	i := e.at
	for i < len(e.chars) && e.chars[i] != "\n" {
		i++
	}
	return i
}

func wordy(c string) bool {
	r, _ := utf8.DecodeRuneInString(c)
	return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_'
}

func (e *editor) wordLeft() int {
	i := e.at
	for i > 0 && !wordy(e.chars[i-1]) {
		i--
	}
	for i > 0 && wordy(e.chars[i-1]) {
		i--
	}
	return i
}

func (e *editor) wordRight() int {
	i := e.at
	for i < len(e.chars) && !wordy(e.chars[i]) {
		i++
	}
	for i < len(e.chars) && wordy(e.chars[i]) {
		i++
	}
	return i
}

// spaceLeft is where the word before the cursor begins, up to a space.
func (e *editor) spaceLeft() int {
	i := e.at
	for i > 0 && e.chars[i-1] == " " {
		i--
	}
	for i > 0 && e.chars[i-1] != " " && e.chars[i-1] != "\n" {
		i--
	}
	return i
}

// do carries out an editing action; false if it is none.
func (e *editor) do(a action) bool {
	switch a {
	case editLeft:
		e.at = max(e.at-1, 0)
	case editRight:
		e.at = min(e.at+1, len(e.chars))
	case editHome:
		e.at = e.lineStart()
	case editEnd:
		e.at = e.lineEnd()
	case editWordLeft:
		e.at = e.wordLeft()
	case editWordRight:
		e.at = e.wordRight()
	case editBackspace:
		e.remove(e.at-1, e.at)
	case editDelete:
		e.remove(e.at, e.at+1)
	case editKillWord:
		e.cut(e.spaceLeft(), e.at)
	case editKillWordLeft:
		e.cut(e.wordLeft(), e.at)
	case editKillWordRight:
		e.cut(e.at, e.wordRight())
	case editKillStart:
		e.cut(e.lineStart(), e.at)
	case editKillEnd:
		e.cut(e.at, max(e.lineEnd(), min(e.at+1, len(e.chars))))
	case editYank:
		e.insert(e.killed)
	case editTranspose:
		e.transpose()
	case editNewline:
		if e.single {
			return false
		}
		e.insert("\n")
	default:
		return false
	}
	return true
}

func (e *editor) transpose() {
	i := min(e.at, len(e.chars)-1)
	if i < 1 || e.chars[i] == "\n" || e.chars[i-1] == "\n" {
		return
	}
	e.chars[i-1], e.chars[i] = e.chars[i], e.chars[i-1]
	e.at = i + 1
}

// rows breaks the text into rows of the screen and says where the cursor is.
func (e *editor) rows(columns int) (rows []string, x, y int) {
	columns = max(columns, 2)
	var b strings.Builder
	used := 0
	end := func() {
		rows = append(rows, b.String())
		b.Reset()
		used = 0
	}
	for i, c := range e.chars {
		if c != "\n" {
			if _, w := cluster(c); used+w > columns {
				end()
			}
		}
		if i == e.at {
			x, y = used, len(rows)
		}
		if c == "\n" {
			end()
			continue
		}
		_, w := cluster(c)
		b.WriteString(c)
		used += w
	}
	if e.at == len(e.chars) {
		if used >= columns {
			end()
		}
		x, y = used, len(rows)
	}
	return append(rows, b.String()), x, y
}

// vertical moves the cursor a row up or down; false at the edge.
func (e *editor) vertical(columns, by int) bool {
	rows, x, y := e.rows(columns)
	if y+by < 0 || y+by >= len(rows) {
		return false
	}
	best := -1
	was := e.at
	for i := 0; i <= len(e.chars); i++ {
		e.at = i
		_, cx, cy := e.rows(columns)
		if cy == y+by && cx <= x {
			best = i
		}
		if cy > y+by {
			break
		}
	}
	if e.at = best; best < 0 {
		e.at = was
	}
	return best >= 0
}
