package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// seenWithin bounds every wait for something on a screen.
const seenWithin = 30 * time.Second

// stage is a tmux server of its own, whose panes are the terminals of people.
type stage struct {
	t      *testing.T
	dir    string
	socket string
	kith   string // this test's program under the name kith
	names  []string
}

func newStage(t *testing.T) *stage {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip("there is no tmux here")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// The path of a socket is short, and that of t.TempDir is not.
	dir, err := os.MkdirTemp("", "kith")
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, dir: dir, socket: filepath.Join(dir, "tmux"), kith: filepath.Join(dir, "kith")}
	t.Cleanup(func() {
		_ = exec.Command("tmux", "-S", s.socket, "kill-server").Run() // none runs if the test failed early
		if err := os.RemoveAll(dir); err != nil {
			t.Log(err)
		}
	})
	if err := os.Symlink(self, s.kith); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *stage) tmux(args ...string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), seenWithin)
	defer cancel()
	out, err := exec.CommandContext(ctx, "tmux", append([]string{"-S", s.socket, "-f", "/dev/null"}, args...)...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("tmux %q: %v: %s", args, err, out)
	}
	return string(out)
}

// terminal is one person's terminal, with a profile of its own.
type terminal struct {
	*stage
	name string
	env  []string
}

// newTerminal opens a terminal in which kith has just been started.
func (s *stage) newTerminal(name, lang string, columns, rows int) *terminal {
	s.t.Helper()
	p := &terminal{stage: s, name: name, env: []string{
		"HOME=" + s.dir, "KITH_HOME=" + filepath.Join(s.dir, name), keyringSwitch + "=off", "KITH_LISTEN=/ip4/127.0.0.1/tcp/0",
		"KITH_MDNS=false", "KITH_DHT=off", "KITH_BOOTSTRAP=none", "KITH_MIN_FREE=16MiB", "KITH_WEB=off",
		"LANG=" + lang, "COLORTERM=truecolor", "TZ=UTC",
	}}
	s.tmux("new-session", "-d", "-s", name, "-x", strconv.Itoa(columns), "-y", strconv.Itoa(rows), "sh")
	s.tmux("set-option", "-g", "status", "off")
	s.tmux("resize-window", "-t", name, "-x", strconv.Itoa(columns), "-y", strconv.Itoa(rows))
	s.names = append(s.names, name)
	p.start()
	return p
}

// start starts kith in the terminal's shell.
func (p *terminal) start() {
	p.t.Helper()
	p.line("clear; env " + strings.Join(p.env, " ") + " " + p.kith + "; echo ended with $?")
}

// line types a line and presses Enter.
func (p *terminal) line(text string) {
	p.t.Helper()
	p.tmux("send-keys", "-t", p.name, "-l", text)
	p.press("Enter")
}

// press presses keys by their names in tmux.
func (p *terminal) press(keys ...string) {
	p.t.Helper()
	p.tmux(append([]string{"send-keys", "-t", p.name}, keys...)...)
}

// screen is what stands on the screen.
func (p *terminal) screen() string { return p.tmux("capture-pane", "-p", "-t", p.name) }

// sees waits until all the texts stand on the screen at once.
func (p *terminal) sees(texts ...string) string {
	p.t.Helper()
	return p.until(fmt.Sprintf("see %q", texts), func(now string) bool {
		return !slices.ContainsFunc(texts, func(want string) bool { return !strings.Contains(now, want) })
	})
}

// gone waits until a text does not stand on the screen any more.
func (p *terminal) gone(text string) {
	p.t.Helper()
	p.until(fmt.Sprintf("get rid of %q", text), func(now string) bool { return !strings.Contains(now, text) })
}

func (p *terminal) until(what string, holds func(screen string) bool) string {
	p.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(seenWithin)
	for {
		now := p.screen()
		if holds(now) {
			return now
		}
		if time.Now().After(deadline) {
			for _, name := range p.names {
				p.t.Logf("the screen of %s:\n%s", name, p.tmux("capture-pane", "-p", "-t", name))
				p.tmux("send-keys", "-t", name, "M-g") // what was reported there
				<-tick.C
				<-tick.C
				p.t.Logf("and its log:\n%s", p.tmux("capture-pane", "-p", "-t", name))
			}
			p.t.Fatalf("%s does not %s", p.name, what)
		}
		<-tick.C
	}
}

