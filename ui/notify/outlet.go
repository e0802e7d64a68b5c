package notify

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/kith-chat/kith/ui"
)

// ErrUnsupported says that there is no such way to tell here.
var ErrUnsupported = errors.New("this system has no notifications that kith knows")

// Outlet is one way to show a note.
type Outlet interface {
	// Show shows a note. It returns when the note is handed over or ctx ends.
	Show(ctx context.Context, n Note) error
}

// Bell is the sound of a terminal.
const Bell = "\a"

// Terminal is what a terminal can be asked to do.
type Terminal int

// The kinds of terminals.
const (
	Mute   Terminal = iota // no notifications
	OSC9                   // kitty, iTerm2, WezTerm, Ghostty, Windows Terminal and most others
	OSC777                 // rxvt-unicode, foot
)

// TerminalOf guesses from the environment how the terminal shows
// notifications.
func TerminalOf(getenv func(string) string) Terminal {
	term := getenv("TERM")
	switch {
	case term == "" || term == "dumb" || term == "linux":
		return Mute
	case strings.HasPrefix(term, "rxvt") || strings.HasPrefix(term, "foot"):
		return OSC777
	}
	return OSC9
}

// Sequence returns what makes the terminal show a note, "" if nothing does.
// inTmux wraps it so that tmux hands it on.
func (t Terminal) Sequence(n Note, inTmux bool) string {
	var s string
	switch t {
	case OSC9:
		// A text that begins with a number means something else to some.
		s = "\x1b]9;" + field(ui.F("kith: %s", join(n))) + "\a"
	case OSC777:
		s = "\x1b]777;notify;" + field(n.Title) + ";" + field(n.Body) + "\a"
	default:
		return ""
	}
	if inTmux {
		return "\x1bPtmux;" + strings.ReplaceAll(s, "\x1b", "\x1b\x1b") + "\x1b\\"
	}
	return s
}

// field is a text without the sign that parts the fields of a sequence.
func field(t ui.Text) string { return strings.ReplaceAll(t.String(), ";", ",") }

// join writes a note on one line.
func join(n Note) ui.Text {
	if n.Body.Empty() {
		return n.Title
	}
	return ui.F("%s: %s", n.Title, n.Body)
}

// Line is an outlet that writes each note on a line of its own, for a screen
// that is only written to.
type Line struct{ W io.Writer }

// Show writes the note.
func (l Line) Show(_ context.Context, n Note) error {
	_, err := io.WriteString(l.W, join(n).String()+"\n")
	return err
}
