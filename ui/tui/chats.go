package tui

import (
	"cmp"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
	"github.com/kith-chat/kith/ui/words"
)

// lastChat is the preference that remembers which chat was open.
const lastChat = "tui.chat"

// sortChats lists the chats: pinned ones first, then by what happened last.
func (m *Model) sortChats() {
	m.order = m.order[:0]
	for ref, c := range m.chats {
		if c.GetJoined() || c.GetMessages() > 0 || c.GetInvitedBy() != nil || ref == m.current {
			m.order = append(m.order, ref)
		}
	}
	slices.SortFunc(m.order, func(a, b string) int {
		x, y := m.chats[a], m.chats[b]
		if x.GetPinned() != y.GetPinned() {
			if x.GetPinned() {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(activity(y), activity(x)), cmp.Compare(a, b))
	})
}

// activity is when something happened last, by our own clock.
func activity(c *apiv1.Chat) int64 {
	return max(c.GetLast().GetArrivedMs(), min(c.GetLast().GetTimeMs(), c.GetLast().GetArrivedMs()))
}

// open shows a chat.
func (m *Model) open(ref string) tea.Cmd {
	c := m.chats[ref]
	if c == nil {
		return nil
	}
	m.listShown, m.selecting = false, false
	if ref == m.current {
		return nil
	}
	cmds := []tea.Cmd{m.leaveTalk()}
	m.current = ref
	t := m.talks[ref]
	if t == nil {
		t = newTalk(ref)
		m.talks[ref] = t
	}
	t.selected, t.readSent = "", nil
	mark := t.readUpTo
	t.readUpTo = ""
	if c.GetUnread() > 0 {
		if t.readUpTo = c.GetReadUpTo(); t.loaded && t.byID[t.readUpTo] == nil {
			t.readUpTo = mark
		}
	}
	if !t.loaded {
		cmds = append(cmds, m.reload(t))
	}
	t.draft = c.GetDraft()
	m.composer.load(t.draft)
	if c.GetKind() != apiv1.ChatKind_CHAT_KIND_DIRECT {
		cmds = append(cmds, m.loadMembers(ref))
	}
	cmds = append(cmds, m.setPreference(lastChat, ref))
	m.forgetTalks()
	return tea.Batch(cmds...)
}

// maxTalks is how many conversations are held at once.
const maxTalks = 20

// forgetTalks drops conversations that nobody has looked at for long.
func (m *Model) forgetTalks() {
	for ref := range m.talks {
		if len(m.talks) <= maxTalks {
			return
		}
		if ref != m.current {
			delete(m.talks, ref)
		}
	}
}

// leaveTalk keeps the draft of the chat that is left.
func (m *Model) leaveTalk() tea.Cmd {
	t := m.talk()
	if t == nil {
		return nil
	}
	return m.keepDraft(t)
}

// step opens the chat above or below in the list.
func (m *Model) step(by int) tea.Cmd {
	n := len(m.order)
	if n == 0 {
		return nil
	}
	i := slices.Index(m.order, m.current)
	return m.open(m.order[((i+by)%n+n)%n])
}

// nextUnread opens the chat that wants attention most: mentions and direct
// chats first, muted ones last.
func (m *Model) nextUnread() tea.Cmd {
	best, bestRank := "", 0
	for _, ref := range m.order {
		c := m.chats[ref]
		if c.GetUnread() == 0 || ref == m.current {
			continue
		}
		rank := 2
		switch {
		case c.GetMentions() > 0 || c.GetKind() == apiv1.ChatKind_CHAT_KIND_DIRECT:
			rank = 3
		case m.muted(c):
			rank = 1
		}
		if rank > bestRank {
			best, bestRank = ref, rank
		}
	}
	if best == "" {
		return m.say(toastPlain, m.t.Get("toast.noneunread"))
	}
	return m.open(best)
}

func (m *Model) muted(c *apiv1.Chat) bool {
	until := c.GetMutedUntilMs()
	return c.GetMuted() && (until == 0 || until > m.now().UnixMilli())
}

// setPreferences takes what the screens keep.
func (m *Model) setPreferences(p map[string]string) {
	if p == nil {
		return
	}
	m.prefs = p
	var unknown []string
	if m.keys, unknown = newKeymap(p); len(unknown) > 0 {
		m.journal = appendBounded(m.journal, toast{kind: toastWarn, text: m.t.Get("toast.keys", strings.Join(unknown, ", ")), at: m.now()})
	}
	m.t = m.opts.Words
	if lang := p["language"]; lang != "" && lang != "auto" {
		m.t = words.Pick(lang)
	}
	m.applyTheme()
}

// collectNames gathers what can stand after an @.
func (m *Model) collectNames() {
	clear(m.names)
	add := func(name string) {
		if first, _, _ := strings.Cut(ui.Line(name).String(), " "); first != "" {
			m.names[strings.ToLower(first)] = true
		}
	}
	add(m.me.GetName())
	for _, f := range m.friends {
		add(f.GetPerson().GetName())
	}
	for _, p := range m.members[m.current] {
		add(p.GetPerson().GetName())
	}
}

func sortMembers(l []*apiv1.Member) []*apiv1.Member {
	slices.SortStableFunc(l, func(a, b *apiv1.Member) int {
		if a.GetOnline() != b.GetOnline() {
			if a.GetOnline() {
				return -1
			}
			return 1
		}
		return cmp.Or(-cmp.Compare(a.GetRole(), b.GetRole()),
			cmp.Compare(strings.ToLower(a.GetPerson().GetName()), strings.ToLower(b.GetPerson().GetName())))
	})
	return l
}

// requests returns the friend requests that wait for an answer, oldest first.
func (m *Model) requests() []*apiv1.Friend {
	var out []*apiv1.Friend
	for _, f := range m.friends {
		if f.GetState() == apiv1.FriendState_FRIEND_STATE_INCOMING {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b *apiv1.Friend) int {
		return cmp.Or(cmp.Compare(a.GetSinceMs(), b.GetSinceMs()), cmp.Compare(a.GetPerson().GetAccount(), b.GetPerson().GetAccount()))
	})
	return out
}
