package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

const (
	// listFrom and sideFrom are the columns from which on the list and the
	// members have panes of their own.
	listFrom = 64
	sideFrom = 104
	// minWidth and minHeight are the smallest screen that is drawn.
	minWidth, minHeight = 20, 6
)

// frame says where everything is.
type frame struct {
	list, main, side int // columns; 0: no such pane
	body             int // rows above the status line
	talk             int // rows of the conversation
	compose          []line
	x, y             int // of the cursor within compose
}

func (m *Model) narrow() bool { return m.width < listFrom }

// talkVisible reports whether the conversation is on the screen.
func (m *Model) talkVisible() bool { return !m.narrow() || !m.listShown }

func (m *Model) composerColumns() int { return m.panes().main - 3 }

// panes divides the columns.
func (m *Model) panes() frame {
	f := frame{main: m.width, body: max(m.height-1, 1)}
	if !m.narrow() {
		f.list = min(max(m.width/4, 20), 30)
		f.main -= f.list + 1
	}
	if m.side && m.width >= sideFrom && m.current != "" {
		f.side = min(max(m.width/6, 18), 26)
		f.main -= f.side + 1
	}
	return f
}

// layout divides the rows too.
func (m *Model) layout() frame {
	f := m.panes()
	f.compose, f.x, f.y = m.composerRows(f.main)
	if most := max(f.body-4, 1); len(f.compose) > most {
		cut := len(f.compose) - most
		f.compose, f.y = f.compose[cut:], max(f.y-cut, 0)
	}
	f.talk = max(f.body-2-len(f.compose), 1)
	return f
}

func (m *Model) viewport(t *talk) viewport {
	f := m.layout()
	return viewport{t: t, height: f.talk, rowsOf: func(i int) []line { return m.rowsOf(t, i, f.main) }}
}

// View draws the screen.
func (m *Model) View() tea.View {
	v := tea.NewView("")
	v.AltScreen, v.ReportFocus = true, true
	if m.prefs["mouse"] != "off" {
		v.MouseMode = tea.MouseModeCellMotion
	}
	v.WindowTitle = "kith"
	if n := m.unread(); n > 0 {
		v.WindowTitle = ui.F("kith (%d)", n).String()
	}
	if m.width < minWidth || m.height < minHeight {
		v.SetContent(ansi.Truncate(m.t.Get("screen.small").String(), max(m.width, 0), ""))
		return v
	}
	f := m.layout()
	rows := m.drawPanes(f)
	x, y := -1, -1
	if m.talkVisible() && !m.selecting {
		x, y = m.leftOf(f)+f.x, f.body-len(f.compose)+f.y
	}
	if w := m.top(); w != nil {
		x, y = m.drawWindow(rows, w)
	}
	v.SetContent(strings.Join(rows, "\n"))
	if x >= 0 {
		v.Cursor = tea.NewCursor(min(x, m.width-1), y)
	}
	return v
}

// leftOf is the column in which the main pane begins.
func (m *Model) leftOf(f frame) int {
	if f.list == 0 {
		return 0
	}
	return f.list + 1
}

func (m *Model) drawPanes(f frame) []string {
	out := make([]string, 0, m.height)
	if m.narrow() && m.listShown {
		list, refs := m.listRows(f.main, f.body)
		for y := range f.body {
			out = append(out, m.listCell(list, refs, y, f.main))
		}
		return append(out, m.statusRow())
	}
	var list, side []line
	var refs []string
	if f.list > 0 {
		list, refs = m.listRows(f.list, f.body)
	}
	if f.side > 0 {
		side = m.memberRows(f.side - 1)
	}
	main := m.mainRows(f)
	bar := m.theme.row(line{own(faint, "│")}, 1, plain)
	for y := range f.body {
		var b strings.Builder
		if f.list > 0 {
			b.WriteString(m.listCell(list, refs, y, f.list))
			b.WriteString(bar)
		}
		b.WriteString(main[y])
		if f.side > 0 {
			b.WriteString(bar)
			var l line
			if y < len(side) {
				l = append(line{gap(1)}, side[y]...)
			}
			b.WriteString(m.theme.row(l, f.side, plain))
		}
		out = append(out, b.String())
	}
	return append(out, m.statusRow())
}

