package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

// cards shows friend requests, one at a time.
type cards struct {
	noInput
	at int
}

func (m *Model) showRequests() tea.Cmd {
	if len(m.requests()) == 0 {
		return m.say(toastPlain, m.t.Get("toast.norequests"))
	}
	return m.push(&cards{})
}

func (c *cards) key(m *Model, _, text string, act action) tea.Cmd {
	all := m.requests()
	if len(all) == 0 {
		m.pop()
		return nil
	}
	c.at = min(c.at, len(all)-1)
	who := all[c.at].GetPerson().GetAccount()
	name := ui.Stranger(all[c.at].GetPerson())
	switch {
	case act == actUp || act == editLeft:
		c.at = max(c.at-1, 0)
	case act == actDown || act == editRight:
		c.at = min(c.at+1, len(all)-1)
	case act == actSend || text == "a":
		return ask(m, m.api.Friends.AcceptFriend, &apiv1.AcceptFriendRequest{Who: who}, func(m *Model, r *apiv1.AcceptFriendResponse) tea.Cmd {
			m.friends[who] = r.GetFriend()
			c.next(m)
			return tea.Batch(m.say(toastGood, m.t.Get("toast.friend", name)), m.openOrFetch("@"+who))
		})
	case text == "d":
		return ask(m, m.api.Friends.DeclineFriend, &apiv1.DeclineFriendRequest{Who: who}, func(m *Model, _ *apiv1.DeclineFriendResponse) tea.Cmd {
			delete(m.friends, who)
			c.next(m)
			return nil
		})
	case text == "b":
		return ask(m, m.api.Friends.BlockFriend, &apiv1.BlockFriendRequest{Who: who}, func(m *Model, r *apiv1.BlockFriendResponse) tea.Cmd {
			m.friends[who] = r.GetFriend()
			c.next(m)
			return m.say(toastWarn, m.t.Get("toast.blocked", name))
		})
	}
	return nil
}

// next shows the next card, or closes when there is none.
func (c *cards) next(m *Model) {
	if len(m.requests()) == 0 && m.top() == window(c) {
		m.pop()
	}
}

func (c *cards) view(m *Model, columns, _ int) sheet {
	all := m.requests()
	s := sheet{title: m.t.Get("request.title"), row: -1}
	if len(all) == 0 {
		return s
	}
	c.at = min(c.at, len(all)-1)
	f := all[c.at]
	if len(all) > 1 {
		s.title = m.t.Get("request.title_of", c.at+1, len(all))
	}
	s.rows = append(s.rows,
		line{sp(personRole(f.GetPerson().GetAccount()), ui.Stranger(f.GetPerson()))}.fit(columns),
		line{sp(faint, ui.Line(f.GetPerson().GetAccount()))}.fit(columns), nil)
	if note := strings.TrimSpace(f.GetNote()); note != "" {
		s.rows = append(s.rows, indent(wrap(line{sp(plain, ui.Line(note))}, columns-2), own(quote, "┃ "), own(quote, "┃ "))...)
		s.rows = append(s.rows, nil)
	}
	s.rows = append(s.rows, m.safety(f, columns)...)
	s.rows = append(s.rows, nil)
	s.foot = line{sp(faint, m.t.Get("request.keys"))}
	return s
}

// safety shows the safety number in rows of five groups, and as emoji.
func (m *Model) safety(f *apiv1.Friend, columns int) []line {
	rows := []line{{sp(faint, m.t.Get("verify.number"))}}
	groups := strings.Fields(ui.Line(f.GetSafetyNumber()).String())
	const each = 4
	for i := 0; i < len(groups); i += each {
		rows = append(rows, line{sp(heavy, ui.F("  %s", strings.Join(groups[i:min(i+each, len(groups))], "  ")))}.fit(columns))
	}
	if e := ui.Line(f.GetSafetyEmoji()); !e.Empty() {
		rows = append(rows, line{gap(2), sp(plain, e)}.fit(columns))
	}
	return rows
}

