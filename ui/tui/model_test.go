package tui

import (
	"fmt"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"connectrpc.com/connect"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

// screen returns the screen without colours.
func (w *world) screen() string { return stripColour(w.m.View().Content) }

func (w *world) has(want string) {
	w.t.Helper()
	if s := w.screen(); !strings.Contains(s, want) {
		w.t.Fatalf("the screen lacks %q:\n%s", want, s)
	}
}

func (w *world) lacks(not string) {
	w.t.Helper()
	if s := w.screen(); strings.Contains(s, not) {
		w.t.Fatalf("the screen has %q:\n%s", not, s)
	}
}

func TestTalk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 100, 30, 3, 500)
	w.has("message 499")
	w.has("# chat0")
	w.typeText("hello :tada:")
	w.press("<enter>")
	if len(w.chats.sent) != 1 || w.chats.sent[0].GetText() != "hello 🎉" || !w.chats.sent[0].GetRawText() {
		t.Fatalf("sent %v", w.chats.sent)
	}
	w.has("hello 🎉")
	w.has("◌")
	w.press("<up>")
	w.has("hello :tada:") // what was sent can be sent again
}

func TestHistoryHasNoEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 80, 24, 1, 5000)
	seen := map[int]bool{}
	for range 3000 {
		w.press("<pgup>")
		for _, p := range w.m.viewport(w.m.talk()).rows() {
			if p.index >= 0 {
				var n int
				if _, err := fmt.Sscanf(w.m.talk().msgs[p.index].GetText(), "message %d:", &n); err == nil {
					seen[n] = true
				}
			}
		}
		if seen[0] {
			break
		}
	}
	if len(seen) < 4990 {
		t.Fatalf("going up showed %d of 5000 messages", len(seen))
	}
	if n := len(w.m.talk().msgs); n > maxHeld+2*pageSize {
		t.Fatalf("%d messages are held", n)
	}
	w.press("<end>")
	w.has("message 4999")
}

func TestReadWhenSeen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 80, 24, 2, 50)
	w.take(tea.BlurMsg{})
	c := &apiv1.Chat{Ref: "#chat0", Joined: true, Unread: 3, Messages: 50}
	w.take(news{[]*apiv1.WatchResponse{{News: &apiv1.WatchResponse_Chat{Chat: c}}}})
	w.wait()
	if len(w.chats.read) > 0 {
		t.Fatal("read while the window had no focus")
	}
	w.take(tea.FocusMsg{})
	w.wait()
	if len(w.chats.read) != 1 || w.chats.read[0].GetUpTo() != fmt.Sprintf("%016x", 49) {
		t.Fatalf("read: %v", w.chats.read)
	}
}

func TestDraft(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 80, 24, 2, 5)
	w.typeText("not yet")
	w.wait()
	if n := len(w.chats.set); n != 1 || w.chats.set[0].GetDraft() != "not yet" {
		t.Fatalf("kept %v", w.chats.set)
	}
	w.press("<alt+2>")
	w.has("✎")
	w.lacks("not yet")
	w.press("<alt+down>")
	w.has("not yet")
}

func TestFailureKeepsTheText(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 80, 24, 1, 5)
	w.chats.err = connect.NewError(connect.CodePermissionDenied, errText("no"))
	w.typeText("precious")
	w.press("<enter>")
	w.has("› precious")
	w.has("✗")
	w.typeText("!")
	w.m.toasts = nil
	w.press("<esc>")
	w.m.command("log")
	w.has("Log")
}

func TestSwitcher(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 80, 24, 30, 5)
	w.press("<ctrl+k>")
	w.has("Go to")
	w.typeText("ht27")
	w.press("<enter>")
	if w.m.current != "#chat27" {
		t.Fatalf("went to %q", w.m.current)
	}
}

func TestUnreadFirstThoseThatMatter(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 80, 24, 5, 5)
	for ref, c := range map[string]*apiv1.Chat{"#chat1": {Muted: true, Unread: 9}, "#chat2": {Unread: 1}, "#chat3": {Unread: 1, Mentions: 1}} {
		c.Ref, c.Joined = ref, true
		w.take(news{[]*apiv1.WatchResponse{{News: &apiv1.WatchResponse_Chat{Chat: c}}}})
	}
	w.has("@1")
	w.take(news{[]*apiv1.WatchResponse{{Fresh: true, News: &apiv1.WatchResponse_Message{Message: w.chats.messageAt("#chat2", 900)}}}})
	if n := w.m.chats["#chat2"].GetUnread(); n != 2 {
		t.Fatalf("%d unread after one more", n)
	}
	w.press("<alt+a>")
	if w.m.current != "#chat3" {
		t.Fatalf("went to %q", w.m.current)
	}
}

func TestSearchJumps(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 80, 24, 1, 5000)
	w.press("<ctrl+f>")
	w.typeText("quick")
	w.wait()
	w.has("message 10")
	w.press("<enter>")
	w.has("message 10:")
	if !w.m.selecting || w.m.talk().selected != fmt.Sprintf("%016x", 10) {
		t.Fatal("the message that was found is not selected")
	}
	w.press("<esc>")
	w.has("message 4999")
}

