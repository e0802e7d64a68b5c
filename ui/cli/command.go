package cli

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/pflag"

	"github.com/kith-chat/kith/ui"
)

// need says what must be there before a command can run.
type need int

const (
	needNothing need = iota
	needStore        // a running node, or one started briefly without network
	needNode         // a running node
)

// command is one row of the table.
type command struct {
	name    string // one word, or two for a part of a command: "friends add"
	args    string // "CHAT [TEXT]"; capital words are the user's
	short   string // one line, no capital, no full stop
	long    string // paragraphs for kith help NAME
	example []string
	group   string // heading in the help; "" for parts and for hidden commands
	need    need
	min     int // fewest and most arguments; max -1 for any number
	max     int
	// local: not offered as a slash command of the line mode, which has a
	// node already and sits inside one of these.
	local bool
	// prepare declares the flags and returns what to do.
	prepare func(fs *pflag.FlagSet) action
}

// action runs a command.
type action func(ctx context.Context, c *call, args []string) error

// plain is prepare for a command without flags of its own.
func plain(a action) func(*pflag.FlagSet) action {
	return func(*pflag.FlagSet) action { return a }
}

// app is the command line of one process.
type app struct {
	deps  Deps
	s     Streams
	table []*command
}

// call is one run of one command.
type call struct {
	*app
	out  *Out
	home string
	pass string // path of the passphrase file, or ""
	api  *API   // set if the command needs one
	// inside: the command was given in the line mode.
	inside bool
	// known is the passphrase that was just chosen or read.
	known *string
	// alone: the command looked into the store, without a node that runs.
	alone bool
}

// globals are the flags that every command takes.
type globals struct {
	home, passphraseFile string
	json, help           bool
}

func (g *globals) declare(fs *pflag.FlagSet) {
	fs.StringVar(&g.home, "home", "", "folder of the profile (environment KITH_HOME)")
	fs.BoolVar(&g.json, "json", false, "write one JSON object a line")
	fs.StringVar(&g.passphraseFile, "passphrase-file", "", "file whose first line opens the vault (environment KITH_PASSPHRASE)")
	fs.BoolVarP(&g.help, "help", "h", false, "explain the command")
}

// Main runs the command line and returns the exit code. args are those after
// the program's name.
func Main(ctx context.Context, deps Deps, s Streams, args []string) int {
	a := &app{deps: deps, s: s, table: commands()}
	out := a.newOut(slices.Contains(args, "--json"))
	err := a.run(ctx, out, args)
	if err == nil {
		err = out.failure()
	}
	if err != nil {
		return out.problem(err)
	}
	return ui.ExitDone
}

func (a *app) newOut(json bool) *Out {
	return &Out{w: a.s.Out, errw: a.s.Err, json: json, columns: a.s.columns}
}

// run finds the command in args, parses the rest and runs it.
func (a *app) run(ctx context.Context, out *Out, args []string) error {
	for i, arg := range args {
		if !utf8.ValidString(arg) {
			return ui.Usage.Because("argument %d is not UTF-8 text; check your terminal's settings", i+1)
		}
	}
	cmd, rest, err := a.find(args)
	if err != nil {
		return err
	}
	c, act, operands, err := a.parse(out, cmd, rest)
	if err != nil {
		return err
	}
	if act == nil {
		return a.help(out, cmd)
	}
	release, err := c.connect(ctx, cmd)
	if err != nil {
		return err
	}
	err = errors.Join(act(ctx, c, operands), release())
	if c.alone && err == nil { // an error is one line, without this beside it
		c.out.note("no node is running, so this looked into the store alone; 'kith serve' starts one")
	}
	return err
}

// parse reads the flags of a command. A nil action means that help is wanted.
func (a *app) parse(out *Out, cmd *command, args []string) (*call, action, []string, error) {
	var g globals
	fs, act := cmd.flagSet(&g)
	if err := fs.Parse(args); err != nil {
		return nil, nil, nil, usageError(cmd, err.Error())
	}
	out.json = g.json
	if g.help {
		return nil, nil, nil, nil
	}
	operands := fs.Args()
	if n := len(operands); n < cmd.min || cmd.max >= 0 && n > cmd.max {
		return nil, nil, nil, countError(cmd, n)
	}
	home, err := a.home(g.home)
	if err != nil {
		return nil, nil, nil, err
	}
	return &call{app: a, out: out, home: home, pass: g.passphraseFile}, act, operands, nil
}

