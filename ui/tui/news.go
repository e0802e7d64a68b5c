package tui

import (
	"time"

	tea "charm.land/bubbletea/v2"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

// typingFor is how long somebody counts as typing without news of it.
const typingFor = 8 * time.Second

// news is a batch of what the node told, in order.
type news struct{ items []*apiv1.WatchResponse }

// lostMsg says that the node does not answer, or, without an error, that it
// does again.
type lostMsg struct{ err error }

// hear takes a batch. However long it is, it leads to one screen.
func (m *Model) hear(n news) tea.Cmd {
	var cmds []tea.Cmd
	sorting := false
	for _, w := range n.items {
		m.alert(w)
		switch {
		case w.GetReset_():
			cmds = append(cmds, m.load())
		case w.GetMessage() != nil:
			cmds = append(cmds, m.hearMessage(w.GetMessage(), w.GetFresh()))
			sorting = sorting || w.GetFresh()
		case w.GetChat() != nil:
			m.putChat(w.GetChat())
			sorting = true
		case w.GetFriend() != nil:
			cmds = append(cmds, m.hearFriend(w.GetFriend()))
			sorting = true
		case w.GetTransfer() != nil:
			cmds = append(cmds, m.hearTransfer(w.GetTransfer()))
		case w.GetPresence() != nil:
			cmds = append(cmds, m.hearPresence(w.GetPresence()))
		case w.GetTyping() != nil:
			cmds = append(cmds, m.hearTyping(w.GetTyping()))
		case w.GetPreference() != nil:
			p := w.GetPreference()
			if m.prefs[p.GetName()] != p.GetValue() {
				m.prefs[p.GetName()] = p.GetValue()
				m.setPreferences(m.prefs)
			}
		case w.GetStorage() != nil:
			cmds = append(cmds, m.hearStorage(w.GetStorage()))
		case w.GetSync() != nil:
			m.hearSync(w.GetSync())
		case w.GetLog() != nil:
			m.journal = appendBounded(m.journal, toast{text: ui.Line(w.GetLog().GetText()), at: ui.Moment(w.GetLog().GetTimeMs())})
		}
	}
	if sorting {
		m.sortChats()
		m.collectNames()
		if m.current == "" && m.loaded && len(m.order) > 0 && m.composer.empty() {
			cmds = append(cmds, m.open(m.order[0]))
		}
	}
	return tea.Batch(cmds...)
}

// started loads everything, or, after an interruption, what the stream does
// not tell again.
func (m *Model) started(s startedMsg) tea.Cmd {
	m.lost = nil
	if !s.again || !m.loaded {
		return m.load()
	}
	clear(m.typing)
	return tea.Batch(m.say(toastGood, m.t.Get("toast.back")), m.refresh(), m.loadStatus())
}

// hearMessage puts a message where it belongs. The chat's counters come as
// news of the chat; in between they are counted on here.
func (m *Model) hearMessage(msg *apiv1.Message, fresh bool) tea.Cmd {
	known := false
	if t := m.talks[msg.GetChat()]; t != nil && t.loaded {
		known = t.byID[msg.GetId()] != nil
		if fresh && !known && t.readUpTo == "" && !msg.GetFrom().GetSelf() && m.lowestSeen(t) == nil {
			t.readUpTo = t.newest().GetId() // it comes while nobody looks
		}
		added := t.put(msg)
		if t.follows() && added && len(t.msgs) > maxHeld {
			t.trim(newerEdge)
		}
	}
	if by := m.typing[msg.GetChat()]; fresh && by != nil {
		delete(by, msg.GetFrom().GetAccount())
	}
	c := m.chats[msg.GetChat()]
	if c == nil {
		if !fresh {
			return nil
		}
		return quiet(m, m.api.Chats.GetChat, &apiv1.GetChatRequest{Chat: msg.GetChat()}, func(m *Model, r *apiv1.GetChatResponse) tea.Cmd {
			m.putChat(r.GetChat())
			m.sortChats()
			return nil
		})
	}
	if !fresh {
		return nil
	}
	if c.GetLast() == nil || before(c.GetLast(), msg) < 0 {
		c.Last = msg
	}
	if !known && !msg.GetFrom().GetSelf() && !notice(msg) {
		c.Unread++
		if msg.GetMentionsMe() {
			c.Mentions++
		}
	}
	return nil
}

// putChat takes a chat that is new or has changed.
func (m *Model) putChat(c *apiv1.Chat) {
	if c == nil || c.GetRef() == "" {
		return
	}
	old := m.chats[c.GetRef()]
	if c.GetLast() == nil && old != nil {
		c.Last = old.GetLast()
	}
	m.chats[c.GetRef()] = c
	if !c.GetSyncing() {
		delete(m.syncing, c.GetRef())
	}
}

func (m *Model) hearFriend(f *apiv1.Friend) tea.Cmd {
	account := f.GetPerson().GetAccount()
	old := m.friends[account]
	m.friends[account] = f
	if old.GetState() == f.GetState() {
		return nil
	}
	name := ui.Stranger(f.GetPerson())
	switch f.GetState() {
	case apiv1.FriendState_FRIEND_STATE_INCOMING:
		return m.say(toastWarn, m.t.Get("toast.request", name, m.keys.show(actRequests)))
	case apiv1.FriendState_FRIEND_STATE_FRIEND:
		return m.say(toastGood, m.t.Get("toast.friend", name))
	case apiv1.FriendState_FRIEND_STATE_DECLINED:
		return m.say(toastWarn, m.t.Get("toast.declined", name))
	case apiv1.FriendState_FRIEND_STATE_OUTGOING, apiv1.FriendState_FRIEND_STATE_BLOCKED,
		apiv1.FriendState_FRIEND_STATE_REMOVED, apiv1.FriendState_FRIEND_STATE_UNSPECIFIED:
	}
	return nil
}

func (m *Model) hearTransfer(t *apiv1.Transfer) tea.Cmd {
	old := m.transfers[t.GetId()]
	m.transfers[t.GetId()] = t
	if old.GetState() == t.GetState() || t.GetOutgoing() {
		return nil
	}
	switch t.GetState() {
	case apiv1.TransferState_TRANSFER_STATE_DONE:
		return m.say(toastGood, m.t.Get("toast.file_done", ui.Line(t.GetName())))
	case apiv1.TransferState_TRANSFER_STATE_FAILED:
		return m.say(toastError, m.t.Get("toast.file_failed", ui.Line(t.GetName()), ui.Line(t.GetError())))
	default:
	}
	return nil
}

func (m *Model) hearPresence(p *apiv1.Member) tea.Cmd {
	account := p.GetPerson().GetAccount()
	if f := m.friends[account]; f != nil && account != "" {
		f.Online, f.LastSeenMs = p.GetOnline(), max(f.GetLastSeenMs(), p.GetLastSeenMs())
	}
	c := m.chat()
	if c == nil || c.GetKind() == apiv1.ChatKind_CHAT_KIND_DIRECT {
		return m.loadStatus()
	}
	return tea.Batch(m.loadMembers(c.GetRef()), m.loadStatus())
}

// membersEvery is how often the members of a chat are asked for at most.
const membersEvery = 2 * time.Second

// loadMembers asks who is in a chat, not more often than every two seconds.
func (m *Model) loadMembers(ref string) tea.Cmd {
	if m.membersAsked[ref] {
		return nil
	}
	m.membersAsked[ref] = true
	return tea.Batch(
		quiet(m, m.api.Chats.ListMembers, &apiv1.ListMembersRequest{Chat: ref}, func(m *Model, r *apiv1.ListMembersResponse) tea.Cmd {
			m.members[ref] = sortMembers(r.GetMembers())
			m.collectNames()
			return nil
		}),
		m.after(membersEvery, func(m *Model) tea.Cmd {
			delete(m.membersAsked, ref)
			return nil
		}))
}

func (m *Model) hearTyping(y *apiv1.Typing) tea.Cmd {
	by := m.typing[y.GetChat()]
	account := y.GetPerson().GetAccount()
	if y.GetStopped() {
		delete(by, account)
		return nil
	}
	if by == nil {
		by = map[string]typist{}
		m.typing[y.GetChat()] = by
	}
	by[account] = typist{y.GetPerson(), m.now().Add(typingFor)}
	return m.after(typingFor+100*time.Millisecond, func(m *Model) tea.Cmd {
		if w, ok := by[account]; ok && !w.until.After(m.now()) {
			delete(by, account)
		}
		return nil
	})
}

func (m *Model) hearStorage(s *apiv1.StorageNews) tea.Cmd {
	if m.status != nil {
		m.status.Storage = s.GetState()
	}
	if s.GetState() == "ok" {
		return m.say(toastGood, m.t.Get("toast.storage_ok"))
	}
	return m.say(toastError, m.t.Get("toast.storage_bad", ui.Line(s.GetDetail())))
}

func (m *Model) hearSync(s *apiv1.SyncNews) {
	if s.GetDone() {
		delete(m.syncing, s.GetChat())
		return
	}
	m.syncing[s.GetChat()] = s
}