func TestPasteOfManyLines(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 80, 24, 1, 5)
	w.take(tea.PasteMsg{Content: "one\ntwo"})
	w.has("two")
	w.m.composer.set("")
	w.take(tea.PasteMsg{Content: strings.Repeat("line\n", 30)})
	w.has("Paste 30 lines?")
	w.press("c")
	if s := w.m.composer.String(); !strings.HasPrefix(s, "```\nline\n") {
		t.Fatalf("composer has %q", s)
	}
}

func TestKeysRemapped(t *testing.T) {
	t.Parallel()
	k, unknown := newKeymap(map[string]string{"keys.switch": "Ctrl-O, f2", "keys.nothing": "x", "theme": "dark"})
	if k.acts["ctrl+o"] != actSwitch || k.acts["f2"] != actSwitch || k.acts["ctrl+k"] != "" {
		t.Error("the switcher did not move")
	}
	if len(unknown) != 1 || unknown[0] != "keys.nothing" {
		t.Errorf("unknown: %v", unknown)
	}
}

func TestFolds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 40, 12, 3, 50)
	w.has("message 49")
	w.lacks("chat1")
	w.press("<esc>")
	w.has("chat1")
	w.press("<down>", "<enter>")
	w.has("message 49")
	checkSize(t, w)
}

func TestBurstFollows(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 80, 24, 1, 100)
	for range 20 {
		var batch news
		for range 1000 {
			w.chats.total++
			batch.items = append(batch.items, &apiv1.WatchResponse{
				Fresh: true, News: &apiv1.WatchResponse_Message{Message: w.chats.messageAt("#chat0", w.chats.total-1)},
			})
		}
		w.take(batch)
	}
	if n := len(w.m.talk().msgs); n > maxHeld {
		t.Fatalf("%d messages are held", n)
	}
	if got, want := w.m.talk().newest().GetId(), fmt.Sprintf("%016x", w.chats.total-1); got != want {
		t.Fatalf("the newest is %s, want %s", got, want)
	}
	if !w.m.talk().older {
		t.Fatal("what was dropped cannot be loaded again")
	}
}

func TestSelect(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 80, 24, 1, 50)
	w.press("<alt+s>", "<up>", "r")
	w.has("↩ answering")
	w.typeText("yes")
	w.press("<enter>")
	if got := w.chats.sent[0].GetReplyTo(); got != fmt.Sprintf("%016x", 48) {
		t.Fatalf("answered %q", got)
	}
}

func TestEditor(t *testing.T) {
	t.Parallel()
	var e editor
	e.insert("hello wide 世界 👨‍👩‍👧‍👦!")
	if n := len(e.chars); n != 16 {
		t.Fatalf("%d characters: %q", n, e.chars)
	}
	e.do(editBackspace)
	e.do(editBackspace)
	e.do(editKillWord)
	if e.String() != "hello wide " {
		t.Fatalf("%q", e.String())
	}
	e.do(editYank)
	e.do(editHome)
	e.insert("e")
	e.insert("\u0301")
	if e.chars[0] != "e\u0301" {
		t.Fatalf("the mark does not stand on its letter: %q", e.chars)
	}
	e.insert("\x1b[31m\u202e")
	if s := e.String(); strings.ContainsAny(s, "\x1b\u202e") {
		t.Fatalf("%q", s)
	}
	rows, x, y := e.rows(4)
	if len(rows) < 3 || x > 4 || y >= len(rows) {
		t.Fatalf("%q %d %d", rows, x, y)
	}
}

func TestMarkdown(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a **b** *c*":          "a b c",
		"- x\n- y":             "• x|• y",
		"```\ncode  x\n```":    "▏code  x ",
		"[t](http://e.org)":    "t <http://e.org>",
		"> q":                  "┃ q",
		"a\nb":                 "a|b",
		"2 * 3 * 4":            "2 * 3 * 4",
		`\*a\*`:                "*a*",
		"1. x\n2. y":           "1. x|2. y",
		"<b>x</b>":             "<b>x</b>",
		"snake_case_name":      "snake_case_name",
		"&lt;":                 "&lt;",
		"https://e.org/a_b_c.": "https://e.org/a_b_c.",
	} {
		var got []string
		for _, l := range layout(newParser(), in, 60, nil) {
			var b strings.Builder
			for _, s := range l {
				b.WriteString(s.text)
			}
			got = append(got, b.String())
		}
		if s := strings.Join(got, "|"); s != want {
			t.Errorf("%q: %q, want %q", in, s, want)
		}
	}
}

func TestWrapKeepsEverything(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"a bb ccc dddd", "你好世界你好世界", strings.Repeat("x", 50), "a 你b好 c"} {
		for n := 2; n < 20; n++ {
			var got strings.Builder
			for _, l := range wrap(line{sp(plain, ui.Line(s))}, n) {
				if l.width() > n {
					t.Errorf("%q at %d: a row of %d", s, n, l.width())
				}
				for _, p := range l {
					got.WriteString(p.text)
				}
			}
			if a, b := strings.ReplaceAll(got.String(), " ", ""), strings.ReplaceAll(s, " ", ""); a != b {
				t.Errorf("%q at %d became %q", s, n, got.String())
			}
		}
	}
}