func (m *Model) listCell(list []line, refs []string, y, columns int) string {
	if y >= len(list) {
		return strings.Repeat(" ", columns)
	}
	base := plain
	if refs[y] != "" && refs[y] == m.current {
		base = chosen
	}
	return m.theme.row(list[y], columns, base)
}

// mainRows draws the conversation with its header, rule and composer.
func (m *Model) mainRows(f frame) []string {
	out := make([]string, 0, f.body)
	put := func(l line, base role) { out = append(out, m.theme.row(l, f.main, base)) }
	put(m.header(f.main), bar)
	for _, r := range m.talkRows(f) {
		base := plain
		if r.chosen {
			base = chosen
		}
		put(r.line, base)
	}
	put(m.ruleRow(f.main), plain)
	for _, l := range f.compose {
		put(l, plain)
	}
	m.overlayToasts(out, f)
	m.overlayMenu(out, f)
	for len(out) < f.body {
		put(nil, plain)
	}
	return out[:f.body]
}

type talkRow struct {
	line   line
	chosen bool
}

func (m *Model) talkRows(f frame) []talkRow {
	out := make([]talkRow, f.talk)
	t := m.talk()
	if t == nil || !t.loaded || len(t.msgs) == 0 {
		for i, l := range centred(m.emptyRows(t, f.main-2), f.talk) {
			out[i].line = append(line{gap(1)}, l...)
		}
		return out
	}
	v := viewport{t: t, height: f.talk, rowsOf: func(i int) []line { return m.rowsOf(t, i, f.main) }}
	for i, p := range v.rows() {
		out[i].line = p.line
		out[i].chosen = m.selecting && p.index >= 0 && t.msgs[p.index].GetId() == t.selected
	}
	return out
}

// centred puts rows in the middle of n.
func centred(rows []line, n int) []line {
	out := make([]line, n)
	if len(rows) > n {
		rows = rows[:n]
	}
	copy(out[(n-len(rows))/2:], rows)
	return out
}

// header names the open chat and says what it is about.
func (m *Model) header(columns int) line {
	c := m.chat()
	if c == nil {
		return line{gap(1), sp(strong, ui.F("kith"))}
	}
	left := line{gap(1), m.presence(c), gap(1), sp(strong, m.chatName(c))}
	if c.GetKind() == apiv1.ChatKind_CHAT_KIND_DIRECT && m.friends[c.GetPeer().GetAccount()].GetVerified() {
		left = append(left, gap(1), own(good, "✓"))
	}
	if topic := ui.Line(c.GetTopic()); !topic.Empty() {
		left = append(left, gap(2), sp(faint, topic))
	}
	var right line
	if m.muted(c) {
		right = append(right, sp(faint, m.t.Get("header.muted")), gap(2))
	}
	switch {
	case c.GetKind() != apiv1.ChatKind_CHAT_KIND_DIRECT:
		right = append(right, sp(faint, m.t.Get("header.members", max(int(c.GetMembers()), len(m.members[c.GetRef()]))+1)))
	case m.friends[c.GetPeer().GetAccount()].GetOnline():
		right = append(right, sp(good, m.t.Get("people.online")))
	default:
		right = append(right, sp(faint, m.t.Get("people.offline")))
	}
	return apart(left, append(right, gap(1)), columns).over(bar)
}

// ruleRow stands above the composer: who is typing, what the keys do to a
// selected message, or how much is below.
func (m *Model) ruleRow(columns int) line {
	t := m.talk()
	switch {
	case m.selecting:
		return ruled(sp(accent, m.t.Get("rule.select")), columns)
	case t != nil && !t.follows():
		return ruled(sp(warn, m.t.Get("rule.below")), columns)
	}
	if who := m.typists(); !who.Empty() {
		return ruled(sp(faint, who), columns)
	}
	return line{rule(faint, columns)}
}

