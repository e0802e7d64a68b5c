package tui

import (
	"slices"
	"strings"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

// presence is the sign before a chat: whether the person is there, or what
// kind of chat it is.
func (m *Model) presence(c *apiv1.Chat) span {
	switch c.GetKind() {
	case apiv1.ChatKind_CHAT_KIND_DIRECT:
		if m.friends[c.GetPeer().GetAccount()].GetOnline() {
			return own(good, "●")
		}
		return own(faint, "○")
	case apiv1.ChatKind_CHAT_KIND_PRIVATE:
		return own(faint, "◆")
	case apiv1.ChatKind_CHAT_KIND_SELF:
		return own(faint, "★")
	case apiv1.ChatKind_CHAT_KIND_RAW:
		return own(faint, "~")
	case apiv1.ChatKind_CHAT_KIND_PUBLIC, apiv1.ChatKind_CHAT_KIND_UNSPECIFIED:
	}
	return own(faint, "#")
}

// chatName is a chat's name beside its sign.
func (m *Model) chatName(c *apiv1.Chat) ui.Text {
	switch c.GetKind() {
	case apiv1.ChatKind_CHAT_KIND_DIRECT:
		return ui.Stranger(c.GetPeer())
	case apiv1.ChatKind_CHAT_KIND_SELF:
		return m.t.Get("chat.self")
	case apiv1.ChatKind_CHAT_KIND_PRIVATE:
		if n := ui.Line(c.GetName()); !n.Empty() {
			return n
		}
	case apiv1.ChatKind_CHAT_KIND_PUBLIC, apiv1.ChatKind_CHAT_KIND_RAW, apiv1.ChatKind_CHAT_KIND_UNSPECIFIED:
	}
	return ui.Line(strings.TrimPrefix(strings.TrimPrefix(c.GetRef(), "#"), "raw:"))
}

// listRows draws the list of chats; each entry says which chat it is of.
func (m *Model) listRows(columns, rows int) (out []line, refs []string) {
	title := line{sp(strong, m.t.Get("list.title"))}
	if n := m.unread(); n > 0 {
		title = append(title, gap(1), sp(badge, ui.F(" %d ", n)))
	}
	out, refs = append(out, title), append(refs, "")
	if n := len(m.requests()); n > 0 {
		out = append(out, line{sp(warn, m.t.Get("list.requests", n)), gap(1), sp(faint, ui.Line(m.keys.show(actRequests)))}.fit(columns))
		refs = append(refs, requestsRow)
	}
	at := max(slices.Index(m.order, m.current), 0)
	room := rows - len(out)
	from := min(max(0, at-room/2), max(len(m.order)-room, 0))
	for i := from; i < min(len(m.order), from+room); i++ {
		ref := m.order[i]
		out = append(out, m.chatRow(m.chats[ref], i, columns))
		refs = append(refs, ref)
	}
	return out, refs
}

// requestsRow stands for the row of friend requests.
const requestsRow = "\x00requests"

func (m *Model) chatRow(c *apiv1.Chat, i, columns int) line {
	mark := gap(1)
	if c.GetRef() == m.current {
		mark = own(accent, "▌")
	}
	look := plain
	if c.GetUnread() > 0 && !m.muted(c) {
		look = strong
	}
	left := line{mark, m.presence(c), gap(1), sp(look, m.chatName(c))}
	var right line
	if c.GetInvitedBy() != nil && !c.GetJoined() {
		right = append(right, gap(1), sp(warn, m.t.Get("list.invited")))
	}
	if c.GetDraft() != "" && c.GetRef() != m.current {
		right = append(right, own(faint, " ✎"))
	}
	if m.muted(c) {
		right = append(right, own(faint, " ⊘"))
	}
	if c.GetPinned() {
		right = append(right, own(faint, " ^"))
	}
	switch {
	case c.GetRef() == m.current && m.focused && m.talk().follows(): // it is being read
	case c.GetMentions() > 0:
		right = append(right, gap(1), sp(badgeMe, ui.F(" @%d ", c.GetMentions())))
	case c.GetUnread() > 0 && m.muted(c):
		right = append(right, gap(1), sp(faint, ui.F("%d", c.GetUnread())))
	case c.GetUnread() > 0:
		right = append(right, gap(1), sp(badge, ui.F(" %d ", c.GetUnread())))
	case i < 9 && columns > 22 && len(right) == 0:
		right = append(right, gap(1), sp(faint, ui.F("%d", i+1)))
	}
	return apart(left, right, columns)
}

// unread counts the chats that have something new, but muted ones.
func (m *Model) unread() int {
	n := 0
	for _, c := range m.chats {
		if c.GetUnread() > 0 && !m.muted(c) {
			n++
		}
	}
	return n
}
