package tui

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/kith-chat/kith/ui"
)

const (
	// toastFor is how long a toast stays.
	toastFor = 6 * time.Second
	// maxToasts is how many stand at once; maxJournal how many can be read again.
	maxToasts  = 3
	maxJournal = 500
)

type toastKind uint8

const (
	toastPlain toastKind = iota
	toastGood
	toastWarn
	toastError
)

// toast is a line that goes away by itself and stays in the log.
type toast struct {
	kind toastKind
	text ui.Text
	at   time.Time
	n    int
}

// say shows a toast.
func (m *Model) say(kind toastKind, t ui.Text) tea.Cmd {
	m.serial++
	one := toast{kind, t, m.now(), m.serial}
	m.journal = appendBounded(m.journal, one)
	m.toasts = append(m.toasts, one)
	if len(m.toasts) > maxToasts {
		m.toasts = m.toasts[len(m.toasts)-maxToasts:]
	}
	return m.after(toastFor, func(m *Model) tea.Cmd {
		for i, t := range m.toasts {
			if t.n == one.n {
				m.toasts = append(m.toasts[:i:i], m.toasts[i+1:]...)
				break
			}
		}
		return nil
	})
}

func appendBounded(l []toast, t toast) []toast {
	if len(l) >= maxJournal {
		l = append(l[:0:0], l[len(l)-maxJournal+1:]...)
	}
	return append(l, t)
}

// mark is the sign of a kind, so that colour is not all that tells it.
func (k toastKind) mark() span {
	switch k {
	case toastGood:
		return own(good, "✓ ")
	case toastWarn:
		return own(warn, "! ")
	case toastError:
		return own(alert, "✗ ")
	case toastPlain:
	}
	return own(accent, "· ")
}
