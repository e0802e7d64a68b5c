package cli

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

// slashRow is a short form of the line mode: it stands for a line of the
// command table, with the chat that is open filled in. Every other command of
// the table can be given as it is, with a slash before it.
type slashRow struct {
	name  string
	args  string
	short string
	// expand returns the words of the command line; rest is the text after
	// the slash command, as it was typed.
	expand func(l *lineMode, rest string) ([]string, error)
	// quiet: the message that comes back was typed here, so it is not shown again.
	quiet bool
}

func slashRows() []slashRow {
	return []slashRow{
		{"reply", "ID TEXT", "answer a message", func(l *lineMode, rest string) ([]string, error) {
			return l.withID(rest, false, func(id, text string) []string {
				return []string{"send", "--reply-to", id, "--", l.chat.GetRef(), text}
			})
		}, true},
		{"edit", "ID TEXT", "replace the text of a message of yours", func(l *lineMode, rest string) ([]string, error) {
			return l.withID(rest, true, func(id, text string) []string { return []string{"edit", "--", id, text} })
		}, false},
		{"retract", "ID", "take a message of yours back", func(l *lineMode, rest string) ([]string, error) {
			return l.withID(rest, true, func(id, _ string) []string { return []string{"retract", id} })
		}, false},
		{"react", "ID EMOJI", "react to a message", func(l *lineMode, rest string) ([]string, error) {
			return l.withID(rest, false, func(id, emoji string) []string { return []string{"react", "--", id, emoji} })
		}, false},
		{"send", "CHAT TEXT", "send to another chat", func(_ *lineMode, rest string) ([]string, error) {
			chat, text := cutWord(rest)
			return []string{"send", "--", chat, text}, nil
		}, false},
		{"history", "[N]", "show more of this chat", func(l *lineMode, rest string) ([]string, error) {
			words := []string{"history", l.chat.GetRef()}
			if n := strings.TrimSpace(rest); n != "" {
				words = append(words, "-n", n)
			}
			return words, nil
		}, false},
		{"search", "QUERY", "find messages in all chats", func(_ *lineMode, rest string) ([]string, error) {
			return []string{"search", "--", strings.TrimSpace(rest)}, nil
		}, false},
		{"members", "", "list who was seen here", inChat("members"), false},
		{"leave", "", "leave this group", inChat("leave"), false},
		{"file", "PATH [CAPTION]", "offer a file here", func(l *lineMode, rest string) ([]string, error) {
			return append([]string{"files", "send", "--", l.chat.GetRef()}, splitWords(rest)...), nil
		}, false},
		{"files", "", "list the files of this chat", func(l *lineMode, _ string) ([]string, error) {
			return []string{"files", "list", "--chat", l.chat.GetRef()}, nil
		}, false},
		{"get", "ID [PLACE]", "fetch a file", func(_ *lineMode, rest string) ([]string, error) {
			id, to := cutWord(rest)
			words := []string{"files", "get", "--no-wait", id}
			if to != "" {
				words = append(words, "--to", to)
			}
			return words, nil
		}, false},
		{"friend", "WHO [NOTE]", "ask somebody to be friends", person("add"), false},
		{"accept", "WHO", "accept a request", person("accept"), false},
		{"decline", "WHO", "decline a request", person("decline"), false},
		{"block", "WHO", "hear nothing from somebody any more", person("block"), false},
		{"verify", "WHO [yes]", "show the safety number; yes: it is the same", func(_ *lineMode, rest string) ([]string, error) {
			if who, ok := strings.CutSuffix(strings.TrimSpace(rest), " yes"); ok {
				return []string{"friends", "verify", "--yes", "--", strings.TrimSpace(who)}, nil
			}
			return []string{"friends", "verify", "--show", "--", strings.TrimSpace(rest)}, nil
		}, false},
	}
}

// inChat expands to a command whose one argument is this chat.
func inChat(name string) func(*lineMode, string) ([]string, error) {
	return func(l *lineMode, _ string) ([]string, error) { return []string{name, l.chat.GetRef()}, nil }
}

// person expands to a part of "friends" with a name, which may have spaces if
// nothing else can follow it.
func person(part string) func(*lineMode, string) ([]string, error) {
	return func(_ *lineMode, rest string) ([]string, error) {
		if part == "add" {
			words := splitWords(rest)
			if slices.ContainsFunc(words, func(w string) bool { return w == "--note" || strings.HasPrefix(w, "--note=") }) {
				return append([]string{"friends", part}, words...), nil // written as on the command line
			}
			return append([]string{"friends", part, "--"}, words...), nil
		}
		return []string{"friends", part, "--", strings.TrimSpace(rest)}, nil
	}
}