func (cmd *command) flagSet(g *globals) (*pflag.FlagSet, action) {
	fs := pflag.NewFlagSet(cmd.name, pflag.ContinueOnError)
	fs.SortFlags = false
	fs.Usage = func() {}
	act := cmd.prepare(fs)
	g.declare(fs)
	return fs, act
}

// home returns the profile's folder as an absolute path: the flag, else the
// environment, else the usual place.
func (a *app) home(flag string) (string, error) {
	if flag != "" {
		return filepath.Abs(flag)
	}
	if env := a.s.Getenv("KITH_HOME"); env != "" {
		return filepath.Abs(env)
	}
	return a.deps.Home()
}

// find returns the command that args name and args without its words.
func (a *app) find(args []string) (*command, []string, error) {
	word, rest := takeWord(args)
	if word == "" {
		if slices.Contains(args, "--version") {
			return a.lookup("version"), slices.DeleteFunc(slices.Clone(args), func(s string) bool { return s == "--version" }), nil
		}
		return a.lookup(""), args, nil
	}
	cmd := a.lookup(word)
	if cmd == nil {
		return nil, nil, a.unknown(word)
	}
	if part, more := takeWord(rest); part != "" {
		if sub := a.lookup(word + " " + part); sub != nil {
			return sub, more, nil
		}
	}
	return cmd, rest, nil
}

// takeWord returns the first argument that is neither a global flag nor the
// value of one, and the arguments without it.
func takeWord(args []string) (string, []string) {
	for i := 0; i < len(args); i++ {
		switch arg := args[i]; {
		case arg == "--home" || arg == "--passphrase-file":
			i++
		case arg == "--" || arg == "-":
			return "", args
		case !strings.HasPrefix(arg, "-"):
			return arg, slices.Concat(args[:i], args[i+1:])
		}
	}
	return "", args
}

func (a *app) lookup(name string) *command {
	for _, cmd := range a.table {
		if cmd.name == name {
			return cmd
		}
	}
	return nil
}

// unknown says which command could have been meant.
func (a *app) unknown(word string) error {
	for _, cmd := range a.table {
		if cmd.group != "" && (strings.HasPrefix(cmd.name, word) || nearly(cmd.name, word)) {
			return ui.Usage.Because("there is no command %q; did you mean 'kith %s'?", word, cmd.name)
		}
	}
	return ui.Usage.Because("there is no command %q; 'kith help' lists them", word)
}

// nearly reports whether two words differ by one character that was added,
// left out or changed, or by two that were swapped.
func nearly(a, b string) bool {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	a, b = a[i:], b[i:]
	switch len(a) - len(b) {
	case 1:
		return a[1:] == b
	case -1:
		return a == b[1:]
	case 0:
		return len(a) > 0 && a[1:] == b[1:] || len(a) > 1 && a[0] == b[1] && a[1] == b[0] && a[2:] == b[2:]
	}
	return false
}

func usageError(cmd *command, why string) error {
	if strings.Contains(why, "unknown") && strings.Contains(why, "flag") {
		return ui.Usage.Because("%s; put -- before a text that begins with -, or see '%s --help'", why, cmd.title())
	}
	return ui.Usage.Because("%s; see '%s --help'", why, cmd.title())
}

func countError(cmd *command, n int) error {
	usage := strings.TrimSpace(cmd.title() + " " + cmd.args)
	if n < cmd.min && strings.Contains(cmd.args, "CHAT") {
		return ui.Usage.Because("something is missing; write: %s (a shell wants quotes around a name with #, such as '#lobby')", usage)
	}
	if n < cmd.min {
		return ui.Usage.Because("something is missing; write: %s", usage)
	}
	return ui.Usage.Because("that is too much; write: %s", usage)
}

// title is what to type for the command.
func (cmd *command) title() string { return strings.TrimSpace("kith " + cmd.name) }
