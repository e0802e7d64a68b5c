package tui

import (
	"strings"
	"time"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

// groupSpan is how close two messages of one person stand together.
const groupSpan = 5 * time.Minute

// laid is a message that was laid out, and what it depends on besides itself.
type laid struct {
	m       *apiv1.Message
	columns int
	head    head
	file    *apiv1.Transfer
	picture *shown
	look    int // revision of theme, names and words
	rows    []line
}

// head is what stands above a message.
type head struct {
	day    bool // the first of its day
	author bool // the first of its author's group
	unread bool // the first that was not read
	days   int  // the day it is seen on: "today" does not stay so
}

// headOf says what stands above message i.
func (m *Model) headOf(t *talk, i int) head {
	msg := t.msgs[i]
	h := head{author: true, day: true, days: m.today}
	if t.readUpTo != "" && !msg.GetFrom().GetSelf() {
		h.unread = m.firstUnread(t) == i
	}
	if i == 0 {
		return h
	}
	prev := t.msgs[i-1]
	a, b := ui.Moment(prev.GetTimeMs()).Local(), ui.Moment(msg.GetTimeMs()).Local()
	h.day = a.YearDay() != b.YearDay() || a.Year() != b.Year()
	h.author = h.day || h.unread || !sameAuthor(prev, msg) || b.Sub(a) > groupSpan || notice(prev) != notice(msg)
	return h
}

func sameAuthor(a, b *apiv1.Message) bool {
	return a.GetFrom().GetAccount() == b.GetFrom().GetAccount() && a.GetFrom().GetSelf() == b.GetFrom().GetSelf()
}

// notice reports whether a message is something that happened, not something
// that was said.
func notice(m *apiv1.Message) bool {
	switch m.GetKind() {
	case "text", "file", "foreign", "":
		return false
	}
	return true
}

// firstUnread returns the place of the first message after those that were
// read when the conversation was opened; -1 if there is none.
func (m *Model) firstUnread(t *talk) int {
	mark := t.byID[t.readUpTo]
	if mark == nil {
		return -1
	}
	i, _ := t.index(mark)
	for i++; i < len(t.msgs); i++ {
		if !t.msgs[i].GetFrom().GetSelf() {
			return i
		}
	}
	return -1
}

// rowsOf lays out message i, or returns it as it was laid out before.
func (m *Model) rowsOf(t *talk, i, columns int) []line {
	msg := t.msgs[i]
	h := m.headOf(t, i)
	file := m.transfers[msg.GetId()]
	l := t.laid[msg.GetId()]
	if l != nil && l.m == msg && l.columns == columns && l.head == h && l.file == file && l.picture == m.pictures[msg.GetId()] && l.look == m.look {
		return l.rows
	}
	l = &laid{m: msg, columns: columns, head: h, file: file, picture: m.pictures[msg.GetId()], look: m.look}
	l.rows = m.layMessage(msg, h, columns)
	t.laid[msg.GetId()] = l
	return l.rows
}

// layMessage makes the rows of a message, those above it included.
func (m *Model) layMessage(msg *apiv1.Message, h head, columns int) []line {
	var rows []line
	if h.day {
		rows = append(rows, titled(faint, m.t.Day(msg.GetTimeMs(), m.now().Local()), columns))
	}
	if h.unread {
		rows = append(rows, titled(warn, m.t.Get("talk.new"), columns))
	}
	if notice(msg) {
		return append(rows, indent(wrap(line{sp(faint, m.noticeText(msg))}, columns-4), own(faint, " ∙ "), gap(3))...)
	}
	if h.author {
		if !h.day && !h.unread {
			rows = append(rows, nil)
		}
		rows = append(rows, m.authorLine(msg, columns))
	}
	gutter := gap(3)
	if msg.GetMentionsMe() {
		gutter = own(mention, " ▌ ")
	}
	body := m.layBody(msg, columns-4)
	if right := m.remark(msg); right.width() > 0 {
		body = beside(body, right, columns-4)
	}
	return append(rows, indent(body, gutter, gutter)...)
}

// titled is a horizontal line with a word in it.
func titled(r role, t ui.Text, columns int) line {
	w := ui.Width(t) + 2
	if columns < w+4 {
		return line{sp(r, t)}.fit(columns)
	}
	left := (columns - w) / 2
	return line{rule(r, left), own(r, " "), sp(r, t), own(r, " "), rule(r, columns-w-left)}
}

// beside puts a remark at the right end of the last row, or under it.
func beside(rows []line, right line, columns int) []line {
	n := len(rows) - 1
	if n < 0 || rows[n].width()+right.width()+1 > columns {
		rows, n = append(rows, nil), n+1
	}
	rows[n] = apart(rows[n], right, columns)
	return rows
}

func (m *Model) authorLine(msg *apiv1.Message, columns int) line {
	p := msg.GetFrom()
	r, name := personRole(p.GetAccount()), m.t.Name(p)
	if p.GetSelf() {
		r = accent
	}
	l := line{gap(1), sp(r, ui.Truncate(name, max(columns-14, 8))), gap(2), sp(faint, ui.Clock(msg.GetTimeMs()))}
	if msg.GetLate() {
		l = append(l, gap(1), sp(warn, m.t.Get("talk.late", ui.Stamp(msg.GetArrivedMs()))))
	}
	return l.fit(columns)
}

// remark is what stands to the right of a message: how far it came, and that
// it was edited or pinned.
func (m *Model) remark(msg *apiv1.Message) line {
	var l line
	add := func(s span) {
		if len(l) > 0 {
			l = append(l, gap(1))
		}
		l = append(l, s)
	}
	if msg.GetPinned() {
		add(sp(faint, m.t.Get("talk.pinned")))
	}
	if msg.GetEdited() && !msg.GetRetracted() {
		add(sp(faint, m.t.Get("talk.edited")))
	}
	if msg.GetExpiresMs() > 0 {
		add(own(faint, "⧖"))
	}
	if msg.GetFrom().GetSelf() {
		add(stateMark(msg.GetState()))
	}
	return l
}

// stateMark is the sign of a delivery state; help explains the signs.
func stateMark(s apiv1.State) span {
	switch s {
	case apiv1.State_STATE_QUEUED:
		return own(warn, "◌")
	case apiv1.State_STATE_SENT:
		return own(faint, "✓")
	case apiv1.State_STATE_STORED:
		return own(faint, "⧉")
	case apiv1.State_STATE_DELIVERED:
		return own(faint, "✓✓")
	case apiv1.State_STATE_READ:
		return own(good, "◉")
	case apiv1.State_STATE_REFUSED:
		return own(alert, "✗")
	case apiv1.State_STATE_UNSPECIFIED, apiv1.State_STATE_RECEIVED:
	}
	return span{}
}

// layBody lays out what was said, the quote above it and the reactions below.
func (m *Model) layBody(msg *apiv1.Message, columns int) []line {
	var rows []line
	if msg.GetReplyTo() != "" {
		rows = append(rows, m.quoteLine(msg, columns))
	}
	switch {
	case msg.GetRetracted():
		rows = append(rows, line{sp(faint, m.t.Get("talk.retracted"))}.fit(columns))
	case msg.GetFile() != nil:
		rows = append(rows, m.layFile(msg, columns)...)
		if strings.TrimSpace(msg.GetText()) != "" {
			rows = append(rows, m.layText(msg, columns)...)
		}
	default:
		rows = append(rows, m.layText(msg, columns)...)
	}
	if msg.GetState() == apiv1.State_STATE_REFUSED {
		why := m.t.Get("talk.refused", ui.Line(msg.GetRefused()))
		rows = append(rows, wrap(line{sp(alert, why)}, columns)...)
	}
	if len(msg.GetReactions()) > 0 {
		rows = append(rows, reactions(msg, columns)...)
	}
	return rows
}

func (m *Model) layText(msg *apiv1.Message, columns int) []line {
	rows := layout(m.markdown, msg.GetText(), columns, m.named)
	const most = 400
	if len(rows) > most {
		left := len(rows) - most
		rows = append(rows[:most:most], line{sp(faint, m.t.Get("talk.cut", left))})
	}
	return rows
}

func (m *Model) quoteLine(msg *apiv1.Message, columns int) line {
	q := msg.GetQuote()
	if q == nil || q.GetFrom() == nil && q.GetText() == "" {
		return line{own(quote, "╭ "), sp(quote, m.t.Get("talk.quoteless"))}.fit(columns)
	}
	return line{
		own(quote, "╭ "), sp(personRole(q.GetFrom().GetAccount()), ui.Truncate(m.t.Name(q.GetFrom()), 24)),
		own(quote, ": "), sp(quote, ui.Line(q.GetText())),
	}.fit(columns)
}

func reactions(msg *apiv1.Message, columns int) []line {
	var l line
	for _, r := range msg.GetReactions() {
		look := badge
		if r.GetMine() {
			look = accent
		}
		t := ui.Truncate(ui.Line(r.GetEmoji()), 12)
		if r.GetMine() {
			l = append(l, sp(look, ui.F("[%s %d]", t, r.GetCount())), gap(1))
			continue
		}
		l = append(l, sp(look, ui.F(" %s %d ", t, r.GetCount())), gap(1))
	}
	return wrap(l, columns)
}

// named reports whether a word after @ names us or somebody we know.
func (m *Model) named(word string) bool {
	w := strings.ToLower(word)
	return m.names[w]
}

// noticeText says what happened.
func (m *Model) noticeText(msg *apiv1.Message) ui.Text {
	t := ui.Line(msg.GetText())
	if t.Empty() {
		t = ui.Line(msg.GetKind())
	}
	return ui.F("%s  %s: %s", ui.Clock(msg.GetTimeMs()), m.t.Name(msg.GetFrom()), t)
}
