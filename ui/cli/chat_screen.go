package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/term"

	"github.com/kith-chat/kith/ui"
)

// maxLine bounds a line of piped input, in bytes. A message is shorter; the
// node says so.
const maxLine = 1 << 20

// screen is where the line mode reads and writes: a terminal on which a line
// is being typed, or plain streams.
type screen interface {
	io.Writer
	readLine() (string, error)
	prompt(ui.Text)
	resize(Streams)
	bell()
	advice() io.Writer // where errors go
	person() bool      // whether somebody sits there
}

// typed is one line of input, or why there are no more.
type typed struct {
	text string
	err  error
}

// readLines hands lines over until there are no more.
func readLines(ctx context.Context, s screen, lines chan<- typed) {
	for {
		text, err := s.readLine()
		select {
		case lines <- typed{text, err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// openScreen prepares the streams. restore undoes it.
func openScreen(s Streams, plain bool) (screen, func() error, error) {
	if plain || !s.talks() || s.Getenv("TERM") == "dumb" {
		return &plainScreen{s: s, in: bufio.NewReaderSize(s.In, 64<<10)}, func() error { return nil }, nil
	}
	restore, err := s.Raw()
	if err != nil {
		return nil, nil, fmt.Errorf("preparing the terminal: %w", err)
	}
	t := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{s.In, s.Out}, "> ")
	ttyScreen := &ttyScreen{Terminal: t, out: s.Out}
	ttyScreen.resize(s)
	return ttyScreen, func() error {
		_, err := io.WriteString(s.Out, "\r\n") // off the line of the prompt
		return errors.Join(err, restore())
	}, nil
}

// ttyScreen keeps the line that is being typed below what comes in.
type ttyScreen struct {
	*term.Terminal
	out           io.Writer
	columns, rows int
}

func (t *ttyScreen) readLine() (string, error) { return t.ReadLine() }

func (t *ttyScreen) prompt(p ui.Text) { t.SetPrompt(p.String()) }

func (t *ttyScreen) resize(s Streams) {
	if w, h := s.Size(); w > 0 && h > 0 && (w != t.columns || h != t.rows) {
		t.columns, t.rows = w, h
		// An error here is one of drawing; the next line shows it again.
		_ = t.SetSize(w, h)
	}
}

func (t *ttyScreen) bell() { _, _ = io.WriteString(t.out, "\a") }

func (t *ttyScreen) advice() io.Writer { return t }

func (t *ttyScreen) person() bool { return true }

// plainScreen is a pipe, a serial line or a screen reader: lines in, lines out.
type plainScreen struct {
	s  Streams
	in *bufio.Reader
}

func (p *plainScreen) Write(b []byte) (int, error) { return p.s.Out.Write(b) }

func (p *plainScreen) readLine() (string, error) {
	var b strings.Builder
	for {
		part, more, err := p.in.ReadLine()
		if err != nil {
			if errors.Is(err, io.EOF) {
				return "", io.EOF
			}
			return "", fmt.Errorf("reading standard input: %w", err)
		}
		if b.Len()+len(part) > maxLine {
			return "", ui.TooLarge.Because("a line of the input is longer than %d bytes; send it as a file: kith files send CHAT PATH", maxLine)
		}
		b.Write(part)
		if !more {
			return strings.ToValidUTF8(b.String(), "\ufffd"), nil
		}
	}
}

func (p *plainScreen) prompt(ui.Text) {}

func (p *plainScreen) resize(Streams) {}

func (p *plainScreen) bell() {
	if p.s.OutTTY {
		_, _ = io.WriteString(p.s.Out, "\a")
	}
}

func (p *plainScreen) advice() io.Writer { return p.s.Err }

func (p *plainScreen) person() bool { return p.s.talks() }