func ruled(s span, columns int) line {
	l := line{own(faint, "─ "), s}.fit(columns - 1)
	return append(l, gap(1), rule(faint, columns-l.width()-1))
}

// typists says who is typing in the open chat.
func (m *Model) typists() ui.Text {
	var names []ui.Text
	for _, w := range m.typing[m.current] {
		names = append(names, ui.Truncate(ui.Stranger(w.who), 20))
	}
	switch len(names) {
	case 0:
		return ui.Text{}
	case 1:
		return m.t.Get("rule.typing", names[0])
	}
	return m.t.Get("rule.typing_many", len(names))
}

func (m *Model) overlayToasts(rows []string, f frame) {
	for i, t := range m.toasts {
		if at := 1 + i; at < len(rows)-1 {
			l := append(line{gap(1), t.kind.mark()}, sp(plain, t.text))
			rows[at] = m.theme.row(l, f.main, bar)
		}
	}
}

// overlayMenu shows completions above the composer.
func (m *Model) overlayMenu(rows []string, f frame) {
	menu := m.composer.menu
	if menu == nil {
		return
	}
	from := 1 + f.talk - len(menu.items)
	for i, item := range menu.items {
		at := from + i + 1
		if at < 1 || at >= len(rows) {
			continue
		}
		mark, base := own(accent, "  "), bar
		if i == menu.at {
			mark, base = own(accent, "▸ "), chosen
		}
		rows[at] = m.theme.row(append(line{mark}, item.show...), f.main, base)
	}
}

// drawWindow draws a window over the rows and returns its cursor.
func (m *Model) drawWindow(rows []string, w window) (x, y int) {
	outer := min(m.width, 84)
	if m.width >= 50 {
		outer = min(m.width-4, 84)
	}
	inner := outer - 4
	most := max(m.height-5, 1)
	s := w.view(m, inner, most)
	if len(s.rows) > most {
		s.rows = s.rows[:most]
	}
	tall := len(s.rows) + 2
	left, top := (m.width-outer)/2, max((m.height-tall)/3, 0)
	var box []string
	title := line{own(accent, "╭─ "), sp(strong, s.title), gap(1)}.fit(outer - 1)
	title = append(title, rule(accent, outer-1-title.width()), own(accent, "╮"))
	box = append(box, m.theme.row(title, outer, plain))
	for i, l := range s.rows {
		base := plain
		if i == s.row {
			base = chosen
		}
		edge := m.theme.row(line{own(accent, "│")}, 1, plain)
		box = append(box, edge+m.theme.row(append(line{gap(1)}, l.fill(inner)...), outer-2, base)+edge)
	}
	foot := line{own(accent, "╰─")}
	if s.foot != nil {
		foot = append(append(foot, gap(1)), s.foot...)
		foot = append(foot.fit(outer-3), gap(1))
	}
	foot = append(foot, rule(accent, outer-1-foot.width()), own(accent, "╯"))
	box = append(box, m.theme.row(foot, outer, plain))
	for i, b := range box {
		if at := top + i; at < len(rows) {
			rows[at] = m.beside(rows[at], b, left, outer)
		}
	}
	if w.input() == nil {
		return -1, -1
	}
	return left + 2 + s.x, top + 1 + s.y
}

// beside puts a row of a window over a row of the screen, with room around it.
func (m *Model) beside(row, box string, left, outer int) string {
	right := m.width - left - outer
	if left < 8 {
		return strings.Repeat(" ", left) + box + strings.Repeat(" ", right)
	}
	head, tail := ansi.Cut(row, 0, left-1), ansi.Cut(row, left+outer+1, m.width)
	if ansi.StringWidth(tail) > right-1 { // a wide character was cut in half
		tail = ansi.Cut(row, left+outer+2, m.width)
	}
	pad := strings.Repeat(" ", max(left-ansi.StringWidth(head), 0))
	return head + reset + pad + box + strings.Repeat(" ", max(right-ansi.StringWidth(tail), 0)) + tail + reset
}
