package tui

import (
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"

	"github.com/kith-chat/kith/ui"
)

const (
	// maxNesting bounds lists and quotes within each other.
	maxNesting = 6
	// maxMarkdown is the longest text whose marks are looked at, in bytes;
	// longer ones are shown as they are.
	maxMarkdown = 16 << 10
)

// newParser returns a parser of the Markdown that a chat needs.
func newParser() parser.Parser {
	return goldmark.New(goldmark.WithExtensions(extension.Strikethrough, extension.Linkify)).Parser()
}

// markdown lays out a message's text. The text is cleaned before it is parsed,
// and each piece once more afterwards: taking the marks away can bring
// characters together that were apart.
type markdown struct {
	src     []byte
	columns int
	out     []line
	named   func(word string) bool // whether a word names somebody
}

// layout returns the lines of a message's text.
func layout(p parser.Parser, s string, columns int, named func(string) bool) []line {
	clean := clean(s)
	if len(clean) > maxMarkdown || !strings.ContainsAny(clean, "*_`~#>-+[]()0123456789\\:@.\n!") {
		return wrapText(clean, columns)
	}
	d := markdown{src: []byte(clean), columns: columns, named: named}
	d.blocks(p.Parse(text.NewReader(d.src)), nil, 0)
	if len(d.out) == 0 {
		return wrapText(clean, columns)
	}
	return d.out
}

// clean makes foreign text of several lines safe.
func clean(s string) string {
	var b strings.Builder
	for i, t := range ui.Block(s) {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(t.String())
	}
	return strings.TrimRight(b.String(), "\n ")
}

func wrapText(s string, columns int) []line {
	var out []line
	for l := range strings.SplitSeq(s, "\n") {
		out = append(out, wrap(line{sp(plain, ui.Line(l))}, columns)...)
	}
	return out
}

// put wraps l behind the signs of the blocks around it.
func (d *markdown) put(l line, before line) {
	for _, row := range wrap(l, d.columns-before.width()) {
		d.out = append(d.out, append(before[:len(before):len(before)], row...))
	}
}

func (d *markdown) blocks(n ast.Node, before line, depth int) {
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		d.block(c, before, depth)
	}
}

func (d *markdown) block(n ast.Node, before line, depth int) {
	switch n := n.(type) {
	case *ast.Heading:
		d.inlines(n, before, heavy)
	case *ast.ThematicBreak:
		d.put(line{rule(faint, min(d.columns-before.width(), 20))}, before)
	case *ast.FencedCodeBlock:
		d.code(n.Lines(), before)
	case *ast.CodeBlock:
		d.code(n.Lines(), before)
	case *ast.HTMLBlock:
		for i := range n.Lines().Len() {
			seg := n.Lines().At(i)
			d.put(line{sp(plain, ui.Line(strings.TrimRight(string(seg.Value(d.src)), "\n")))}, before)
		}
	case *ast.Blockquote:
		if depth < maxNesting {
			before = append(before[:len(before):len(before)], own(quote, "┃ "))
		}
		d.blocks(n, before, depth+1)
	case *ast.List:
		d.list(n, before, depth)
	default:
		if n.Type() == ast.TypeBlock && n.FirstChild() != nil && n.FirstChild().Type() == ast.TypeBlock {
			d.blocks(n, before, depth)
			return
		}
		d.inlines(n, before, plain)
	}
}

func (d *markdown) list(n *ast.List, before line, depth int) {
	number := n.Start
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		mark := ui.F("• ")
		if n.IsOrdered() {
			mark = ui.F("%d. ", number)
			number++
		}
		at := len(d.out)
		inner := before
		if depth < maxNesting {
			inner = append(before[:len(before):len(before)], gap(ui.Width(mark)))
		}
		d.blocks(c, inner, depth+1)
		if at < len(d.out) && len(inner) > len(before) {
			d.out[at][len(before)] = sp(faint, mark)
		}
	}
}

