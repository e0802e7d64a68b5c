package tui

import (
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

const (
	// draftAfter is how long nothing must be typed before a draft is kept.
	draftAfter = 800 * time.Millisecond
	// typingEvery is how often we say that we are typing.
	typingEvery = 4 * time.Second
	// manyLines is from how many lines on a paste is asked about.
	manyLines = 5
	// maxHistory is how many sent texts a chat remembers.
	maxHistory = 100
	// maxComposer is how many rows the composer takes at most.
	maxComposer = 8
)

// composer is where a message is written: the text, what it answers or
// replaces, and the texts that were sent before.
type composer struct {
	editor
	reply   *apiv1.Message
	edit    *apiv1.Message
	history int // which of the sent texts is shown, counted from the newest; -1: none
	stash   string
	menu    *menu
	change  int // counts changes, for timers
	told    time.Time
}

// load starts anew with a draft.
func (c *composer) load(draft string) {
	killed := c.killed
	*c = composer{history: -1, change: c.change + 1}
	c.killed = killed
	c.set(draft)
}

// changed is called after each change of the text.
func (m *Model) changed() tea.Cmd {
	c := &m.composer
	c.change++
	n, t := c.change, m.talk()
	m.suggest()
	if t == nil || c.edit != nil {
		return nil
	}
	cmds := []tea.Cmd{m.after(draftAfter, func(m *Model) tea.Cmd {
		if m.composer.change != n || m.current != t.ref {
			return nil
		}
		return m.keepDraft(t)
	})}
	if !c.empty() && c.chars[0] != "/" && m.now().Sub(c.told) > typingEvery && m.prefs["typing"] != "off" {
		c.told = m.now()
		cmds = append(cmds, quiet(m, m.api.Chats.SignalTyping, &apiv1.SignalTypingRequest{Chat: t.ref}, nil))
	}
	return tea.Batch(cmds...)
}

// keepDraft gives the draft to the node if it has changed.
func (m *Model) keepDraft(t *talk) tea.Cmd {
	text := m.composer.String()
	if m.composer.edit != nil || text == t.draft || m.current != t.ref {
		return nil
	}
	t.draft = text
	if c := m.chats[t.ref]; c != nil {
		c.Draft = text
	}
	return quiet(m, m.api.Chats.SetChat, &apiv1.SetChatRequest{Chat: t.ref, Draft: &text}, nil)
}

// submit sends what is written, or does what it says.
func (m *Model) submit() tea.Cmd {
	c, t := &m.composer, m.talk()
	text := strings.TrimSpace(c.String())
	if text == "" {
		return nil
	}
	if strings.HasPrefix(text, "/") && !strings.HasPrefix(text, "//") && c.edit == nil {
		c.load("")
		return tea.Batch(m.remember(t, text), m.command(text[1:]))
	}
	if t == nil {
		return m.say(toastWarn, m.t.Get("toast.nochat", m.keys.show(actSwitch)))
	}
	text = strings.TrimPrefix(text, "/")
	if edit := c.edit; edit != nil {
		c.load(t.draft)
		return m.sendEdit(edit, text)
	}
	reply := c.reply
	c.load("")
	m.viewport(t).newest()
	return tea.Batch(m.remember(t, text), m.keepDraft(t), m.send(t, text, reply))
}

func (m *Model) send(t *talk, text string, reply *apiv1.Message) tea.Cmd {
	req := &apiv1.SendRequest{Chat: t.ref, Text: ui.Emojize(text), RawText: true, ReplyTo: reply.GetId()}
	return askOr(m, m.api.Chats.Send, req, func(m *Model, r *apiv1.SendResponse) tea.Cmd {
		if t.newer { // the end is not held: go there
			return m.reload(t)
		}
		if t.byID[r.GetMessage().GetId()] == nil {
			t.put(r.GetMessage())
		}
		t.readUpTo = ""
		return nil
	}, func(m *Model) {
		if m.current == t.ref && m.composer.empty() { // what was written is not lost
			m.composer.load(text)
			m.composer.reply = reply
		}
	})
}

func (m *Model) sendEdit(msg *apiv1.Message, text string) tea.Cmd {
	return askOr(m, m.api.Chats.Edit, &apiv1.EditRequest{Id: msg.GetId(), Text: ui.Emojize(text)}, func(m *Model, r *apiv1.EditResponse) tea.Cmd {
		return m.hearMessage(r.GetMessage(), false)
	}, func(m *Model) {
		if m.composer.empty() {
			m.composer.load(text)
			m.composer.edit = msg
		}
	})
}

// remember keeps a text for the history of the composer.
func (m *Model) remember(t *talk, text string) tea.Cmd {
	if t == nil {
		return nil
	}
	if n := len(t.sentText); n == 0 || t.sentText[n-1] != text {
		t.sentText = append(t.sentText, text)
	}
	if len(t.sentText) > maxHistory {
		t.sentText = t.sentText[1:]
	}
	return nil
}

// recall shows an older (1) or newer (-1) text that was sent.
func (m *Model) recall(by int) bool {
	c, t := &m.composer, m.talk()
	if t == nil || c.edit != nil {
		return false
	}
	n := c.history + by
	if n < -1 || n >= len(t.sentText) {
		return false
	}
	if c.history < 0 {
		c.stash = c.String()
	}
	c.history = n
	if n < 0 {
		c.set(c.stash)
		return true
	}
	c.set(t.sentText[len(t.sentText)-1-n])
	return true
}

// paste takes a pasted text; one of many lines is asked about.
func (m *Model) paste(s string) tea.Cmd {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	if w := m.top(); w != nil {
		if in := w.input(); in != nil {
			in.insert(s)
			return w.changed(m)
		}
		return nil
	}
	if n := strings.Count(strings.TrimRight(s, "\n"), "\n") + 1; n >= manyLines {
		m.push(&choice{
			title: m.t.Get("paste.title", n),
			body:  pasteBody(s),
			options: []option{
				{"enter", m.t.Get("paste.insert"), func(m *Model) tea.Cmd { m.composer.insert(s); return m.changed() }},
				{"c", m.t.Get("paste.code"), func(m *Model) tea.Cmd {
					m.composer.insert("```\n" + strings.TrimRight(s, "\n") + "\n```\n")
					return m.changed()
				}},
			},
		})
		return nil
	}
	m.selecting = false
	m.composer.insert(s)
	return m.changed()
}

func pasteBody(s string) []line {
	var out []line
	for i, t := range ui.Block(s) {
		if i == 6 {
			out = append(out, line{own(faint, "…")})
			break
		}
		out = append(out, line{sp(code, t)})
	}
	return out
}

// composerRows lays the composer out and says where its cursor is.
func (m *Model) composerRows(columns int) (rows []line, x, y int) {
	c := &m.composer
	if what, msg := "", c.reply; msg != nil || c.edit != nil {
		if what = m.t.Get("composer.reply").String(); c.edit != nil {
			what, msg = m.t.Get("composer.edit").String(), c.edit
		}
		rows = append(rows, line{sp(accent, ui.Line(what)), gap(1), sp(quote, ui.Line(msg.GetText())), gap(1)}.fit(columns))
	}
	above := len(rows)
	text, x, y := c.rows(columns - 3)
	from := max(0, y-maxComposer+1)
	for i := from; i < min(len(text), from+maxComposer); i++ {
		sign := own(faint, "  ")
		if i == 0 {
			sign = own(accent, "› ")
		}
		rows = append(rows, line{sign, {text[i], plain}})
	}
	if c.empty() {
		hint := m.t.Get("composer.hint")
		if m.talk() != nil && !m.canWrite() {
			hint = m.t.Get("composer.readonly")
		}
		rows[above] = line{own(accent, "› "), sp(faint, hint)}.fit(columns)
	}
	return rows, x + 2, y - from + above
}

// canWrite reports whether the open chat takes messages.
func (m *Model) canWrite() bool {
	c := m.chat()
	return c.GetJoined() && c.GetRemoved() == ""
}
