package cli

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

var update = flag.Bool("update", false, "write the golden files again")

// TestMain puts the tests into one time zone, since texts show local time.
func TestMain(m *testing.M) {
	time.Local = time.UTC
	os.Exit(m.Run())
}

// golden compares got with testdata/name.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test ./ui/cli -update writes it again); got:\n%s", path, got)
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	s := newSession(t, nil)
	var all strings.Builder
	all.WriteString(s.must(t, "help"))
	for _, cmd := range commands() {
		if cmd.name == "" {
			continue
		}
		one := newSession(t, nil)
		all.WriteString("\n== " + cmd.name + "\n" + one.must(t, append(strings.Fields(cmd.name), "--help")...))
	}
	golden(t, "help.golden", all.String())
	if one := newSession(t, nil); one.must(t, "help", "friends", "add") != newSession(t, nil).must(t, "friends", "add", "-h") {
		t.Error("'help NAME' and 'NAME --help' differ")
	}
	if bare := newSession(t, nil); bare.must(t) != s.out.String() {
		t.Error("without a terminal, kith alone must print the help")
	}
}

// TestTable holds the table to its own rules.
func TestTable(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, g := range groups() {
		known[g] = true
	}
	seen := map[string]bool{}
	for _, cmd := range commands() {
		if seen[cmd.name] {
			t.Errorf("%q stands twice in the table", cmd.name)
		}
		seen[cmd.name] = true
		if parent, _, part := strings.Cut(cmd.name, " "); part {
			if !seen[parent] || cmd.group != "" {
				t.Errorf("%q must come after %q and have no heading of its own", cmd.name, parent)
			}
		} else if cmd.name != "" && !known[cmd.group] {
			t.Errorf("%q has the unknown heading %q", cmd.name, cmd.group)
		}
		if cmd.short == "" || strings.HasSuffix(cmd.short, ".") || strings.ToUpper(cmd.short[:1]) == cmd.short[:1] {
			t.Errorf("%q: %q must begin small and have no full stop", cmd.name, cmd.short)
		}
		if cmd.max >= 0 && cmd.max < cmd.min {
			t.Errorf("%q takes at least %d and at most %d arguments", cmd.name, cmd.min, cmd.max)
		}
		if (cmd.max != 0) != (cmd.args != "") {
			t.Errorf("%q takes up to %d arguments and names %q", cmd.name, cmd.max, cmd.args)
		}
		for _, line := range strings.Split(cmd.long, "\n") {
			if ui.Width(ui.Line(line)) > 80 {
				t.Errorf("%q: %q is wider than 80 columns", cmd.name, line)
			}
		}
	}
	for _, name := range strings.Fields("init id invite friends chats send history search listen chat join leave groups members " +
		"files peers status doctor serve stop config export completion version edit retract react read devices") {
		if !seen[name] {
			t.Errorf("there is no command %s", name)
		}
	}
}

// TestJSON pins the field names that scripts rely on.
func TestJSON(t *testing.T) {
	t.Parallel()
	var all strings.Builder
	for _, line := range []string{
		"id --json", "invite --json", "devices --json", "chats --json", "--json groups", "friends --json", "friends --json list",
		"friends requests --json", "friends find --json", "friends add dee hello --json", "history lobby -n 2 --json", "search line --json",
		"send lobby hello --json", "members lobby --json", "files list --json", "files --json", "peers --json", "status --json",
		"config --json --set receipts=false", "version --json", "leave x --json", "join lobby --json",
	} {
		_, api := newFake(t)
		s := newSession(t, api)
		code := s.run(t, strings.Fields(line)...)
		all.WriteString("$ kith " + line + "\n" + s.out.String() + s.err.String())
		if code != 0 {
			all.WriteString("exit " + string(rune('0'+code)) + "\n")
		}
	}
	golden(t, "json.golden", steady(all.String()))
}

// steady takes out what differs between machines.
func steady(s string) string {
	var out []string
	for _, l := range strings.Split(s, "\n") {
		if i := strings.Index(l, `,"go":`); i >= 0 {
			l = l[:i] + "}"
		}
		out = append(out, l)
	}
	return strings.Join(out, "\n")
}