// code shows lines as they are, on a ground of their own.
func (d *markdown) code(lines *text.Segments, before line) {
	columns := max(d.columns-before.width()-2, 4)
	longest := 0
	for i := range lines.Len() {
		seg := lines.At(i)
		longest = max(longest, ui.Width(ui.Line(strings.TrimRight(string(seg.Value(d.src)), "\n"))))
	}
	columns = min(columns, longest+1)
	for i := range lines.Len() {
		seg := lines.At(i)
		t := ui.Line(strings.TrimRight(string(seg.Value(d.src)), "\n"))
		rest := t.String()
		for {
			head, tail := cutAt(rest, columns)
			if head == "" && tail != "" {
				head, tail = tail, ""
			}
			row := append(before[:len(before):len(before)], own(faint, "▏"), span{head, code})
			if n := columns - width(head); n > 0 {
				row = append(row, span{strings.Repeat(" ", n), code})
			}
			d.out = append(d.out, row)
			if rest = tail; rest == "" {
				break
			}
		}
	}
}

// inlines lays out the text of a block, which may have lines of its own.
func (d *markdown) inlines(n ast.Node, before line, r role) {
	var rows []line
	var row line
	d.inline(n, r, &row, &rows)
	rows = append(rows, row)
	for _, l := range rows {
		d.put(l, before)
	}
}

func (d *markdown) inline(n ast.Node, r role, row *line, rows *[]line) {
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		switch c := c.(type) {
		case *ast.Text:
			*row = append(*row, d.words(unescape(string(c.Segment.Value(d.src))), r)...)
			if c.SoftLineBreak() || c.HardLineBreak() {
				*rows, *row = append(*rows, *row), nil
			}
		case *ast.String:
			*row = append(*row, sp(r, ui.Line(string(c.Value))))
		case *ast.CodeSpan:
			d.inline(c, code, row, rows)
		case *ast.Emphasis:
			inner := emphasis
			if c.Level == 2 {
				inner = heavy
			}
			d.inline(c, inner, row, rows)
		case *extast.Strikethrough:
			d.inline(c, struck, row, rows)
		case *ast.AutoLink:
			*row = append(*row, sp(link, ui.Line(string(c.URL(d.src)))))
		case *ast.Link:
			d.inline(c, link, row, rows)
			*row = append(*row, d.target(c.Destination)...)
		case *ast.Image:
			d.inline(c, link, row, rows)
			*row = append(*row, d.target(c.Destination)...)
		case *ast.RawHTML:
			for i := range c.Segments.Len() {
				seg := c.Segments.At(i)
				*row = append(*row, sp(r, ui.Line(string(seg.Value(d.src)))))
			}
		default:
			d.inline(c, r, row, rows)
		}
	}
}

// target shows where a link leads: a text must not hide it.
func (d *markdown) target(url []byte) line {
	return line{sp(faint, ui.F(" <%s>", string(url)))}
}

// words marks the names of people.
func (d *markdown) words(s string, r role) line {
	t := ui.Line(s).String()
	if r == code || !strings.Contains(t, "@") || d.named == nil {
		return line{span{t, r}}
	}
	var out line
	for t != "" {
		i := strings.IndexByte(t, '@')
		if i < 0 {
			break
		}
		end := i + 1
		for end < len(t) && !strings.ContainsRune(" ,;:!?()'\"", rune(t[end])) {
			end++
		}
		if word := strings.TrimRight(t[i+1:end], "."); word != "" && d.named(word) && (i == 0 || t[i-1] == ' ' || t[i-1] == '(') {
			out = append(out, span{t[:i], r}, span{t[i : i+1+len(word)], mention})
			t = t[i+1+len(word):]
			continue
		}
		out = append(out, span{t[:end], r})
		t = t[end:]
	}
	return append(out, span{t, r})
}

// unescape takes the backslash from before a sign of Markdown.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && strings.IndexByte("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", s[i+1]) >= 0 {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
