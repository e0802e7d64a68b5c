package cli

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Streams is where a command reads and writes, and what it may ask of the
// terminal and the environment. OSStreams gives those of the process.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	// InTTY and OutTTY say whether a person is at the other end.
	InTTY, OutTTY bool
	// Size returns the columns and rows of the terminal, 0, 0 without one.
	Size func() (columns, rows int)
	// Raw switches the terminal to raw input until restore is called.
	Raw func() (restore func() error, err error)
	// Secret reads a line without echo.
	Secret func() (string, error)
	// Getenv and Unsetenv reach the environment.
	Getenv   func(string) string
	Unsetenv func(string) error
}

// OSStreams returns the streams of this process.
func OSStreams() Streams {
	in, out := int(os.Stdin.Fd()), int(os.Stdout.Fd())
	return Streams{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		InTTY: term.IsTerminal(in), OutTTY: term.IsTerminal(out),
		Size: func() (int, int) {
			w, h, err := term.GetSize(out)
			if err != nil {
				return 0, 0
			}
			return w, h
		},
		Raw: func() (func() error, error) {
			state, err := term.MakeRaw(in)
			if err != nil {
				return nil, err
			}
			return func() error { return term.Restore(in, state) }, nil
		},
		Secret: func() (string, error) {
			b, err := term.ReadPassword(in)
			return string(b), err
		},
		Getenv: os.Getenv, Unsetenv: os.Unsetenv,
	}
}

// columns returns the width to lay text out for: that of the terminal, or 0
// for no limit when nobody looks.
func (s Streams) columns() int {
	if !s.OutTTY || s.Size == nil {
		return 0
	}
	w, _ := s.Size()
	return w
}

// talks reports whether a person can be asked and answered.
func (s Streams) talks() bool { return s.InTTY && s.OutTTY }