// slash runs a command that was typed after a slash.
func (l *lineMode) slash(ctx context.Context, line string) (quit bool, err error) {
	name, rest := cutWord(line)
	switch name {
	case "quit", "exit", "q":
		return true, nil
	case "help", "?", "":
		l.slashHelp()
		return false, nil
	case "states":
		l.states = !l.states
		l.out.say("* states of your messages are now %s", onOff(l.states))
		return false, nil
	case "ids":
		l.ids = !l.ids
		l.out.say("* IDs of messages are now %s", onOff(l.ids))
		return false, nil
	case "chat":
		return false, l.move(ctx, rest)
	case "join":
		return false, l.join(ctx, rest)
	}
	for _, row := range slashRows() {
		if row.name == name {
			words, err := row.expand(l, rest)
			if err != nil {
				return false, err
			}
			return false, l.command(ctx, words, row.quiet)
		}
	}
	return false, l.command(ctx, append([]string{name}, splitWords(rest)...), false)
}

// command runs a line of the command table in this session.
func (l *lineMode) command(ctx context.Context, words []string, quiet bool) error {
	cmd, rest, err := l.find(words)
	if err != nil {
		var usage ui.Reason
		if errors.As(err, &usage) {
			return ui.Usage.Because("there is no command /%s; /help lists them", words[0])
		}
		return err
	}
	if cmd.local {
		return ui.Usage.Because("/%s does not work here; leave with /quit and use 'kith %s'", cmd.name, cmd.name)
	}
	out := Out{w: l.screen, errw: l.screen.advice(), json: l.out.json, columns: l.s.columns}
	if quiet {
		out.w = discard{}
	}
	c, act, operands, err := l.parse(&out, cmd, rest)
	if err != nil {
		return err
	}
	if act == nil {
		return l.app.help(&out, cmd)
	}
	c.api, c.home, c.inside = l.api, l.home, true
	c.out.json = c.out.json || l.out.json
	return act(ctx, c, operands)
}

// move opens another chat.
func (l *lineMode) move(ctx context.Context, ref string) error {
	if ref = strings.TrimSpace(ref); ref == "" {
		return ui.Usage.Because("which chat? /chat CHAT; /chats lists them")
	}
	r, err := invoke(ctx, l.api.Chats.GetChat, &apiv1.GetChatRequest{Chat: ref})
	if err != nil {
		return err
	}
	l.chat, l.shown = r.GetChat(), nil
	return l.open(ctx)
}

// join joins a group and opens it.
func (l *lineMode) join(ctx context.Context, rest string) error {
	words := splitWords(rest)
	raw := slices.Contains(words, "--raw")
	words = slices.DeleteFunc(words, func(w string) bool { return w == "--raw" })
	if len(words) != 1 {
		return ui.Usage.Because("which group? /join NAME")
	}
	r, err := invoke(ctx, l.api.Chats.Join, &apiv1.JoinRequest{Name: words[0], Raw: raw})
	if err != nil {
		return err
	}
	l.chat, l.shown = r.GetChat(), nil
	return l.open(ctx)
}

// withID takes the ID that a command starts with. ^ is the newest message
// that was shown and that the command can be about, ^2 the one before it.
func (l *lineMode) withID(rest string, own bool, build func(id, text string) []string) ([]string, error) {
	id, text := cutWord(rest)
	if back, ok := strings.CutPrefix(id, "^"); ok {
		n := 1
		if back != "" {
			var err error
			if n, err = strconv.Atoi(back); err != nil || n < 1 {
				return nil, ui.Usage.Because("^ is the last message, ^2 the one before it, not %q", id)
			}
		}
		for i := len(l.shown) - 1; i >= 0; i-- {
			if l.shown[i].GetFrom().GetSelf() == own {
				if n--; n == 0 {
					return build(l.shown[i].GetId(), text), nil
				}
			}
		}
		return nil, ui.NotFound.Because("no such message has been shown here; /ids shows their IDs")
	}
	if id == "" {
		return nil, ui.Usage.Because("which message? give its ID (/ids shows them) or ^ for the last one")
	}
	return build(id, text), nil
}

func (l *lineMode) slashHelp() {
	for _, row := range slashRows() {
		l.out.say("  %s %s", ui.Pad(ui.F("/%s %s", row.name, row.args), 24), row.short)
	}
	l.out.say("  %s open another chat", ui.Pad(ui.F("/chat CHAT"), 24))
	l.out.say("  %s join a group and open it", ui.Pad(ui.F("/join NAME"), 24))
	l.out.say("  %s show or hide the states of your messages, the IDs of all", ui.Pad(ui.F("/states, /ids"), 24))
	l.out.say("  %s leave", ui.Pad(ui.F("/quit"), 24))
	l.out.say("^ in place of an ID is the last message; // sends a line that begins with /.")
	l.out.say("Every other command works too: /chats, /friends, /invite, /status, /doctor WHO, ...")
}

// cutWord cuts the first word off and keeps the rest as it was typed.
func cutWord(s string) (word, rest string) {
	word, rest, _ = strings.Cut(strings.TrimLeft(s, " "), " ")
	return word, strings.TrimSpace(rest)
}

// splitWords splits at spaces, but not inside quotes.
func splitWords(s string) []string {
	var out []string
	var word strings.Builder
	var quote rune
	begun := false
	for _, r := range s {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote, begun = r, true
		case quote == 0 && r == ' ':
			if begun {
				out = append(out, word.String())
				word.Reset()
				begun = false
			}
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	if begun {
		out = append(out, word.String())
	}
	return out
}

// discard takes what need not be shown.
type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
