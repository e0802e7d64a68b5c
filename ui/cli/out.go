package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/kith-chat/kith/ui"
)

// Out is the only writer of this package. What people read goes out as
// ui.Text, what programs read as JSON objects, one a line; both are safe on a
// terminal whatever a peer put into them.
//
// Manners: results go to standard output, advice and errors to standard error;
// an error is one line, begins with "kith: " and says what to do; no capital
// letter at its start, no full stop at its end.
type Out struct {
	mu      sync.Mutex
	w, errw io.Writer
	json    bool
	columns func() int // of the terminal; 0 without one
	bar     int        // columns of the progress bar that is on the line now
	err     error      // first failure to write
}

// record is one thing that a command shows. Its exported fields are its JSON
// object; lines is its text.
type record interface {
	lines(v view) []ui.Text
}

// view says how text is laid out.
type view struct {
	names   map[string]ui.Text // of chats, by their reference, where they are known
	columns int                // to wrap at; 0 for no limit
	ids     bool               // with the beginning of message IDs
	chat    bool               // with the chat of each message
	states  bool               // with the delivery states of own messages
	slash   bool               // for the line mode, where a command begins with a slash
}

// show writes a record in the form that was asked for.
func (o *Out) show(r record) { o.showAs(r, view{}) }

func (o *Out) showAs(r record, v view) {
	if o.json {
		o.object(r)
		return
	}
	v.columns = o.columns()
	columns := v.columns
	switch r.(type) {
	case idRecord, initRecord, inviteRecord, servingRecord, statusRecord, settingRecord:
		columns = 0 // the person's own, left whole to be copied
	}
	o.text(columns, r.lines(v)...)
}

// news writes a record as a piece of news.
func (o *Out) news(event string, r record, v view) {
	if o.json {
		o.object(r)
		return
	}
	v.columns = o.columns()
	o.text(v.columns, newsLines(event, r, v)...)
}

// text writes lines at once, since a terminal on which somebody types draws
// the typed line anew after each write. A line that the terminal would break
// at its left edge, where the rest could pass for a line of its own, becomes
// several with an indent; 0 columns break nothing.
func (o *Out) text(columns int, lines ...ui.Text) {
	var b strings.Builder
	for _, l := range lines {
		if columns == 0 || ui.Width(l) <= columns {
			b.WriteString(l.String() + "\n")
			continue
		}
		for i, part := range ui.Wrap(l.String(), columns, columns-hang) {
			if i > 0 {
				part = ui.Indent(part, hang)
			}
			b.WriteString(part.String() + "\n")
		}
	}
	if b.Len() > 0 {
		o.write(o.w, b.String())
	}
}

// say writes a line of text; nothing in JSON mode.
func (o *Out) say(format ui.Literal, args ...any) {
	if !o.json {
		o.text(o.columns(), ui.F(format, args...))
	}
}

// line writes one line of text to standard output.
func (o *Out) line(t ui.Text) { o.write(o.w, t.String()+"\n") }

// note writes advice to standard error.
func (o *Out) note(format ui.Literal, args ...any) {
	o.write(o.errw, "kith: "+ui.F(format, args...).String()+"\n")
}

// progress shows a bar that is drawn over by the next one and by any line.
func (o *Out) progress(t ui.Text) {
	t = ui.Truncate(t, max(o.columns()-1, 20))
	o.mu.Lock()
	defer o.mu.Unlock()
	line := "\r" + ui.Pad(t, o.bar).String()
	o.bar = ui.Width(t)
	o.put(o.errw, line)
}

// prompt writes a question without a line end.
func (o *Out) prompt(t ui.Text) { o.write(o.errw, t.String()) }

// endPrompt ends the line of a prompt whose answer was not echoed.
func (o *Out) endPrompt() { o.write(o.errw, "\n") }

// object writes v as one line of JSON.
func (o *Out) object(v any) {
	line, err := encodeJSON(v)
	if err != nil {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.err = fmt.Errorf("writing JSON: %w", err)
		return
	}
	o.write(o.w, string(line))
}

// problem reports an error and returns its exit code.
func (o *Out) problem(err error) int {
	p := ui.Explain(err)
	if o.json {
		line, err := encodeJSON(struct {
			Error  string    `json:"error"`
			Reason ui.Reason `json:"reason"`
			Exit   int       `json:"exit"`
		}{p.Text.String(), p.Reason, p.Exit})
		if err == nil {
			o.write(o.errw, string(line))
		}
		return p.Exit
	}
	o.note("%s", p.Text)
	return p.Exit
}

func (o *Out) write(w io.Writer, s string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.bar > 0 {
		o.put(o.errw, "\r"+ui.Pad(ui.Text{}, o.bar).String()+"\r")
		o.bar = 0
	}
	o.put(w, s)
}

func (o *Out) put(w io.Writer, s string) {
	if _, err := io.WriteString(w, s); err != nil && o.err == nil {
		o.err = fmt.Errorf("writing: %w", err)
	}
}

// failure returns the first failure to write, such as a closed pipe.
func (o *Out) failure() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// encodeJSON writes v as one line. Characters that could act on a terminal or
// hide something are written as \u escapes, which means the same to a parser.
func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return append(escape(bytes.TrimRight(b.Bytes(), "\n")), '\n'), nil
}

// escape replaces unsafe characters of a JSON text, all of which can only
// stand inside its strings.
func escape(line []byte) []byte {
	out := make([]byte, 0, len(line))
	marks := 0
	for len(line) > 0 {
		r, size := utf8.DecodeRune(line)
		if unicode.Is(unicode.M, r) {
			marks++
		} else {
			marks = 0
		}
		if r < utf8.RuneSelf && r != 0x7f || !ui.NeedsEscape(r) && marks <= ui.MaxMarks {
			out = append(out, line[:size]...)
		} else {
			for _, unit := range utf16.Encode([]rune{r}) {
				out = fmt.Appendf(out, `\u%04x`, unit)
			}
		}
		line = line[size:]
	}
	return out
}