// verify compares the safety number of a friend side by side.
func (m *Model) verify(rest string) tea.Cmd {
	who := rest
	if who == "" {
		if who = m.chat().GetPeer().GetAccount(); who == "" {
			return m.say(toastWarn, m.t.Get("toast.verify"))
		}
	}
	return ask(m, m.api.Friends.VerifyFriend, &apiv1.VerifyFriendRequest{Who: who, ShowOnly: true}, func(m *Model, r *apiv1.VerifyFriendResponse) tea.Cmd {
		f := r.GetFriend()
		body := []line{{sp(personRole(f.GetPerson().GetAccount()), ui.Stranger(f.GetPerson()))}, nil}
		body = append(body, m.safety(f, 56)...)
		body = append(body, nil)
		body = append(body, wrap(line{sp(plain, m.t.Get("verify.how"))}, 52)...)
		state := line{sp(warn, m.t.Get("verify.not"))}
		if f.GetVerified() {
			state = line{sp(good, m.t.Get("verify.done"))}
		}
		body = append(body, state)
		set := func(yes bool) func(*Model) tea.Cmd {
			return func(m *Model) tea.Cmd {
				return ask(m, m.api.Friends.VerifyFriend, &apiv1.VerifyFriendRequest{Who: f.GetPerson().GetAccount(), Verified: yes},
					func(m *Model, r *apiv1.VerifyFriendResponse) tea.Cmd {
						m.friends[f.GetPerson().GetAccount()] = r.GetFriend()
						return nil
					})
			}
		}
		return m.push(&choice{title: m.t.Get("verify.title"), body: body, options: []option{
			{"y", m.t.Get("verify.same"), set(true)}, {"n", m.t.Get("verify.differs"), set(false)},
		}})
	})
}

// memberRows lists who is in the open chat.
func (m *Model) memberRows(columns int) []line {
	c := m.chat()
	if c == nil {
		return nil
	}
	if c.GetKind() == apiv1.ChatKind_CHAT_KIND_DIRECT {
		return m.friendRows(c, columns)
	}
	var out []line
	list := m.members[c.GetRef()]
	online := 0
	for _, p := range list {
		if p.GetOnline() {
			online++
		}
	}
	if len(list) == 0 {
		return wrap(line{sp(faint, m.t.Get("members.none"))}, columns)
	}
	out = append(out, line{sp(faint, m.t.Get("members.count", len(list), online))}.fit(columns))
	for _, p := range list {
		sign := own(faint, "○ ")
		if p.GetOnline() {
			sign = own(good, "● ")
		}
		l := line{sign, sp(personRole(p.GetPerson().GetAccount()), m.t.Name(p.GetPerson()))}
		switch p.GetRole() {
		case apiv1.Role_ROLE_OWNER:
			l = append(l, gap(1), sp(faint, m.t.Get("role.owner")))
		case apiv1.Role_ROLE_ADMIN:
			l = append(l, gap(1), sp(faint, m.t.Get("role.admin")))
		case apiv1.Role_ROLE_INVITED:
			l = append(l, gap(1), sp(faint, m.t.Get("role.invited")))
		case apiv1.Role_ROLE_MEMBER, apiv1.Role_ROLE_UNSPECIFIED:
		}
		out = append(out, l.fit(columns))
	}
	return out
}

// friendRows says who is at the other end of a direct chat.
func (m *Model) friendRows(c *apiv1.Chat, columns int) []line {
	f := m.friends[c.GetPeer().GetAccount()]
	out := []line{line{m.presence(c), gap(1), sp(personRole(c.GetPeer().GetAccount()), ui.Stranger(c.GetPeer()))}.fit(columns)}
	if f == nil {
		return out
	}
	switch {
	case f.GetOnline():
		out = append(out, line{sp(good, m.t.Get("people.online"))})
	case f.GetLastSeenMs() > 0:
		ago := m.now().Sub(ui.Moment(f.GetLastSeenMs()))
		out = append(out, wrap(line{sp(faint, m.t.Get("people.seen", m.t.Ago(ago)))}, columns)...)
	}
	if own := ui.Line(f.GetOwnName()); !own.Empty() {
		out = append(out, wrap(line{sp(faint, m.t.Get("people.calls", own))}, columns)...)
	}
	if f.GetVerified() {
		return append(out, wrap(line{sp(good, m.t.Get("verify.done"))}, columns)...)
	}
	return append(out, wrap(line{sp(warn, m.t.Get("verify.hint"))}, columns)...)
}
