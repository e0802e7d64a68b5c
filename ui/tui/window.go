package tui

import (
	tea "charm.land/bubbletea/v2"

	"github.com/kith-chat/kith/ui"
)

// window is what stands above the chats: the switcher, the search, a question.
// The one on top has the keys.
type window interface {
	// key takes a key that is no editing key of input.
	key(m *Model, name, text string, act action) tea.Cmd
	// view lays the content out on at most that many columns and rows.
	view(m *Model, columns, rows int) sheet
	// input is the line that is typed in, or nil.
	input() *editor
	// changed is called after input has changed.
	changed(m *Model) tea.Cmd
}

// sheet is the content of a window.
type sheet struct {
	title ui.Text
	rows  []line
	foot  line // the keys
	x, y  int  // of the cursor in rows, if the window has an input
	row   int  // that is under the cursor keys; -1 for none
}

// noInput is for windows in which nothing is typed.
type noInput struct{}

func (noInput) input() *editor         { return nil }
func (noInput) changed(*Model) tea.Cmd { return nil }

func (m *Model) top() window {
	if n := len(m.windows); n > 0 {
		return m.windows[n-1]
	}
	return nil
}

func (m *Model) push(w window) tea.Cmd {
	m.windows = append(m.windows, w)
	return nil
}

func (m *Model) pop() {
	if n := len(m.windows); n > 0 {
		m.windows = m.windows[:n-1]
	}
}

// windowKey gives a key to the window on top.
func (m *Model) windowKey(w window, name, text string, act action) tea.Cmd {
	if act == actCancel {
		m.pop()
		return nil
	}
	if in := w.input(); in != nil {
		if act != "" && in.do(act) {
			return w.changed(m)
		}
		if text != "" && act == "" {
			in.insert(text)
			return w.changed(m)
		}
	}
	return w.key(m, name, text, act)
}

// option is a key of a question and what it does.
type option struct {
	key  string
	name ui.Text
	do   func(*Model) tea.Cmd
}

// choice is a question with a few keys; Esc is always no.
type choice struct {
	noInput
	title   ui.Text
	body    []line
	options []option
	leaving bool // it asks whether to leave
}

func (c *choice) key(m *Model, name, text string, _ action) tea.Cmd {
	for _, o := range c.options {
		if o.key == name || o.key == text {
			m.pop()
			return o.do(m)
		}
	}
	return nil
}

func (c *choice) view(m *Model, columns, _ int) sheet {
	s := sheet{title: c.title, row: -1}
	for _, l := range c.body {
		s.rows = append(s.rows, l.fit(columns))
	}
	s.rows = append(s.rows, nil)
	for _, o := range c.options {
		s.rows = append(s.rows, line{sp(accent, ui.Pad(ui.Line(optionKey(o.key)), 7)), sp(plain, o.name)}.fit(columns))
	}
	s.rows = append(s.rows, line{sp(accent, ui.F("Esc    ")), sp(plain, m.t.Get("window.no"))}.fit(columns))
	return s
}

// optionKey writes the key of an option: a letter as it is typed.
func optionKey(key string) string {
	if len(key) == 1 {
		return key
	}
	return keyName(key)
}

// pager shows lines that may be more than fit.
type pager struct {
	noInput
	title ui.Text
	lines func(m *Model, columns int) []line
	at    int // first line in sight
	tail  bool
}

func (p *pager) key(m *Model, name, text string, act action) tea.Cmd {
	p.tail = false
	switch {
	case act == actUp || text == "k":
		p.at--
	case act == actDown || text == "j":
		p.at++
	case act == actPageUp:
		p.at -= 10
	case act == actPageDown || text == " ":
		p.at += 10
	case act == editHome || text == "g":
		p.at = 0
	case act == editEnd || text == "G":
		p.tail = true
	case act == actSend || text == "q":
		m.pop()
	}
	_ = name
	return nil
}

func (p *pager) view(m *Model, columns, rows int) sheet {
	all := p.lines(m, columns)
	last := max(len(all)-rows, 0)
	if p.tail {
		p.at = last
	}
	p.at = min(max(p.at, 0), last)
	s := sheet{title: p.title, row: -1, rows: all[p.at:min(p.at+rows, len(all))]}
	if last > 0 {
		s.foot = line{sp(faint, m.t.Get("window.more", p.at+1, min(p.at+rows, len(all)), len(all)))}
	}
	return s
}

// picker is a list with a line to type in above it.
type picker struct {
	editor
	at   int
	rows int // how many entries there are, for the cursor
}

func (p *picker) input() *editor { return &p.editor }

func (p *picker) move(act action) bool {
	switch act {
	case actUp, actPrevChat, actCompleteB:
		p.at--
	case actDown, actNextChat, actComplete:
		p.at++
	case actPageUp:
		p.at -= 8
	case actPageDown:
		p.at += 8
	default:
		return false
	}
	if act == actUp || act == actDown || act == actComplete || act == actCompleteB {
		p.at = (p.at + p.rows) % max(p.rows, 1)
	}
	p.at = min(max(p.at, 0), max(p.rows-1, 0))
	return true
}

// sheet puts the typed line above the entries and keeps the one under the
// cursor in sight.
func (p *picker) sheet(title, hint ui.Text, entries []line, columns, rows int) sheet {
	p.rows = len(entries)
	p.at = min(max(p.at, 0), max(p.rows-1, 0))
	text, x, _ := p.editor.rows(1 << 20)
	typed := line{own(accent, "› "), {text[0], plain}}
	if p.empty() {
		typed = line{own(accent, "› "), sp(faint, hint)}
	}
	room := max(rows-2, 1)
	from := max(0, p.at-room+1)
	s := sheet{title: title, rows: []line{typed.fit(columns), {rule(faint, columns)}}, x: min(x+2, columns-1), y: 0, row: -1}
	for i := from; i < min(len(entries), from+room); i++ {
		mark := own(accent, "  ")
		if i == p.at {
			mark = own(accent, "▸ ")
			s.row = len(s.rows)
		}
		s.rows = append(s.rows, append(line{mark}, entries[i]...).fit(columns))
	}
	return s
}