// command runs kith beside the screen, on the same profile.
func (p *terminal) command(args ...string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), seenWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.kith, args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, p.env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		p.t.Fatalf("%s: kith %q: %v: %s", p.name, args, err, stderr.Bytes())
	}
	return strings.TrimSpace(string(out))
}

// firstRun goes through the first run; checks says whether the phrase is
// checked or that is put off.
func (p *terminal) firstRun(checks bool) {
	p.t.Helper()
	p.sees("Welcome to kith")
	p.line(p.name)
	p.sees("A passphrase?")
	p.press("Enter")
	words := map[string]string{}
	for _, m := range regexp.MustCompile(`(\d+) ([a-z]+)`).FindAllStringSubmatch(p.sees("Your recovery phrase", "24 "), -1) {
		words[m[1]] = m[2]
	}
	p.press("Enter")
	ask := regexp.MustCompile(`Type words (\d+) and (\d+)`).FindStringSubmatch(p.sees("Check what you wrote", "Type words"))
	if ask == nil {
		p.t.Fatalf("no words are asked for:\n%s", p.screen())
	}
	if checks {
		p.line(words[ask[1]] + " " + words[ask[2]])
	} else {
		p.press("C-l")
	}
	p.sees("Your invite", "kith:")
	p.press("Enter")
	p.sees("Join the group #")
	p.press("Enter")
	p.sees("# lobby", "Ctrl-K")
}

// quit leaves the screen; the node ends with it.
func (p *terminal) quit() {
	p.t.Helper()
	p.press("C-q")
	p.sees("Leave kith?")
	p.press("Enter")
	p.sees("ended with 0")
}

// meet makes two people friends by an invite.
func meet(ann, bob *terminal) {
	ann.t.Helper()
	invite := regexp.MustCompile(`kith:[A-Za-z0-9_-]+`).FindString(ann.command("invite"))
	bob.line("/friend " + invite)
	ann.sees("1 request")
	ann.press("M-r")
	ann.sees("Friend request", "bob", "Safety number")
	ann.press("a")
	ann.gone("Safety number")
	ann.sees("beginning of your chat with bob")
	bob.sees("ann")
}

// goTo opens a chat by the switcher.
func (p *terminal) goTo(what, then string) {
	p.t.Helper()
	p.press("C-k")
	p.sees("Go to")
	p.tmux("send-keys", "-t", p.name, "-l", what)
	p.sees("Go to", what)
	p.press("Enter")
	p.gone("Go to")
	p.sees(then)
}

// TestScreensTalk goes through everything that a newcomer does, on two real
// nodes and two terminals: first run, a friend by invite, both ways, a group, a
// file, a search, and all of it again after a restart.
func TestScreensTalk(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("two programs on two terminals take a while")
	}
	s := newStage(t)
	ann, bob := s.newTerminal("ann", "C.UTF-8", 100, 30), s.newTerminal("bob", "C.UTF-8", 100, 30)
	ann.firstRun(true)
	bob.firstRun(false)
	meet(ann, bob)

	ann.line("hello bob, *this* works")
	bob.sees("● ann", "hello bob, this works")
	bob.line("hi ann :tada:")
	ann.sees("hi ann 🎉")
	ann.sees("◉") // read

	for _, p := range []*terminal{ann, bob} {
		p.line("/join harbour")
		p.sees("# harbour", "Nothing has been said in #harbour yet")
	}
	bob.sees("2 people")
	ann.line("ahoy from ann")
	bob.sees("ahoy from ann")
	bob.line("ahoy from bob")
	ann.sees("ahoy from bob")

	note := filepath.Join(s.dir, "note.txt")
	if err := os.WriteFile(note, []byte(strings.Repeat("the sea is calm\n", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	ann.goTo("bob", "hello bob, this works")
	ann.line("/send " + note)
	bob.goTo("ann", "note.txt")
	bob.sees("note.txt", "✓ here")

	bob.press("C-f")
	bob.sees("Search in")
	s.tmux("send-keys", "-t", "bob", "-l", "works")
	bob.sees("Search in", "ann: hello bob")
	bob.press("Escape")
	bob.gone("Search in")

	ann.quit()
	bob.quit()
	ann.start()
	ann.sees("hello bob, this works", "hi ann 🎉", "note.txt", "harbour", "lobby")
	bob.start()
	bob.sees("Is your recovery phrase written down?")
	bob.press("Escape")
	bob.sees("hello bob, this works", "hi ann 🎉", "note.txt", "✓ here", "harbour", "lobby")
	ann.quit()
	bob.quit()
}