func TestTextOutput(t *testing.T) {
	t.Parallel()
	var all strings.Builder
	for _, line := range []string{
		"id", "devices", "chats", "friends", "friends find", "history lobby -n 2", "search line", "send lobby :tada:", "members lobby", "files",
		"peers", "status", "doctor bob", "friends verify bob --show", "devices link", "devices rename old new", "devices revoke old", "ignore", "ignore eve", "ignore eve --remove", "prefs", "set lobby --mute --for 8h",
	} {
		_, api := newFake(t)
		s := newSession(t, api)
		code := s.run(t, strings.Fields(line)...)
		all.WriteString("$ kith " + line + "\n" + s.out.String() + s.err.String())
		if code != 0 {
			all.WriteString("exit " + string(rune('0'+code)) + "\n")
		}
	}
	golden(t, "text.golden", all.String())
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		line string
		node bool
		fail error
		code int
		says string
	}{
		{"send bob", true, nil, ui.ExitUsage, "quotes around a name with #"},
		{"sned bob hi", true, nil, ui.ExitUsage, "did you mean 'kith send'?"},
		{"send bob -hello", true, nil, ui.ExitUsage, "put -- before"},
		{"history lobby --since noon-ish", true, nil, ui.ExitUsage, "wants a message ID or a time"},
		{"export --format pdf", true, nil, ui.ExitUsage, "jsonl or md"},
		{"set lobby --for 8h", true, nil, ui.ExitUsage, "belongs to --mute"},
		{"completion tcsh", true, nil, ui.ExitUsage, "bash, zsh or fish"},
		{"serve --log loud", true, nil, ui.ExitUsage, "debug, info, warn or error"},
		{"help nothing", true, nil, ui.ExitUsage, "no command"},
		{"send bob hi", false, nil, ui.ExitNoNode, "kith serve"},
		{"status", false, nil, ui.ExitNoNode, "kith serve"},
		{"stop", false, nil, ui.ExitNoNode, "kith serve"},
		{"history lobby", false, nil, ui.ExitNotFound, "kith init"},
		{"history nowhere", true, nil, ui.ExitNotFound, "there is no chat nowhere"},
		{"send lobby hi", true, reason(connect.CodePermissionDenied, apiv1.Reason_REASON_NOT_ALLOWED, "no friend"), ui.ExitRefused, "no friend"},
		{"send lobby hi", true, reason(connect.CodeResourceExhausted, apiv1.Reason_REASON_DISK_FULL, ""), ui.ExitFailed, "disk is full"},
		{"send @bob hi --wait 1ms", true, nil, ui.ExitTimeout, "stays queued"},
		{"files send bob /no/such/file", true, nil, ui.ExitNotFound, "no file"},
		{"files send bob /", true, nil, ui.ExitUsage, "not a plain file"},
		{"doctor bob", true, nil, ui.ExitFailed, "not reached"},
		{"invite revoke x", true, nil, ui.ExitFailed, "another version"},
	} {
		f, api := newFake(t)
		f.fail = c.fail
		if !c.node {
			api = nil
		}
		for _, json := range []bool{false, true} {
			s := newSession(t, api)
			args := strings.Fields(c.line)
			if json {
				args = append([]string{"--json"}, args...)
			}
			code := s.run(t, args...)
			text := s.err.String()
			if code != c.code || !strings.Contains(text, c.says) {
				t.Errorf("kith %s (json %v) = %d, want %d with %q; said %s", c.line, json, code, c.code, c.says, text)
			}
			lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
			if end := lines[len(lines)-1]; !json && !strings.HasPrefix(end, "kith: ") || json && !strings.HasPrefix(end, `{"error":`) {
				t.Errorf("kith %s (json %v) ended with %q", c.line, json, end)
			}
		}
	}
}

func TestSend(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args  []string
		stdin string
		want  string
	}{
		{[]string{"send", "lobby", "two", "words"}, "", "two words"},
		{[]string{"send", "lobby", "hi :tada:"}, "", "hi 🎉"},
		{[]string{"send", "--raw", "lobby", ":tada:"}, "", ":tada:"},
		{[]string{"send", "lobby", "--", "-x", "--home"}, "", "-x --home"},
		{[]string{"send", "lobby", "-"}, "one\ntwo\r\n", "one\ntwo"},
	} {
		f, api := newFake(t)
		s := newSession(t, api)
		s.streams.In = strings.NewReader(c.stdin)
		s.must(t, c.args...)
		if got := last[*apiv1.SendRequest](t, f); got.GetText() != c.want || !got.GetRawText() {
			t.Errorf("kith %q sent %q, want %q", c.args, got.GetText(), c.want)
		}
	}
}

