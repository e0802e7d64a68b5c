package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/sahilm/fuzzy"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

// target is something that the switcher can go to.
type target struct {
	name string // what is compared with what is typed
	row  line
	do   func(*Model) tea.Cmd
}

// targets is a list that the fuzzy search reads.
type targets []target

// String returns the name of entry i.
func (t targets) String(i int) string { return t[i].name }

// Len returns how many there are.
func (t targets) Len() int { return len(t) }

// switcher finds chats, people and commands.
type switcher struct {
	picker
	all   targets
	found []target
}

func newSwitcher(m *Model) *switcher {
	s := &switcher{}
	s.single = true
	s.all = append(s.all, m.chatTargets()...)
	s.all = append(s.all, m.peopleTargets()...)
	s.all = append(s.all, m.commandTargets()...)
	s.changed(m)
	return s
}

func (m *Model) chatTargets() targets {
	var out targets
	for _, unread := range []bool{true, false} {
		for _, ref := range m.order {
			c := m.chats[ref]
			if (c.GetUnread() > 0) != unread || ref == m.current {
				continue
			}
			l := line{m.presence(c), gap(1), sp(plain, ui.Chat(c))}
			if c.GetUnread() > 0 {
				l = append(l, gap(1), sp(badge, ui.F(" %d ", c.GetUnread())))
			}
			out = append(out, target{ui.Chat(c).String(), l, func(m *Model) tea.Cmd { return m.open(ref) }})
		}
	}
	return out
}

func (m *Model) peopleTargets() targets {
	var out targets
	for _, f := range m.friends {
		p := f.GetPerson()
		ref := "@" + p.GetAccount()
		if f.GetState() != apiv1.FriendState_FRIEND_STATE_FRIEND || m.chats[ref] != nil {
			continue
		}
		name := ui.Stranger(p)
		out = append(out, target{name.String(), line{own(faint, "@ "), sp(plain, name)}, func(m *Model) tea.Cmd {
			return m.openOrFetch(ref)
		}})
	}
	return out
}

// openOrFetch opens a chat that may not be in the list yet.
func (m *Model) openOrFetch(ref string) tea.Cmd {
	if m.chats[ref] != nil {
		return m.open(ref)
	}
	return ask(m, m.api.Chats.GetChat, &apiv1.GetChatRequest{Chat: ref}, func(m *Model, r *apiv1.GetChatResponse) tea.Cmd {
		m.putChat(r.GetChat())
		cmd := m.open(r.GetChat().GetRef())
		m.sortChats()
		return cmd
	})
}

func (m *Model) commandTargets() targets {
	var out targets
	for _, e := range m.commands() {
		name := ui.F("/%s", e.Name)
		out = append(out, target{
			name.String() + " " + e.Short.String(),
			line{sp(accent, name), gap(1), sp(faint, e.Args), gap(2), sp(faint, e.Short)},
			func(m *Model) tea.Cmd {
				if e.Args.Empty() {
					return m.command(e.Name)
				}
				m.selecting, m.listShown = false, false
				m.composer.load("/" + e.Name + " ")
				return nil
			},
		})
	}
	return out
}

func (s *switcher) changed(*Model) tea.Cmd {
	s.at = 0
	q := strings.TrimSpace(s.String())
	if q == "" {
		s.found = s.all
		return nil
	}
	s.found = nil
	for _, f := range fuzzy.FindFrom(q, s.all) {
		s.found = append(s.found, s.all[f.Index])
	}
	return nil
}

// String is what is typed.
func (s *switcher) String() string { return s.editor.String() }

func (s *switcher) key(m *Model, _, _ string, act action) tea.Cmd {
	if s.move(act) {
		return nil
	}
	if act == actSend {
		m.pop()
		if s.at < len(s.found) {
			return s.found[s.at].do(m)
		}
		if q := strings.TrimSpace(s.String()); strings.HasPrefix(q, "#") {
			return m.command("join " + strings.TrimPrefix(q, "#"))
		}
	}
	if act == actSwitch {
		m.pop()
	}
	return nil
}

func (s *switcher) view(m *Model, columns, rows int) sheet {
	entries := make([]line, len(s.found))
	for i, f := range s.found {
		entries[i] = f.row
	}
	out := s.sheet(m.t.Get("switch.title"), m.t.Get("switch.hint"), entries, columns, rows)
	if len(entries) == 0 {
		out.rows = append(out.rows, line{sp(faint, m.t.Get("switch.none"))}.fit(columns))
	}
	out.foot = line{sp(faint, m.t.Get("switch.keys"))}
	return out
}
