package welcome

import (
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"github.com/kith-chat/kith/ui"
)

// maxColumns is how wide a page gets.
const maxColumns = 100

// sheet is a page before it is laid out.
type sheet struct {
	title ui.Text
	intro []ui.Text // left out where there is no room
	body  []ui.Text // lines as they are
	typed bool      // the field stands below
	label ui.Text   // before the field
	keys  ui.Text
}

// View draws the page.
func (m *Model) View() tea.View {
	v := tea.NewView("")
	v.AltScreen = true
	v.WindowTitle = "kith"
	if m.width < 1 || m.height < 1 {
		return v
	}
	rows, x, y := m.draw(m.sheet())
	v.SetContent(strings.Join(rows, "\n"))
	if x >= 0 {
		v.Cursor = tea.NewCursor(min(x, m.width-1), min(y, m.height-1))
	}
	return v
}

// draw lays a page out: the title on top, the keys at the bottom, and between
// them as much as there is room for.
func (m *Model) draw(s sheet) (rows []string, x, y int) {
	columns := min(max(m.width-2, 10), maxColumns)
	var intro []ui.Text
	for _, p := range s.intro {
		intro = append(intro, ui.Wrap(p.String(), columns, columns)...)
	}
	var below []ui.Text
	if !m.err.Empty() {
		below = ui.Wrap(ui.F("✗ %s", m.err).String(), columns, columns)
	}
	var typed []ui.Text
	if s.typed {
		typed = ui.Wrap(ui.F("%s› %s", s.label, m.field.shown()).String(), columns, columns)
	}
	keys := ui.Wrap(s.keys.String(), columns, columns)
	room := max(m.height-1-len(keys)-len(below)-len(typed), 1)
	body := withGaps(intro, s.body, room)
	if len(body) > room {
		keys = ui.Wrap(m.t.Get("welcome.more_keys", s.keys).String(), columns, columns)
		room = max(m.height-1-len(keys)-len(below)-len(typed), 1)
	}
	m.scroll = min(m.scroll, max(len(body)-room, 0))
	body = body[m.scroll:min(m.scroll+room, len(body))]

	add := func(style lipgloss.Style, lines ...ui.Text) {
		for _, l := range lines {
			rows = append(rows, " "+style.Render(ui.Truncate(l, columns).String()))
		}
	}
	plain, bold, faint := lipgloss.NewStyle(), lipgloss.NewStyle().Bold(true), lipgloss.NewStyle().Faint(true)
	add(bold, s.title)
	add(plain, body...)
	x, y = -1, -1
	if s.typed {
		add(plain, typed...)
		y = len(rows) - 1
		x = 1 + ui.Width(typed[len(typed)-1])
		if strings.HasSuffix(m.field.shown(), " ") {
			x++ // wrapping takes spaces at the end away
		}
	}
	add(bold, below...)
	for len(rows) < m.height-len(keys) {
		rows = append(rows, "")
	}
	add(faint, keys...)
	return rows[:min(len(rows), m.height)], x, y
}

// withGaps joins intro and body with empty lines where there is room for them;
// where there is not, the intro goes first.
func withGaps(intro, body []ui.Text, room int) []ui.Text {
	none := ui.Text{}
	var out []ui.Text
	switch all := len(intro) + len(body); {
	case all+3 <= room:
		out = append(out, none)
		out = append(append(out, intro...), none)
		out = append(out, body...)
		if len(body) > 0 {
			out = append(out, none)
		}
	case all <= room:
		out = append(append(out, intro...), body...)
	case len(body) > 0:
		out = append(out, body...)
	default:
		out = append(out, intro...)
	}
	return out
}