func TestHistoryBounds(t *testing.T) {
	t.Parallel()
	f, api := newFake(t)
	s := newSession(t, api)
	for range pageSize {
		f.messages = append(f.messages, &apiv1.Message{Id: id(len(f.messages)), Chat: "#lobby", TimeMs: noon, From: bob, Text: "x"})
	}
	if lines := strings.Count(s.must(t, "history", "lobby", "--json", "--since", "2026-11-01"), "\n"); lines != pageSize+3 {
		t.Errorf("%d messages since, want all %d", lines, pageSize+3)
	}
	one := newSession(t, api)
	if lines := strings.Count(one.must(t, "history", "lobby", "--json", "-n", "501"), "\n"); lines != 501 {
		t.Errorf("%d messages, want 501", lines)
	}
	two := newSession(t, api)
	two.must(t, "history", "lobby", "--json", "--before", "00000002", "--since", "2h")
	r := last[*apiv1.HistoryRequest](t, f)
	if r.GetBefore() != "00000002" || r.GetSinceMs() == 0 || r.GetAfter() != "" {
		t.Errorf("asked for %v", r)
	}
}

func TestBriefStart(t *testing.T) {
	t.Parallel()
	_, api := newFake(t)
	s := newSession(t, nil)
	s.env[passphraseEnv] = "secret"
	closed := false
	s.deps.Brief = func(_ context.Context, o OpenOptions) (*API, func() error, error) {
		if p, err := o.Passphrase(); err != nil || p != "secret" {
			t.Errorf("the passphrase is %q, %v", p, err)
		}
		return api, func() error { closed = true; return nil }, nil
	}
	if out := s.must(t, "history", "lobby", "-n", "1"); !strings.Contains(out, "line 2") {
		t.Errorf("no history: %s", out)
	}
	if !closed || !strings.Contains(s.err.String(), "looked into the store alone") || s.env[passphraseEnv] != "" {
		t.Errorf("closed %v, environment %v, said %s", closed, s.env, s.err.String())
	}
}

func TestPassphraseIsAskedAgain(t *testing.T) {
	t.Parallel()
	_, api := newFake(t)
	s := newSession(t, nil)
	s.streams.InTTY = true
	answers := []string{"wrong", "right"}
	s.streams.Secret = func() (string, error) {
		a := answers[0]
		answers = answers[1:]
		return a, nil
	}
	s.deps.Brief = func(_ context.Context, o OpenOptions) (*API, func() error, error) {
		if p, _ := o.Passphrase(); p != "right" {
			return nil, nil, ErrPassphrase
		}
		return api, func() error { return nil }, nil
	}
	s.must(t, "chats")
	wrong := newSession(t, nil)
	wrong.deps.Brief = s.deps.Brief
	if code := wrong.run(t, "chats"); code != ui.ExitRefused {
		t.Errorf("no passphrase and no terminal ended with %d", code)
	}
}

func TestInit(t *testing.T) {
	t.Parallel()
	words := strings.TrimSpace(strings.Repeat("abandon ", 23) + "art")
	s := newSession(t, nil)
	s.deps.HasProfile = func(string) (bool, error) { return false, nil }
	var got InitOptions
	s.deps.Init = func(_ context.Context, o InitOptions) (InitResult, error) {
		got = o
		return InitResult{Account: "kith1ann", Device: "12D3ann", Name: o.Name, Invite: "kith:xyz", Phrase: words, Vault: "key file"}, nil
	}
	out := s.must(t, "init", "--name", "Ann", "--json", "--home", "/tmp/x")
	want := `{"account":"kith1ann","device":"12D3ann","name":"Ann","invite":"kith:xyz","phrase":"` + words + `","vault":"key file"}` + "\n"
	if out != want || got.Home != "/tmp/x" || got.Passphrase != "" {
		t.Errorf("printed %s, made %+v", out, got)
	}
	if code := newSession(t, nil).run(t, "init", "--name", "Ann"); code != ui.ExitFailed {
		t.Errorf("a second account in the same home ended with %d", code)
	}
	s.out, s.err = buffer{}, buffer{}
	if code := s.run(t, "init"); code != ui.ExitUsage {
		t.Errorf("without a name and a terminal it ended with %d", code)
	}
	s.streams.In = strings.NewReader(strings.ToUpper(words) + "\n")
	s.env[passphraseEnv] = "p"
	s.must(t, "init", "--restore", "--name", "Ann")
	if got.Phrase != words || got.Passphrase != "p" {
		t.Errorf("restored %+v", got)
	}
	s.streams.In = strings.NewReader("too few words")
	if code := s.run(t, "init", "--restore", "--name", "Ann"); code != ui.ExitUsage {
		t.Errorf("three words ended with %d", code)
	}
}

