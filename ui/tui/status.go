package tui

import (
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

// statusRow is the lowest row: how the node stands, and the first keys.
func (m *Model) statusRow() string {
	left := append(line{gap(1)}, m.connection()...)
	keys := m.t.Get("status.keys", m.keys.show(actSwitch), m.keys.show(actUnread))
	if m.narrow() {
		keys = m.t.Get("status.keys_short", m.keys.show(actSwitch))
	}
	right := line{sp(faint, keys), gap(1)}
	if left.width()+right.width() > m.width {
		right = nil
	}
	return m.theme.row(apart(left, right, m.width).over(bar), m.width, bar)
}

// connection says in a few words how things stand, the worst first.
func (m *Model) connection() line {
	s := m.status
	switch {
	case m.lost != nil:
		return line{own(alert, "✗ "), sp(alert, m.t.Get("status.lost"))}
	case !m.loaded:
		return line{own(warn, "◌ "), sp(plain, m.t.Get("status.loading"))}
	case s.GetStorage() == "full":
		return line{own(alert, "✗ "), sp(alert, m.t.Get("status.full"))}
	case s.GetStorage() == "degraded":
		return line{own(alert, "! "), sp(alert, m.t.Get("status.degraded"))}
	}
	var l line
	if s.GetPeers() == 0 {
		l = line{own(warn, "○ "), sp(plain, m.t.Get("status.offline"))}
	} else {
		l = line{own(good, "● "), sp(plain, m.t.Get("status.peers", s.GetPeers()))}
	}
	if sync := m.syncing[m.current]; sync != nil {
		l = append(l, gap(2), own(warn, "↻ "), sp(plain, m.t.Get("status.syncing", sync.GetFetched(), sync.GetMissing())))
	} else if n := m.chat().GetMissing(); n > 0 {
		l = append(l, gap(2), own(warn, "! "), sp(plain, m.t.Get("status.missing", n)))
	}
	if n := s.GetQueued(); n > 0 {
		l = append(l, gap(2), own(warn, "◌ "), sp(plain, m.t.Get("status.queued", n)))
	}
	return l
}

// statusEvery is how often the node's state is asked for at most.
const statusEvery = 2 * time.Second

// loadStatus asks how the node stands, after something that may change it.
func (m *Model) loadStatus() tea.Cmd {
	if m.statusAsked {
		return nil
	}
	m.statusAsked = true
	return m.after(statusEvery, func(m *Model) tea.Cmd {
		m.statusAsked = false
		return quiet(m, m.api.Node.GetStatus, &apiv1.GetStatusRequest{}, func(m *Model, r *apiv1.GetStatusResponse) tea.Cmd {
			m.status = r
			return nil
		})
	})
}

// emptyRows says what goes on where there is no message to show, and the next
// key to press.
func (m *Model) emptyRows(t *talk, columns int) []line {
	var out []line
	say := func(r role, text ui.Text) {
		for l := range strings.SplitSeq(text.String(), "\n") {
			out = append(out, wrap(line{sp(r, ui.Line(l))}, columns)...)
		}
	}
	c := m.chat()
	switch {
	case m.lost != nil:
		say(alert, m.t.Explain(m.lost))
		say(faint, m.t.Get("empty.lost"))
	case !m.loaded || t != nil && !t.loaded:
		say(faint, m.t.Get("empty.loading"))
	case c == nil:
		say(strong, m.t.Get("empty.nochats"))
		out = append(out, nil)
		m.inviteRows(say)
		say(faint, m.t.Get("empty.nochats_keys", m.keys.show(actSwitch)))
	case c.GetInvitedBy() != nil && !c.GetJoined():
		say(strong, m.t.Get("empty.invited", ui.Stranger(c.GetInvitedBy()), m.chatName(c)))
	case c.GetRemoved() != "":
		say(warn, m.t.Get("empty.removed", ui.Line(c.GetRemoved())))
	case m.friends[c.GetPeer().GetAccount()].GetState() == apiv1.FriendState_FRIEND_STATE_OUTGOING:
		say(strong, m.t.Get("empty.outgoing", m.chatName(c)))
	case c.GetKind() == apiv1.ChatKind_CHAT_KIND_DIRECT:
		say(strong, m.t.Get("empty.direct", m.chatName(c)))
		say(faint, m.t.Get("empty.direct_keys"))
	default:
		say(strong, m.t.Get("empty.group", ui.Chat(c)))
		if m.status.GetPeers() == 0 {
			out = append(out, nil)
			say(warn, m.t.Get("empty.offline"))
			m.inviteRows(say)
			return out
		}
		say(faint, m.t.Get("empty.group_keys"))
	}
	return out
}

// inviteRows shows the invite, which is what one needs when nobody is there.
func (m *Model) inviteRows(say func(role, ui.Text)) {
	if i := m.me.GetInvite(); i != "" {
		say(faint, m.t.Get("empty.invite"))
		say(link, ui.Line(i))
	}
}
