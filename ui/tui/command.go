package tui

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
	"github.com/kith-chat/kith/ui/cli"
)

// screenCommand is a slash command that the screen does itself. All others are
// those of the command table.
type screenCommand struct {
	name, args string
	short      func(*Model) ui.Text
	do         func(m *Model, rest string) tea.Cmd
}

func screenCommands() []screenCommand {
	return []screenCommand{
		{"help", "", func(m *Model) ui.Text { return m.t.Get("cmd.help") }, func(m *Model, _ string) tea.Cmd { return m.push(newHelp(m)) }},
		{"quit", "", func(m *Model) ui.Text { return m.t.Get("cmd.quit") }, func(m *Model, _ string) tea.Cmd { return m.quit() }},
		{"log", "", func(m *Model) ui.Text { return m.t.Get("cmd.log") }, func(m *Model, _ string) tea.Cmd { return m.push(newLog(m)) }},
		{"chat", "CHAT", func(m *Model) ui.Text { return m.t.Get("cmd.chat") }, (*Model).goTo},
		{"join", "NAME", func(m *Model) ui.Text { return m.t.Get("cmd.join") }, (*Model).join},
		{"send", "PATH [CAPTION]", func(m *Model) ui.Text { return m.t.Get("cmd.send") }, (*Model).sendFile},
		{"search", "QUERY", func(m *Model) ui.Text { return m.t.Get("cmd.search") }, (*Model).searchFor},
		{"members", "", func(m *Model) ui.Text { return m.t.Get("cmd.members") }, func(m *Model, _ string) tea.Cmd { return m.push(newMembers(m)) }},
		{"friend", "WHO [NOTE]", func(m *Model) ui.Text { return m.t.Get("cmd.friend") }, (*Model).befriend},
		{"mute", "[8h]", func(m *Model) ui.Text { return m.t.Get("cmd.mute") }, (*Model).mute},
		{"unmute", "", func(m *Model) ui.Text { return m.t.Get("cmd.unmute") }, func(m *Model, _ string) tea.Cmd { return m.setMuted(false, 0) }},
		{"requests", "", func(m *Model) ui.Text { return m.t.Get("cmd.requests") }, func(m *Model, _ string) tea.Cmd { return m.showRequests() }},
		{"verify", "[WHO]", func(m *Model) ui.Text { return m.t.Get("cmd.verify") }, (*Model).verify},
		{"pictures", "on|off", func(m *Model) ui.Text { return m.t.Get("cmd.pictures") }, func(m *Model, rest string) tea.Cmd { return m.allowPictures(rest != "off") }},
		{"theme", "NAME", func(m *Model) ui.Text { return m.t.Get("cmd.theme") }, (*Model).pickTheme},
		{"language", "CODE", func(m *Model) ui.Text { return m.t.Get("cmd.language") }, (*Model).pickLanguage},
	}
}

// commands lists everything that can be typed after a slash.
func (m *Model) commands() []cli.Entry {
	var out []cli.Entry
	for _, c := range screenCommands() {
		out = append(out, cli.Entry{Name: c.name, Args: ui.Line(c.args), Short: c.short(m)})
	}
	if m.opts.Inner == nil {
		return out
	}
	for _, e := range m.opts.Inner.Entries() {
		if !slices.ContainsFunc(out, func(o cli.Entry) bool { return o.Name == e.Name }) {
			out = append(out, e)
		}
	}
	return out
}

// command does what a line says that was typed after a slash.
func (m *Model) command(typed string) tea.Cmd {
	name, rest, _ := strings.Cut(strings.TrimSpace(typed), " ")
	rest = strings.TrimSpace(rest)
	switch name {
	case "exit", "q":
		name = "quit"
	case "?", "":
		name = "help"
	}
	if name == "send" && !pathLike(rest) { // as on the command line: /send CHAT TEXT
		return m.inner(typed)
	}
	for _, c := range screenCommands() {
		if c.name == name {
			return c.do(m, rest)
		}
	}
	return m.inner(m.about(name, rest))
}