func TestFilesGetShowsProgress(t *testing.T) {
	t.Parallel()
	_, api := newFake(t)
	s := newSession(t, api)
	out := s.must(t, "files", "get", "00000009")
	for _, want := range []string{"[######..................]  25 % of 2 KiB  fish.png", "done", "/downloads/fish.png"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	_, api = newFake(t)
	tty := newSession(t, api)
	tty.streams.OutTTY = true
	tty.must(t, "files", "get", "00000009")
	if !strings.Contains(tty.err.String(), "\r[####") {
		t.Errorf("no bar on the terminal: %q", tty.err.String())
	}
	_, api = newFake(t)
	slow := newSession(t, api)
	if code := slow.run(t, "files", "get", "00000009", "--wait", "1ms"); code != ui.ExitTimeout {
		t.Errorf("a slow file ended with %d: %s", code, slow.err.String())
	}
}

func TestExportIsCleaned(t *testing.T) {
	t.Parallel()
	_, api := newFake(t)
	s := newSession(t, api)
	if got, want := s.must(t, "export", "bob"), "{\"text\":\"a\\u202eb\\u009bc\"}\n{}\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	path := filepath.Join(t.TempDir(), "bob.md")
	newSession(t, api).must(t, "export", "bob", "--format", "md", "-o", path)
	if b, err := os.ReadFile(path); err != nil || string(b) != "# bob\n\nhi ␛[31mred\n" {
		t.Errorf("the file has %q, %v", b, err)
	}
	if code := newSession(t, api).run(t, "export", "bob", "-o", path); code != ui.ExitFailed {
		t.Errorf("writing over a file ended with %d", code)
	}
}

func TestInviteQR(t *testing.T) {
	t.Parallel()
	_, api := newFake(t)
	s := newSession(t, api)
	if out := s.must(t, "invite"); out != "kith:xyz\n" {
		t.Errorf("in a pipe the link must stand alone: %q", out)
	}
	s = newSession(t, api)
	if out := s.must(t, "invite", "--qr"); !strings.Contains(out, "█▀▀▀") && !strings.Contains(out, "█ ▄▄▄") {
		t.Errorf("no QR code in %q", out)
	}
	lines, width := ui.QR(strings.Repeat("kith:aB3-", 50), false)
	if width == 0 || width > 80 {
		t.Errorf("a link of 450 characters needs %d columns", width)
	}
	for _, l := range lines {
		if ui.Width(l) != width {
			t.Errorf("%q has %d columns, want %d", l, ui.Width(l), width)
		}
	}
	if _, width := ui.QR(strings.Repeat("x", 5000), false); width != 0 {
		t.Error("5,000 characters do not fit into any code")
	}
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "zsh", "fish"} {
		out := newSession(t, nil).must(t, "completion", shell)
		for _, want := range []string{"friends", "accept", "bootstrap"} {
			if !strings.Contains(out, want) {
				t.Errorf("%s: no %q", shell, want)
			}
		}
	}
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash here")
	}
	script := newSession(t, nil).must(t, "completion", "bash") + `
try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _kith; echo "${COMPREPLY[*]}"; }
try kith fri
try kith friends ac
try kith friends add --no
try kith send --w
`
	cmd := exec.Command(bash, "--norc")
	cmd.Stdin = strings.NewReader(script)
	out, err := cmd.CombinedOutput()
	if want := "friends\naccept\n--note\n--wait\n"; err != nil || string(out) != want {
		t.Errorf("bash completes %q (%v), want %q", out, err, want)
	}
}
