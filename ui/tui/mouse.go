package tui

import tea "charm.land/bubbletea/v2"

// wheelRows is how far one step of the wheel goes.
const wheelRows = 3

// wheel scrolls what is under the pointer.
func (m *Model) wheel(e tea.Mouse) tea.Cmd {
	by := wheelRows
	if e.Button == tea.MouseWheelDown {
		by = -wheelRows
	}
	if w := m.top(); w != nil {
		act := actUp
		if by < 0 {
			act = actDown
		}
		return w.key(m, "", "", act)
	}
	f := m.panes()
	if f.list > 0 && e.X < f.list {
		if by > 0 {
			return m.step(-1)
		}
		return m.step(1)
	}
	if t := m.talk(); t != nil && t.loaded {
		m.viewport(t).move(by)
	}
	return nil
}

// click opens the chat or selects the message under the pointer.
func (m *Model) click(e tea.Mouse) tea.Cmd {
	if e.Button != tea.MouseLeft || len(m.windows) > 0 {
		return nil
	}
	f := m.layout()
	if onList := f.list > 0 && e.X < f.list || m.narrow() && m.listShown; onList {
		_, refs := m.listRows(max(f.list, 1), f.body)
		if e.Y >= len(refs) {
			return nil
		}
		switch refs[e.Y] {
		case "":
			return nil
		case requestsRow:
			return m.showRequests()
		}
		return m.open(refs[e.Y])
	}
	t := m.talk()
	x := e.X - m.leftOf(f)
	if t == nil || !t.loaded || x < 0 || x >= f.main {
		return nil
	}
	switch y := e.Y - 1; {
	case y < 0 && m.narrow():
		m.listShown = true
	case y >= 0 && y < f.talk:
		if p := m.viewport(t).rows()[y]; p.index >= 0 {
			id := t.msgs[p.index].GetId()
			if m.selecting && t.selected == id {
				m.selecting = false
				return nil
			}
			m.selecting, t.selected = true, id
		}
	case y == f.talk:
		return m.toNewest(t)
	default:
		m.selecting = false
	}
	return nil
}
