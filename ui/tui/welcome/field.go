package welcome

import (
	"strings"

	"github.com/rivo/uniseg"

	"github.com/kith-chat/kith/ui"
)

// field is one line that is typed.
type field struct {
	text   []rune
	limit  int
	secret bool
}

func (f *field) String() string { return string(f.text) }
func (f *field) empty() bool    { return len(f.text) == 0 }
func (f *field) set(s string)   { f.text = []rune(s) }

// insert takes typed or pasted text, on one line.
func (f *field) insert(s string) {
	if !f.secret {
		s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' || r == '\t' }), " ")
		s = ui.Line(s).String()
	} else {
		s = strings.TrimRight(s, "\r\n")
	}
	r := []rune(s)
	f.text = append(f.text, r[:min(len(r), max(f.limit-len(f.text), 0))]...)
}

// key takes a key press.
func (f *field) key(name, text string) {
	switch name {
	case "backspace", "ctrl+h":
		g := uniseg.NewGraphemes(f.String())
		last := 0
		for g.Next() {
			last, _ = g.Positions()
		}
		f.set(f.String()[:last])
	case "ctrl+w":
		s := strings.TrimRight(f.String(), " ")
		f.set(s[:strings.LastIndex(s, " ")+1])
	case "ctrl+u":
		f.set("")
	default:
		f.insert(text)
	}
}

// shown is what stands on the screen.
func (f *field) shown() string {
	if f.secret {
		return strings.Repeat("•", len(f.text))
	}
	return f.String()
}
