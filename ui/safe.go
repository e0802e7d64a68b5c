package ui

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxMarks is how many combining marks a character keeps; more would smear
// over the lines above and below.
const MaxMarks = 8

// maxJoins is how many pictures one joined emoji may have; the longest that
// Unicode names has four.
const maxJoins = 8

// Text is one line that is safe to write on a terminal: it holds no control
// character, no line break, no character that reorders or hides others, and
// no more than MaxMarks combining marks on one character. The zero value is
// the empty line.
type Text struct{ s string }

// Literal is text of the program itself. A constant converts to it silently;
// converting anything else would break the promise of Text, and a test of
// ui/cli forbids it.
type Literal string

// String returns the line.
func (t Text) String() string { return t.s }

// Empty reports whether the line has no characters.
func (t Text) Empty() bool { return t.s == "" }

// F formats like fmt.Sprintf. Arguments that are Text stay as they are,
// numbers and truth values are formatted as they are, and all else is cleaned
// as Line does.
func F(format Literal, args ...any) Text {
	clean := make([]any, len(args))
	for i, a := range args {
		switch a := a.(type) {
		case Text:
			clean[i] = a.s
		case bool, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, float32, float64:
			clean[i] = a
		case nil:
			clean[i] = ""
		default:
			clean[i] = Line(fmt.Sprint(a)).s
		}
	}
	return Text{fmt.Sprintf(string(format), clean...)}
}

// Join puts sep between the parts.
func Join(sep Literal, parts ...Text) Text {
	s := make([]string, len(parts))
	for i, p := range parts {
		s[i] = p.s
	}
	return Text{strings.Join(s, string(sep))}
}

// Line cleans foreign text into one line: line breaks and tabs become spaces.
func Line(s string) Text {
	c := cleaner{src: s}
	c.run()
	return Text{c.out.String()}
}

// Block cleans foreign text that may have several lines. Whoever prints it
// indents all lines but the first, so that no line of a text can pass for a
// line of somebody else. There is always at least one line.
func Block(s string) []Text {
	c := cleaner{src: s, multi: true}
	c.run()
	var out []Text
	for l := range strings.SplitSeq(c.out.String(), "\n") {
		out = append(out, Text{l})
	}
	return out
}

// cleaner walks over foreign text once and writes what is safe of it.
type cleaner struct {
	src   string
	multi bool
	out   strings.Builder
	base  rune // last character that was not a mark or a joiner; 0 at the start of a line
	last  rune // last character written
	marks int  // marks on base
	joins int  // pictures joined to the first one
}

func (c *cleaner) run() {
	c.out.Grow(len(c.src))
	for i := 0; i < len(c.src); {
		r, size := utf8.DecodeRuneInString(c.src[i:])
		rest := c.src[i+size:]
		i += size
		switch {
		case r == '\r' && strings.HasPrefix(rest, "\n"):
		case breaksLine(r):
			c.lineBreak()
		case r == '\t':
			c.put(' ')
			if c.multi {
				c.out.WriteString("   ")
			}
		case unicode.IsControl(r):
			c.put(picture(r))
		case isTag(r):
			// Tags spell the flags of regions after a black flag. Anywhere
			// else they are invisible text, so they are dropped.
			if tags := regionTags(c.last, r, rest); tags != "" {
				c.out.WriteString(tags)
				i += len(tags) - size
				c.last = 0
			}
		case isJoiner(r):
			if c.mayJoin(r, rest) {
				c.keep(r)
			}
		case unicode.Is(unicode.Variation_Selector, r):
			if c.mayVary(r) {
				c.mark(r)
			}
		case invisible(r):
		case unicode.Is(unicode.M, r):
			c.mark(r)
		case unicode.Is(unicode.Co, r) || r == utf8.RuneError || unicode.Is(unicode.Noncharacter_Code_Point, r):
			c.put(utf8.RuneError)
		case unicode.Is(unicode.Zs, r) && r != '\u3000':
			c.put(' ')
		default:
			c.put(r)
		}
	}
}

// put writes a character that stands for itself.
func (c *cleaner) put(r rune) {
	if c.last != zwj {
		c.joins = 0
	}
	c.base, c.marks = r, 0
	c.keep(r)
}

func (c *cleaner) keep(r rune) {
	c.out.WriteRune(r)
	c.last = r
}

// mark writes a combining mark. One without a base would sit on whatever the
// program wrote before it, so it gets the customary dotted circle.
func (c *cleaner) mark(r rune) {
	if c.base == 0 {
		c.put('◌')
	}
	if c.marks < MaxMarks {
		c.marks++
		c.keep(r)
	}
}

func (c *cleaner) lineBreak() {
	if !c.multi {
		c.put(' ')
		return
	}
	c.out.WriteByte('\n')
	c.base, c.last, c.marks, c.joins = 0, 0, 0, 0
}

const (
	zwnj = '\u200c'
	zwj  = '\u200d'
)

func isJoiner(r rune) bool { return r == zwj || r == zwnj }

// mayJoin reports whether a joiner does something that can be seen: it joins
// two pictures of an emoji, or it shapes letters of a script that needs it.
func (c *cleaner) mayJoin(r rune, rest string) bool {
	next, _ := utf8.DecodeRuneInString(rest)
	if isJoiner(c.last) {
		return false
	}
	if r == zwj && pictograph(c.base) && pictograph(next) && c.joins < maxJoins {
		c.joins++
		return true
	}
	return c.last != 0 && unicode.In(c.last, shaped...) && unicode.In(next, shaped...)
}

// mayVary reports whether a variation selector picks between pictures of an
// emoji or between forms of a Han character.
func (c *cleaner) mayVary(r rune) bool {
	if c.marks > 0 || c.last != c.base {
		return false
	}
	switch {
	case r == '\ufe0e' || r == '\ufe0f':
		return pictograph(c.base) || strings.ContainsRune("0123456789#*", c.base)
	case r >= 0xe0100 && r <= 0xe01ef:
		return unicode.Is(unicode.Han, c.base)
	}
	return false
}
