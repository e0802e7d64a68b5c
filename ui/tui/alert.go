package tui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui/notify"
)

const (
	// alertSettle is how long an alert waits for others; alertPause is the
	// least time between two.
	alertSettle = 300 * time.Millisecond
	alertPause  = 3 * time.Second
)

// noteMsg is a notification that is to be shown now.
type noteMsg struct{ note notify.Note }

// noteOutlet hands notifications to the loop, which writes them between two
// screens.
type noteOutlet struct{ send func(tea.Msg) }

// Show hands a note over.
func (o noteOutlet) Show(_ context.Context, n notify.Note) error {
	o.send(noteMsg{n})
	return nil
}

// alert lets the person be told of what is not on the screen.
func (m *Model) alert(w *apiv1.WatchResponse) {
	if m.tell == nil {
		return
	}
	s := notify.ReadSettings(m.prefs)
	now := notify.Scene{Now: m.now().Local(), Chat: m.chats[w.GetMessage().GetChat()], Focused: m.focused}
	if m.talkVisible() {
		now.Open = m.current
	}
	if a, ok := notify.Decide(s, now, w); ok {
		m.tell(a, s.Hide)
	}
}

// note shows a notification in the ways that the person wants.
func (m *Model) note(n notify.Note) tea.Cmd {
	s := notify.ReadSettings(m.prefs)
	seq := ""
	if s.Bell {
		seq = notify.Bell
	}
	if s.Terminal {
		seq += m.opts.Terminal.Sequence(n, m.opts.InTmux)
	}
	var cmds []tea.Cmd
	if seq != "" {
		cmds = append(cmds, tea.Raw(seq))
	}
	if s.Desktop && m.opts.Desktop != nil {
		run, desktop := m.run, m.opts.Desktop
		cmds = append(cmds, func() tea.Msg {
			_ = desktop.Show(run, n) // the bell and the list have told already
			return nil
		})
	}
	return tea.Batch(cmds...)
}
