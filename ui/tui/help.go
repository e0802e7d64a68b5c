package tui

import (
	"strings"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

// newHelp lists every key, sign and command.
func newHelp(m *Model) *pager {
	return &pager{title: m.t.Get("help.title"), lines: (*Model).helpRows}
}

func (m *Model) helpRows(columns int) []line {
	h := helper{m: m, columns: columns}
	h.going()
	h.writing()
	h.selecting()
	h.signs()
	h.head(m.t.Get("help.commands"))
	for _, e := range m.commands() {
		h.row(ui.F("/%s %s", e.Name, e.Args).String(), e.Short)
	}
	h.out = append(h.out, nil)
	h.out = append(h.out, wrap(line{sp(faint, m.t.Get("help.remap"))}, columns)...)
	return h.out
}

func (h *helper) going() {
	m := h.m
	h.head(m.t.Get("help.go"))
	h.key(actSwitch, m.t.Get("help.switch"))
	h.row("Alt-1…9", m.t.Get("help.number"))
	h.key(actPrevChat, m.t.Get("help.previous"))
	h.key(actNextChat, m.t.Get("help.next"))
	h.key(actUnread, m.t.Get("help.unread"))
	h.key(actSearch, m.t.Get("help.search"))
	h.key(actPageUp, m.t.Get("help.pageup"))
	h.key(actPageDown, m.t.Get("help.pagedown"))
	h.row("End", m.t.Get("help.newest"))
	h.key(actFirstNew, m.t.Get("help.firstunread"))
	h.key(actList, m.t.Get("help.list"))
	h.key(actMembers, m.t.Get("help.members"))
	h.key(actRequests, m.t.Get("help.requests"))
	h.key(actMute, m.t.Get("help.mute"))
	h.key(actReadAll, m.t.Get("help.readall"))
	h.key(actLog, m.t.Get("help.log"))
	h.key(actRedraw, m.t.Get("help.redraw"))
	h.key(actQuit, m.t.Get("help.quit"))
}

func (h *helper) writing() {
	m := h.m
	h.head(m.t.Get("help.write"))
	h.key(actSend, m.t.Get("help.send"))
	h.key(editNewline, m.t.Get("help.newline"))
	h.key(actComplete, m.t.Get("help.complete"))
	h.key(actUp, m.t.Get("help.history"))
	for _, b := range bindings() {
		if b.edit && b.act != editNewline {
			h.row(keyNames(m.keys.keys[b.act]), m.editName(b.act))
		}
	}
}

func (h *helper) selecting() {
	m := h.m
	h.head(m.t.Get("help.select"))
	h.key(actSelect, m.t.Get("help.selectkey"))
	h.row("r", m.t.Get("help.reply"))
	h.row("+", m.t.Get("help.react"))
	h.row("e", m.t.Get("help.edit"))
	h.row("d", m.t.Get("help.retract"))
	h.row("y", m.t.Get("help.copy"))
	h.row("i", m.t.Get("help.details"))
	h.row("a  n", m.t.Get("help.file"))
	h.row("s", m.t.Get("help.saveas"))
	h.row("o", m.t.Get("help.open"))
	h.row("v", m.t.Get("help.picture"))
}

func (h *helper) signs() {
	m := h.m
	h.head(m.t.Get("help.signs"))
	for _, s := range []apiv1.State{
		apiv1.State_STATE_QUEUED, apiv1.State_STATE_SENT, apiv1.State_STATE_STORED, apiv1.State_STATE_DELIVERED,
		apiv1.State_STATE_READ, apiv1.State_STATE_REFUSED,
	} {
		h.sign(stateMark(s), m.t.State(s))
	}
	h.sign(own(good, "●"), m.t.Get("people.online"))
	h.sign(own(faint, "○"), m.t.Get("people.offline"))
	h.sign(own(faint, "⊘"), m.t.Get("help.muted"))
	h.sign(own(faint, "✎"), m.t.Get("help.draft"))
	h.sign(own(faint, "^"), m.t.Get("help.pinned"))
}

type helper struct {
	m       *Model
	columns int
	out     []line
}

func (h *helper) head(t ui.Text) {
	if len(h.out) > 0 {
		h.out = append(h.out, nil)
	}
	h.out = append(h.out, line{sp(strong, t)})
}

func (h *helper) row(keys string, what ui.Text) {
	n := min(26, h.columns/2)
	left := line{gap(1), sp(accent, ui.Line(keys))}
	if left.width() > n {
		h.out = append(h.out, left.fit(h.columns))
		left = nil
	}
	for i, l := range wrap(line{sp(plain, what)}, h.columns-n-1) {
		head := line{gap(n + 1)}
		if i == 0 {
			head = append(left.fill(n), gap(1))
		}
		h.out = append(h.out, append(head, l...))
	}
}

func (h *helper) key(a action, what ui.Text) { h.row(keyNames(h.m.keys.keys[a]), what) }

func (h *helper) sign(s span, what ui.Text) {
	h.out = append(h.out, append(line{gap(1), s}.fill(8), sp(plain, what)).fit(h.columns))
}

func keyNames(keys []string) string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = keyName(k)
	}
	return strings.Join(names, "  ")
}

// editName says what an editing key does.
func (m *Model) editName(a action) ui.Text {
	switch a {
	case editLeft:
		return m.t.Get("edit.left")
	case editRight:
		return m.t.Get("edit.right")
	case editHome:
		return m.t.Get("edit.home")
	case editEnd:
		return m.t.Get("edit.end")
	case editWordLeft:
		return m.t.Get("edit.wordleft")
	case editWordRight:
		return m.t.Get("edit.wordright")
	case editBackspace:
		return m.t.Get("edit.backspace")
	case editDelete:
		return m.t.Get("edit.delete")
	case editKillWord:
		return m.t.Get("edit.killword")
	case editKillWordLeft:
		return m.t.Get("edit.killwordleft")
	case editKillWordRight:
		return m.t.Get("edit.killwordright")
	case editKillStart:
		return m.t.Get("edit.killstart")
	case editKillEnd:
		return m.t.Get("edit.killend")
	case editYank:
		return m.t.Get("edit.yank")
	case editTranspose:
		return m.t.Get("edit.transpose")
	}
	return ui.Line(string(a))
}