// about gives commands about a message the one that is selected, if the line
// names none.
func (m *Model) about(name, rest string) string {
	t := m.talk()
	if t == nil || t.selected == "" || !m.selecting {
		return strings.TrimSpace(name + " " + rest)
	}
	switch name {
	case "reply", "edit", "retract", "react", "get":
		if first, _, _ := strings.Cut(rest, " "); !strings.HasPrefix(first, "^") {
			return strings.TrimSpace(name + " " + t.selected + " " + rest)
		}
	}
	return strings.TrimSpace(name + " " + rest)
}

// inner runs a line of the command table and shows what it prints.
func (m *Model) inner(typed string) tea.Cmd {
	if m.opts.Inner == nil {
		return nil
	}
	at := cli.Spot{Chat: m.chat(), Columns: max(min(m.width-6, 96), 30)}
	if t := m.talk(); t != nil {
		at.Shown = t.msgs[max(len(t.msgs)-200, 0):]
	}
	run, in := m.run, m.opts.Inner
	return func() tea.Msg {
		out, err := in.Run(run, at, typed)
		if err != nil {
			if run.Err() != nil {
				return nil
			}
			return failed{err, nil}
		}
		return answer{func(m *Model) tea.Cmd { return tea.Batch(m.printed(typed, out), m.refresh()) }}
	}
}

// printed shows the output of a command: a short one as a toast.
func (m *Model) printed(typed string, out []ui.Text) tea.Cmd {
	switch {
	case len(out) == 0:
		return m.say(toastGood, m.t.Get("toast.done", ui.Truncate(ui.Line("/"+typed), 40)))
	case len(out) == 1 && ui.Width(out[0]) < m.width-8:
		return m.say(toastPlain, out[0])
	}
	return m.push(&pager{title: ui.Truncate(ui.F("/%s", typed), 40), lines: func(_ *Model, columns int) []line {
		var rows []line
		for _, t := range out {
			rows = append(rows, wrap(line{sp(plain, t)}, columns)...)
		}
		return rows
	}})
}

// refresh asks for the chats and friends again, since a command may have
// changed them.
func (m *Model) refresh() tea.Cmd {
	return tea.Batch(
		quiet(m, m.api.Chats.ListChats, &apiv1.ListChatsRequest{}, func(m *Model, r *apiv1.ListChatsResponse) tea.Cmd {
			clear(m.chats)
			for _, c := range r.GetChats() {
				m.putChat(c)
			}
			if m.chats[m.current] == nil {
				m.current = ""
			}
			m.sortChats()
			return nil
		}),
		quiet(m, m.api.Friends.ListFriends, &apiv1.ListFriendsRequest{}, func(m *Model, r *apiv1.ListFriendsResponse) tea.Cmd {
			clear(m.friends)
			for _, f := range r.GetFriends() {
				m.friends[f.GetPerson().GetAccount()] = f
			}
			m.collectNames()
			return nil
		}))
}

func (m *Model) goTo(rest string) tea.Cmd {
	if rest == "" {
		return m.push(newSwitcher(m))
	}
	return m.openOrFetch(rest)
}

func (m *Model) join(rest string) tea.Cmd {
	name, raw := strings.CutPrefix(rest, "--raw ")
	if name = strings.TrimSpace(name); name == "" {
		return m.say(toastWarn, m.t.Get("toast.join"))
	}
	return ask(m, m.api.Chats.Join, &apiv1.JoinRequest{Name: name, Raw: raw}, func(m *Model, r *apiv1.JoinResponse) tea.Cmd {
		m.putChat(r.GetChat())
		cmd := m.open(r.GetChat().GetRef())
		m.sortChats()
		return cmd
	})
}

