package cli

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

// Inner runs the commands of the table inside another screen, as the line mode
// does after a slash: there is one table, whoever reads the line.
type Inner struct {
	app  *app
	api  *API
	home string
}

// Spot is where a person is when they give a command.
type Spot struct {
	Chat    *apiv1.Chat      // that is open; may be nil
	Shown   []*apiv1.Message // that ^ counts from, newest last
	Columns int              // to lay the output out for
}

// Entry is a command that Inner knows, for help and completion.
type Entry struct {
	Name  string // without the slash; may have two words
	Args  ui.Text
	Short ui.Text
}

// NewInner returns the commands of one node.
func NewInner(deps Deps, api *API, home string) *Inner {
	return &Inner{app: &app{deps: deps, table: commands()}, api: api, home: home}
}

// Entries lists the commands: the short forms first, then those of the table
// that have another name.
func (i *Inner) Entries() []Entry {
	var out []Entry
	for _, r := range slashRows() {
		out = append(out, Entry{r.name, ui.Line(r.args), ui.Line(r.short)})
	}
	for _, cmd := range i.app.table {
		known := slices.ContainsFunc(out, func(e Entry) bool { return e.Name == cmd.name })
		if cmd.name != "" && !cmd.local && !known && cmd.short != "" {
			out = append(out, Entry{cmd.name, ui.Line(cmd.args), ui.Line(cmd.short)})
		}
	}
	return out
}

// Run runs a line without its slash and returns what it printed. A command
// whose first argument is a chat gets the one that is open, if none is named.
func (i *Inner) Run(ctx context.Context, at Spot, command string) ([]ui.Text, error) {
	p := &page{}
	s := Streams{
		In: strings.NewReader(""), Out: p, Err: p, OutTTY: true, Getenv: func(string) string { return "" },
		Unsetenv: func(string) error { return nil }, Size: func() (int, int) { return at.Columns, 0 },
	}
	inner := &app{deps: i.app.deps, s: s, table: i.app.table}
	c := &call{app: inner, out: &Out{w: p, errw: p, columns: s.columns}, home: i.home, api: i.api, inside: true}
	chat := at.Chat
	if chat == nil {
		chat = &apiv1.Chat{}
	}
	l := &lineMode{
		call: c, chat: chat, screen: p, track: newTracker(), shown: at.Shown, mine: map[string]bool{},
		pending: map[string]*apiv1.Message{}, steps: map[string]int{},
	}
	_, err := l.slash(ctx, i.here(chat, command))
	return p.lines(), err
}

// here fills in the chat that is open.
func (i *Inner) here(chat *apiv1.Chat, command string) string {
	name, rest := cutWord(command)
	if slices.ContainsFunc(slashRows(), func(r slashRow) bool { return r.name == name }) || chat.GetRef() == "" {
		return command
	}
	cmd := i.app.lookup(name)
	if cmd == nil || !strings.HasPrefix(cmd.args, "CHAT") || i.named(rest) {
		return command
	}
	return strings.TrimSpace(name + " " + chat.GetRef() + " " + rest)
}

// named reports whether a rest of a line begins with a chat.
func (i *Inner) named(rest string) bool {
	return slices.ContainsFunc(splitWords(rest), func(w string) bool {
		for _, sign := range []string{"#", "@", "kith1", "raw:"} {
			if strings.HasPrefix(w, sign) {
				return true
			}
		}
		return false
	})
}

// page is a screen that keeps what is written on it.
type page struct{ b bytes.Buffer }

func (p *page) Write(b []byte) (int, error) { return p.b.Write(b) }
func (p *page) readLine() (string, error)   { return "", io.EOF }
func (p *page) prompt(ui.Text)              {}
func (p *page) resize(Streams)              {}
func (p *page) bell()                       {}
func (p *page) advice() io.Writer           { return p }
func (p *page) person() bool                { return true }

// lines returns what was written.
func (p *page) lines() []ui.Text {
	s := strings.TrimRight(p.b.String(), "\n")
	if s == "" {
		return nil
	}
	var out []ui.Text
	for l := range strings.SplitSeq(s, "\n") {
		out = append(out, ui.Line(l))
	}
	return out
}