// sheet says what the page holds.
func (m *Model) sheet() sheet {
	t := m.t
	switch m.page {
	case pageName:
		return sheet{
			title: t.Get("welcome.title"), intro: []ui.Text{t.Get("welcome.what"), t.Get("welcome.name_intro")},
			typed: true, label: t.Get("welcome.name_label"), keys: t.Get("welcome.name_keys"),
		}
	case pageRestore:
		return sheet{
			title: t.Get("welcome.restore_title"), intro: []ui.Text{t.Get("welcome.restore_intro")},
			typed: true, keys: t.Get("welcome.restore_keys", len(strings.Fields(m.field.String()))),
		}
	case pagePass:
		return sheet{
			title: t.Get("welcome.pass_title"), intro: []ui.Text{t.Get("welcome.pass_intro")},
			typed: true, label: t.Get("welcome.pass_label"), keys: t.Get("welcome.pass_keys"),
		}
	case pageAgain:
		return sheet{
			title: t.Get("welcome.again_title"), typed: true, label: t.Get("welcome.pass_label"), keys: t.Get("welcome.again_keys"),
		}
	case pageMaking:
		return sheet{title: t.Get("welcome.making"), keys: t.Get("welcome.wait_keys")}
	case pagePhrase:
		return sheet{
			title: t.Get("welcome.phrase_title"), intro: []ui.Text{m.guard(), t.Get("welcome.phrase_intro")},
			body: phraseRows(m.made.Phrase, min(m.width-2, maxColumns)), keys: t.Get("welcome.phrase_keys"),
		}
	case pageCheck:
		i, j := m.made.Check[0]+1, m.made.Check[1]+1
		return sheet{
			title: t.Get("welcome.check_title"), intro: []ui.Text{t.Get("welcome.check_intro", i, j)},
			typed: true, label: ui.F("%d, %d ", i, j), keys: t.Get("welcome.check_keys"),
		}
	case pageInvite:
		return m.inviteSheet()
	case pagePeople:
		return m.peopleSheet()
	}
	return sheet{}
}

// guard says what guards the keys.
func (m *Model) guard() ui.Text {
	switch m.made.Guard {
	case "passphrase":
		return m.t.Get("welcome.guard_passphrase")
	case "keyring":
		return m.t.Get("welcome.guard_keyring")
	}
	return m.t.Get("welcome.guard_file")
}

// phraseRows puts the words in columns, each with its number.
func phraseRows(phrase string, columns int) []ui.Text {
	const cell = 12
	each := min(max(columns/cell, 1), 6)
	var out, row []ui.Text
	for i, w := range strings.Fields(phrase) {
		row = append(row, ui.Pad(ui.F("%2d %s", i+1, w), cell))
		if len(row) == each {
			out, row = append(out, ui.Join("", row...)), nil
		}
	}
	if len(row) > 0 {
		out = append(out, ui.Join("", row...))
	}
	return out
}

func (m *Model) inviteSheet() sheet {
	s := sheet{title: m.t.Get("welcome.invite_title"), intro: []ui.Text{m.t.Get("welcome.invite_intro")}, keys: m.t.Get("welcome.invite_keys")}
	if m.api == nil || m.invite == "" {
		s.body = []ui.Text{m.t.Get("welcome.starting")}
		s.keys = m.t.Get("welcome.wait_keys")
		if m.api != nil {
			s.keys = m.t.Get("welcome.invite_keys")
		}
		return s
	}
	columns := min(m.width-2, maxColumns)
	link := ui.Wrap(m.invite, columns, columns)
	code, side := ui.QR(m.qr, false)
	rows := m.height - 3 - len(link)
	if side > 0 && side <= columns && len(code) <= rows {
		s.body = append(code, link...)
		return s
	}
	s.body = append(s.body, link...)
	s.body = append(s.body, ui.Text{})
	s.body = append(s.body, ui.Wrap(m.t.Get("welcome.invite_narrow", side, len(code)+len(link)+3).String(), columns, columns)...)
	return s
}

func (m *Model) peopleSheet() sheet {
	s := sheet{
		title: m.t.Get("welcome.people_title"), intro: []ui.Text{m.t.Get("welcome.people_intro")},
		typed: true, label: m.t.Get("welcome.group_label"), keys: m.t.Get("welcome.people_keys"),
	}
	if len(m.people) == 0 {
		s.intro = []ui.Text{m.t.Get("welcome.people_none")}
	}
	for i, p := range m.people {
		mark := ui.F("  ")
		if m.at == i+1 {
			mark = ui.F("▌ ")
		}
		row := ui.F("%s%s", mark, ui.Stranger(p.GetPerson()))
		if m.asked[p.GetPerson().GetAccount()] {
			row = ui.F("%s  ✓ %s", row, m.t.Get("welcome.asked"))
		}
		s.body = append(s.body, row)
	}
	if m.at == 0 {
		s.label = ui.F("▌ %s", s.label)
	} else {
		s.label = ui.F("  %s", s.label)
	}
	return s
}