// mute mutes the open chat, for a time if one is given.
func (m *Model) mute(rest string) tea.Cmd {
	if rest == "" {
		return m.setMuted(true, 0)
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d <= 0 {
		return m.say(toastWarn, m.t.Get("toast.mute"))
	}
	return m.setMuted(true, m.now().Add(d).UnixMilli())
}

func (m *Model) setMuted(yes bool, until int64) tea.Cmd {
	c := m.chat()
	if c == nil {
		return m.say(toastWarn, m.t.Get("toast.nochat", m.keys.show(actSwitch)))
	}
	return m.setChat(&apiv1.SetChatRequest{Chat: c.GetRef(), Muted: &yes, MutedUntilMs: &until})
}

// befriend asks somebody to be friends and opens the chat with them.
func (m *Model) befriend(rest string) tea.Cmd {
	who, note := cutPath(rest)
	if who == "" {
		return m.say(toastWarn, m.t.Get("toast.whom"))
	}
	return ask(m, m.api.Friends.AddFriend, &apiv1.AddFriendRequest{Who: who, Note: note}, func(m *Model, r *apiv1.AddFriendResponse) tea.Cmd {
		p := r.GetFriend().GetPerson()
		m.friends[p.GetAccount()] = r.GetFriend()
		return tea.Batch(m.say(toastGood, m.t.Get("toast.asked", ui.Stranger(p))), m.openOrFetch("@"+p.GetAccount()))
	})
}

func (m *Model) searchFor(rest string) tea.Cmd {
	s := newSearcher(m)
	s.all = true
	s.set(rest)
	m.push(s)
	return s.changed(m)
}

func pathLike(s string) bool {
	return strings.HasPrefix(s, "/") || strings.HasPrefix(s, "~") || strings.HasPrefix(s, ".") || strings.HasPrefix(s, `"`) || strings.HasPrefix(s, "'")
}

// sendFile offers a file to the open chat. A path with spaces stands in quotes.
func (m *Model) sendFile(rest string) tea.Cmd {
	t := m.talk()
	if t == nil {
		return m.say(toastWarn, m.t.Get("toast.nochat", m.keys.show(actSwitch)))
	}
	path, caption := cutPath(rest)
	path, err := filepath.Abs(expand(path))
	if err != nil {
		return m.fail(failed{err: err})
	}
	m.viewport(t).newest()
	return ask(m, m.api.Files.Offer, &apiv1.OfferRequest{Chat: t.ref, Path: path, Caption: ui.Emojize(caption)}, func(m *Model, r *apiv1.OfferResponse) tea.Cmd {
		m.transfers[r.GetTransfer().GetId()] = r.GetTransfer()
		if t.byID[r.GetMessage().GetId()] == nil {
			t.put(r.GetMessage())
		}
		return nil
	})
}

// cutPath takes the path that a line begins with, which may be quoted.
func cutPath(s string) (path, rest string) {
	if s != "" && (s[0] == '"' || s[0] == '\'') {
		if end := strings.IndexByte(s[1:], s[0]); end >= 0 {
			return s[1 : 1+end], strings.TrimSpace(s[2+end:])
		}
	}
	path, rest, _ = strings.Cut(s, " ")
	return path, strings.TrimSpace(rest)
}

// expand replaces ~ by the person's own folder.
func expand(path string) string {
	if path == "~" || strings.HasPrefix(path, "~/") {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, strings.TrimPrefix(path, "~"))
		}
	}
	return path
}

func (m *Model) pickTheme(rest string) tea.Cmd {
	if !slices.Contains(themeNames(), rest) {
		return m.say(toastWarn, m.t.Get("toast.theme", strings.Join(themeNames(), ", ")))
	}
	cmd := m.setPreference("theme", rest)
	m.applyTheme()
	return cmd
}

func (m *Model) pickLanguage(rest string) tea.Cmd {
	if !slices.Contains(append(m.languages(), "auto"), rest) {
		return m.say(toastWarn, m.t.Get("toast.language", strings.Join(m.languages(), ", ")))
	}
	cmd := m.setPreference("language", rest)
	m.setPreferences(m.prefs)
	return cmd
}
