package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
	"github.com/kith-chat/kith/ui/words"
)

func (m *Model) languages() []string { return words.Languages() }

// newLog shows the toasts there were, the newest last.
func newLog(m *Model) *pager {
	return &pager{title: m.t.Get("log.title"), tail: true, lines: func(m *Model, columns int) []line {
		if len(m.journal) == 0 {
			return []line{{sp(faint, m.t.Get("log.empty"))}}
		}
		var out []line
		for _, t := range m.journal {
			head := line{sp(faint, ui.Clock(t.at.UnixMilli())), gap(1), t.kind.mark()}
			n := head.width()
			for i, l := range wrap(line{sp(plain, t.text)}, columns-n) {
				if i == 0 {
					out = append(out, append(head, l...))
					continue
				}
				out = append(out, append(line{gap(n)}, l...))
			}
		}
		return out
	}}
}

// newMembers shows who is in the chat, where there is no pane for it.
func newMembers(m *Model) *pager {
	return &pager{title: m.t.Get("members.title"), lines: func(m *Model, columns int) []line { return m.memberRows(columns) }}
}

// showDetails shows everything about a message.
func (m *Model) showDetails(msg *apiv1.Message) tea.Cmd {
	id := msg.GetId()
	var cmd tea.Cmd
	if m.details = nil; msg.GetFrom().GetSelf() {
		cmd = quiet(m, m.api.Chats.ListReceipts, &apiv1.ListReceiptsRequest{Id: id}, func(m *Model, r *apiv1.ListReceiptsResponse) tea.Cmd {
			m.details = r.GetReceipts()
			return nil
		})
	}
	m.push(&pager{title: m.t.Get("details.title"), lines: func(m *Model, columns int) []line {
		msg := msg
		if t := m.talk(); t != nil && t.byID[id] != nil {
			msg = t.byID[id]
		}
		return m.detailRows(msg, columns)
	}})
	return cmd
}

func (m *Model) detailRows(msg *apiv1.Message, columns int) []line {
	var out []line
	add := func(name, value ui.Text) {
		if !value.Empty() {
			out = append(out, wrap(line{sp(faint, ui.Pad(name, 10)), gap(1), sp(plain, value)}, columns)...)
		}
	}
	add(m.t.Get("details.from"), m.t.Name(msg.GetFrom()))
	add(m.t.Get("details.account"), ui.Line(msg.GetFrom().GetAccount()))
	add(m.t.Get("details.sent"), ui.Stamp(msg.GetTimeMs()))
	add(m.t.Get("details.arrived"), ui.Stamp(msg.GetArrivedMs()))
	add(m.t.Get("details.state"), m.t.State(msg.GetState()))
	add(m.t.Get("details.refused"), ui.Line(msg.GetRefused()))
	add(m.t.Get("details.device"), ui.Line(msg.GetDevice()))
	add(m.t.Get("details.id"), ui.Line(msg.GetId()))
	for _, r := range m.details {
		add(m.t.State(r.GetState()), ui.F("%s  %s", ui.Stamp(r.GetTimeMs()), m.t.Name(r.GetPerson())))
	}
	return out
}

// saver asks where a file is to go.
type saver struct {
	picker
	msg   *apiv1.Message
	paths []string
}

func newSaver(m *Model, msg *apiv1.Message) *saver {
	s := &saver{msg: msg}
	s.single = true
	s.set("~/")
	s.changed(m)
	return s
}

func (s *saver) changed(*Model) tea.Cmd {
	s.paths = completePath(s.editor.String(), true)
	s.at = 0
	return nil
}

func (s *saver) key(m *Model, _, _ string, act action) tea.Cmd {
	switch act {
	case actComplete:
		if s.at < len(s.paths) {
			s.set(s.paths[s.at])
			return s.changed(m)
		}
	case actSend:
		m.pop()
		return m.fetch(s.msg, expand(strings.TrimSpace(s.editor.String())))
	default:
		s.move(act)
	}
	return nil
}

func (s *saver) view(m *Model, columns, rows int) sheet {
	entries := make([]line, len(s.paths))
	for i, p := range s.paths {
		entries[i] = line{sp(plain, ui.Line(p))}
	}
	out := s.sheet(m.t.Get("save.title", ui.Truncate(ui.Line(s.msg.GetFile().GetName()), 30)), m.t.Get("save.hint"), entries, columns, min(rows, 10))
	out.foot = line{sp(faint, m.t.Get("save.keys"))}
	return out
}

// reacter picks an emoji.
type reacter struct {
	picker
	msg   *apiv1.Message
	found []emojiName
}

func newReacter(m *Model, msg *apiv1.Message) *reacter {
	r := &reacter{msg: msg}
	r.single = true
	r.changed(m)
	return r
}

func (r *reacter) changed(*Model) tea.Cmd {
	r.at = 0
	r.found = findEmoji(strings.Trim(strings.TrimSpace(r.editor.String()), ":"), 40)
	return nil
}

func (r *reacter) key(m *Model, _, _ string, act action) tea.Cmd {
	if act == actSend {
		m.pop()
		m.selecting = false
		if r.at < len(r.found) {
			return m.react(r.msg, r.found[r.at].emoji)
		}
		if s := strings.TrimSpace(r.editor.String()); s != "" {
			return m.react(r.msg, s)
		}
		return nil
	}
	r.move(act)
	return nil
}

func (r *reacter) view(m *Model, columns, rows int) sheet {
	entries := make([]line, len(r.found))
	for i, e := range r.found {
		entries[i] = line{sp(plain, ui.Line(e.emoji)), gap(2), sp(faint, ui.F(":%s:", e.name))}
	}
	return r.sheet(m.t.Get("react.title"), m.t.Get("react.hint"), entries, columns, min(rows, 12))
}
