package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
)

// key takes a key: the window on top has it first, then the keys that work
// everywhere, then the selection, then the composer.
func (m *Model) key(k tea.KeyPressMsg) tea.Cmd {
	name := k.Keystroke()
	text := k.Text
	if a := m.keys.acts[text]; text != "" && a != "" && len(text) > 1 {
		name = text
	}
	act := m.keys.acts[name]
	switch act {
	case actQuit:
		return m.quit()
	case actSuspend:
		return tea.Suspend
	case actRedraw:
		m.look++
		return tea.ClearScreen
	}
	if w := m.top(); w != nil {
		return m.windowKey(w, name, text, act)
	}
	if cmd, ok := m.chatKey(name, act); ok {
		return cmd
	}
	if m.selecting {
		return m.selectKey(name, text, act)
	}
	if m.listShown && m.narrow() {
		return m.listKey(act)
	}
	return m.composeKey(name, text, act)
}

// chatKey does what works wherever one is, but in windows.
func (m *Model) chatKey(name string, act action) (tea.Cmd, bool) {
	if n, ok := strings.CutPrefix(name, "alt+"); ok && len(n) == 1 && n[0] >= '1' && n[0] <= '9' {
		if i := int(n[0] - '1'); i < len(m.order) {
			return m.open(m.order[i]), true
		}
		return nil, true
	}
	if cmd, ok := m.openKey(act); ok {
		return cmd, true
	}
	t := m.talk()
	switch act {
	case actPrevChat:
		return m.step(-1), true
	case actNextChat:
		return m.step(1), true
	case actUnread:
		return m.nextUnread(), true
	case actList:
		m.listShown = !m.listShown
		return nil, true
	case actMute:
		if c := m.chat(); c != nil {
			muted := !m.muted(c)
			return m.setChat(&apiv1.SetChatRequest{Chat: c.GetRef(), Muted: &muted}), true
		}
		return nil, true
	case actReadAll:
		if t != nil {
			t.readUpTo = ""
			return m.markRead(t.ref, ""), true
		}
		return nil, true
	}
	if t == nil {
		return nil, false
	}
	return m.scrollKey(t, act)
}

// openKey opens windows and panes.
func (m *Model) openKey(act action) (tea.Cmd, bool) {
	switch act {
	case actSwitch:
		return m.push(newSwitcher(m)), true
	case actSearch:
		return m.push(newSearcher(m)), true
	case actHelp:
		return m.push(newHelp(m)), true
	case actLog:
		return m.push(newLog(m)), true
	case actRequests:
		return m.showRequests(), true
	case actMembers:
		if m.width < sideFrom {
			return m.push(newMembers(m)), true
		}
		m.side = !m.side
		return nil, true
	}
	return nil, false
}

// scrollKey moves the sight.
func (m *Model) scrollKey(t *talk, act action) (tea.Cmd, bool) {
	v := m.viewport(t)
	switch act {
	case actPageUp:
		v.move(max(v.height-2, 1))
	case actPageDown:
		v.move(-max(v.height-2, 1))
	case actLineUp:
		v.move(1)
	case actLineDown:
		v.move(-1)
	case actNewest:
		return m.toNewest(t), true
	case actFirstNew:
		if i := m.firstUnread(t); i >= 0 {
			v.show(t.msgs[i].GetId())
		}
	default:
		return nil, false
	}
	return nil, true
}

// toNewest goes to the end of a conversation, which may have to be loaded.
func (m *Model) toNewest(t *talk) tea.Cmd {
	m.viewport(t).newest()
	m.selecting = false
	if t.newer {
		return m.reload(t)
	}
	return nil
}

func (m *Model) listKey(act action) tea.Cmd {
	switch act {
	case actUp:
		return m.browse(-1)
	case actDown:
		return m.browse(1)
	case actSend, actCancel:
		m.listShown = false
	}
	return nil
}

// browse moves in the list without leaving it.
func (m *Model) browse(by int) tea.Cmd {
	cmd := m.step(by)
	m.listShown = true
	return cmd
}

func (m *Model) composeKey(name, text string, act action) tea.Cmd {
	c := &m.composer
	if c.menu != nil {
		if cmd, ok := m.menuKey(act); ok {
			return cmd
		}
	}
	switch act {
	case actSend:
		return m.submit()
	case actComplete, actCompleteB:
		return m.complete()
	case actSelect:
		return m.startSelect()
	case actUp:
		if !c.vertical(m.composerColumns(), -1) {
			if c.empty() && len(m.talkTexts()) == 0 {
				return m.startSelect()
			}
			m.recall(1)
		}
		return nil
	case actDown:
		if !c.vertical(m.composerColumns(), 1) {
			m.recall(-1)
		}
		return nil
	case actCancel:
		return m.cancel()
	case editEnd:
		if t := m.talk(); t != nil && c.at == len(c.chars) && !t.follows() {
			return m.toNewest(t)
		}
	}
	if text == "?" && c.empty() && c.edit == nil {
		return m.push(newHelp(m))
	}
	if act != "" && c.do(act) {
		return m.changed()
	}
	if text != "" && act == "" {
		c.insert(text)
		return m.changed()
	}
	return nil
}

func (m *Model) talkTexts() []string {
	if t := m.talk(); t != nil {
		return t.sentText
	}
	return nil
}

// cancel leaves what one is in, from the inside out.
func (m *Model) cancel() tea.Cmd {
	c, t := &m.composer, m.talk()
	switch {
	case c.menu != nil:
		c.menu = nil
	case c.edit != nil:
		c.load(t.draft)
	case c.reply != nil:
		c.reply = nil
	case len(m.toasts) > 0:
		m.toasts = nil
	case t != nil && !t.follows():
		return m.toNewest(t)
	case m.narrow():
		m.listShown = true
	}
	return nil
}

// quit leaves the screen, after a question if the node would end with it.
func (m *Model) quit() tea.Cmd {
	keep := m.leaveTalk()
	if !m.opts.InProcess {
		return tea.Sequence(keep, tea.Quit)
	}
	if w, ok := m.top().(*choice); ok && w.leaving { // the second time means it
		return tea.Sequence(keep, tea.Quit)
	}
	m.push(&choice{
		title: m.t.Get("quit.title"), body: wrap(line{sp(plain, m.t.Get("quit.body"))}, 60), leaving: true,
		options: []option{
			{"enter", m.t.Get("quit.stop"), func(*Model) tea.Cmd { return tea.Sequence(keep, tea.Quit) }},
			{"k", m.t.Get("quit.keep"), func(m *Model) tea.Cmd {
				m.leave = true
				return tea.Sequence(keep, tea.Quit)
			}},
		},
	})
	return nil
}
