package notify

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
	"github.com/kith-chat/kith/ui/words"
)

func persons() (me, bob *apiv1.Person) {
	return &apiv1.Person{Account: "kith1ann", Name: "ann", Self: true}, &apiv1.Person{Account: "kith1bob", Name: "bob"}
}

func TestDecide(t *testing.T) {
	t.Parallel()
	me, bob := persons()
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	night := noon.Add(12 * time.Hour)
	group := &apiv1.Chat{Ref: "#lobby", Kind: apiv1.ChatKind_CHAT_KIND_PUBLIC}
	private := &apiv1.Chat{Ref: "@kith1bob", Kind: apiv1.ChatKind_CHAT_KIND_DIRECT, Peer: bob}
	with := func(c *apiv1.Chat, f func(*apiv1.Chat)) *apiv1.Chat {
		c = &apiv1.Chat{Ref: c.GetRef(), Kind: c.GetKind(), Peer: c.GetPeer()}
		f(c)
		return c
	}
	muted := func(c *apiv1.Chat) { c.Muted = true }
	text := func(f func(*apiv1.Message)) *apiv1.WatchResponse {
		m := &apiv1.Message{Id: "1", From: bob, Text: "hi", Kind: "text", State: apiv1.State_STATE_RECEIVED}
		if f != nil {
			f(m)
		}
		return &apiv1.WatchResponse{Fresh: true, News: &apiv1.WatchResponse_Message{Message: m}}
	}
	mention := func(m *apiv1.Message) { m.MentionsMe = true }
	request := &apiv1.WatchResponse{News: &apiv1.WatchResponse_Friend{Friend: &apiv1.Friend{
		Person: bob, State: apiv1.FriendState_FRIEND_STATE_INCOMING,
	}}}
	invitation := &apiv1.WatchResponse{News: &apiv1.WatchResponse_Chat{Chat: with(group, func(c *apiv1.Chat) { c.InvitedBy = bob })}}
	old := text(nil)
	old.Fresh = false
	all := Defaults()
	set := func(kv ...string) Settings {
		p := map[string]string{}
		for i := 0; i < len(kv); i += 2 {
			p[kv[i]] = kv[i+1]
		}
		return ReadSettings(p)
	}
	for _, c := range []struct {
		name string
		s    Settings
		at   Scene
		news *apiv1.WatchResponse
		want bool
		kind Kind
	}{
		{"direct", all, Scene{Now: noon, Chat: private}, text(nil), true, Message},
		{"changed", all, Scene{Now: noon, Chat: private}, old, false, 0},
		{"own", all, Scene{Now: noon, Chat: private}, text(func(m *apiv1.Message) { m.From = me }), false, 0},
		{"own from another device", all, Scene{Now: noon, Chat: private}, text(func(m *apiv1.Message) { m.State = apiv1.State_STATE_SENT }), false, 0},
		{"retracted", all, Scene{Now: noon, Chat: private}, text(func(m *apiv1.Message) { m.Retracted = true }), false, 0},
		{"empty", all, Scene{Now: noon, Chat: private}, text(func(m *apiv1.Message) { m.Text = "" }), false, 0},
		{"file", all, Scene{Now: noon, Chat: private}, text(func(m *apiv1.Message) { m.Text, m.File = "", &apiv1.FileOffer{Name: "x"} }), true, Message},
		{"on screen", all, Scene{Now: noon, Chat: private, Open: "@kith1bob", Focused: true}, text(nil), false, 0},
		{"on screen, elsewhere", all, Scene{Now: noon, Chat: private, Open: "@kith1bob"}, text(nil), true, Message},
		{"another on screen", all, Scene{Now: noon, Chat: private, Open: "#lobby", Focused: true}, text(nil), true, Message},
		{"group", all, Scene{Now: noon, Chat: group}, text(nil), false, 0},
		{"groups wanted", set("notify.for", "groups"), Scene{Now: noon, Chat: group}, text(nil), true, Message},
		{"mention", all, Scene{Now: noon, Chat: group}, text(mention), true, Mention},
		{"mention in history", all, Scene{Now: noon, Chat: group}, text(func(m *apiv1.Message) { m.MentionsMe, m.Late = true, true }), false, 0},
		{"late direct", all, Scene{Now: noon, Chat: private}, text(func(m *apiv1.Message) { m.Late = true }), true, Message},
		{"muted", all, Scene{Now: noon, Chat: with(private, muted)}, text(nil), false, 0},
		{"muted mention", all, Scene{Now: noon, Chat: with(group, muted)}, text(mention), false, 0},
		{"muted but for mentions", all, Scene{Now: noon, Chat: with(group, func(c *apiv1.Chat) { c.Muted, c.MentionsOnly = true, true })}, text(mention), true, Mention},
		{"mute that has ended", all, Scene{Now: noon, Chat: with(private, func(c *apiv1.Chat) { c.Muted, c.MutedUntilMs = true, noon.UnixMilli() })}, text(nil), true, Message},
		{"mute that lasts", all, Scene{Now: noon, Chat: with(private, func(c *apiv1.Chat) { c.Muted, c.MutedUntilMs = true, noon.UnixMilli()+1 })}, text(nil), false, 0},
		{"request", all, Scene{Now: noon}, request, true, Request},
		{"requests not wanted", set("notify.for", "direct, mentions"), Scene{Now: noon}, request, false, 0},
		{"invitation", all, Scene{Now: noon}, invitation, true, Invitation},
		{"quiet", set("notify.quiet", "22:00-07:30"), Scene{Now: night, Chat: private}, text(nil), false, 0},
		{"not quiet", set("notify.quiet", "22:00-07:30"), Scene{Now: noon, Chat: private}, text(nil), true, Message},
		{"unknown chat", all, Scene{Now: noon}, text(nil), false, 0},
		{"other news", all, Scene{Now: noon}, &apiv1.WatchResponse{}, false, 0},
	} {
		a, got := Decide(c.s, c.at, c.news)
		if got != c.want || got && a.Kind != c.kind {
			t.Errorf("%s: %v %v, want %v %v", c.name, got, a.Kind, c.want, c.kind)
		}
	}
}

func TestQuiet(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		quiet, at string
		want      bool
	}{
		{"", "03:00", false},
		{"off", "03:00", false},
		{"22:00-07:30", "21:59", false},
		{"22:00-07:30", "22:00", true},
		{"22:00-07:30", "00:00", true},
		{"22:00-07:30", "07:29", true},
		{"22:00-07:30", "07:30", false},
		{"09:00 - 17:00", "12:00", true},
		{"09:00 - 17:00", "18:00", false},
		{"05:00-05:00", "05:00", false},
	} {
		q, ok := ParseQuiet(c.quiet)
		at, err := time.Parse("15:04", c.at)
		if err != nil {
			t.Fatal(err)
		}
		if !ok || q.Holds(at) != c.want {
			t.Errorf("%q at %s: %v, %v", c.quiet, c.at, ok, q.Holds(at))
		}
	}
	for _, bad := range []string{"22", "22-7", "25:00-01:00", "22:00-", "a-b"} {
		if _, ok := ParseQuiet(bad); ok {
			t.Errorf("ParseQuiet(%q) took it", bad)
		}
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	if got := ReadSettings(nil); got != Defaults() {
		t.Errorf("nothing set gives %+v", got)
	}
	s := ReadSettings(map[string]string{"notify": "Bell,desktop", "notify.hide": "true", "notify.quiet": "nonsense"})
	if !s.Bell || s.Terminal || !s.Desktop || !s.Hide || s.Quiet != (Quiet{}) {
		t.Errorf("%+v", s)
	}
	if s := ReadSettings(map[string]string{"notify": "off"}); s.Bell || s.Terminal || s.Desktop {
		t.Errorf("off gives %+v", s)
	}
}

func TestCompose(t *testing.T) {
	t.Parallel()
	_, bob := persons()
	cy := &apiv1.Person{Account: "kith1cy", Name: "cy"}
	direct := &apiv1.Chat{Ref: "@kith1bob", Kind: apiv1.ChatKind_CHAT_KIND_DIRECT, Peer: bob}
	lobby := &apiv1.Chat{Ref: "#lobby", Kind: apiv1.ChatKind_CHAT_KIND_PUBLIC}
	club := &apiv1.Chat{Ref: "&x1y2", Name: "Club", Kind: apiv1.ChatKind_CHAT_KIND_PRIVATE}
	one := Alert{From: bob, Chat: direct, Text: "hi\nthere"}
	two := Alert{Kind: Mention, From: cy, Chat: lobby, Text: "ann?"}
	ask := Alert{Kind: Request, From: cy, Text: "from the lake"}
	for _, c := range []struct {
		lang   string
		hide   bool
		alerts []Alert
		more   int
		want   string
	}{
		{"en", false, []Alert{one}, 0, "bob|hi there"},
		{"en", false, []Alert{two}, 0, "cy in #lobby|ann?"},
		{"zh", false, []Alert{{From: cy, Chat: club, File: "a.png"}}, 0, "cy 在 Club|文件：a.png"},
		{"en", false, []Alert{ask}, 0, "Friend request|cy: from the lake"},
		{"en", false, []Alert{{Kind: Request, From: cy}}, 0, "Friend request|cy"},
		{"en", false, []Alert{{Kind: Invitation, From: cy, Chat: club}}, 0, "Invitation to a group|cy invites you to Club"},
		{"en", false, []Alert{one, one, two}, 0, "3 new messages|bob (2), #lobby (1)"},
		{"en", false, []Alert{one, ask}, 0, "a new message, a request|bob (1), cy (1)"},
		{"en", false, []Alert{one}, 936, "937 new messages|bob (1)"},
		{"en", true, []Alert{one}, 0, "kith|a new message"},
		{"zh", true, []Alert{one, two, ask}, 0, "kith|2 条新消息, 1 个请求"},
	} {
		n := Compose(words.Pick(c.lang), c.hide, c.alerts, c.more)
		if got := n.Title.String() + "|" + n.Body.String(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// TestHostileNotes: nothing that a peer chose gets out of its place, whatever
// the outlet.
func TestHostileNotes(t *testing.T) {
	t.Parallel()
	for _, evil := range []string{
		"\x1b]52;c;cm0gLXJm\a", "\a\x9d", "a;b;c", "<a href='x'>&amp;</a>", "--help", "\u202egnp.exe", "\x1b\\\x1bPtmux;",
		strings.Repeat("x", 100_000), strings.Repeat("e\u0301\u0301", 9000), "4;1;50", "\r\n\n", "\xff\xfe", "\" & (do shell script \"id\") & \"",
	} {
		p := &apiv1.Person{Account: "kith1evil", Name: evil}
		for _, a := range []Alert{
			{From: p, Text: evil, Chat: &apiv1.Chat{Ref: evil, Name: evil}},
			{From: p, Text: evil, Chat: &apiv1.Chat{Ref: "@x", Kind: apiv1.ChatKind_CHAT_KIND_DIRECT, Peer: p}},
			{Kind: Request, From: p, Text: evil},
			{Kind: Invitation, From: p, Chat: &apiv1.Chat{Ref: evil, Name: evil, Kind: apiv1.ChatKind_CHAT_KIND_PRIVATE}},
			{From: p, File: evil, Chat: &apiv1.Chat{Ref: "#x"}},
		} {
			n := Compose(words.Pick("en"), false, []Alert{a}, 0)
			if ui.Width(n.Title) > maxTitle || ui.Width(n.Body) > maxBody {
				t.Errorf("%.20q: %d and %d columns", evil, ui.Width(n.Title), ui.Width(n.Body))
			}
			nine, seven := OSC9.Sequence(n, false), OSC777.Sequence(n, false)
			if strings.Count(nine, "\x1b") != 1 || strings.Count(nine, "\a") != 1 || strings.Count(nine, ";") != 1 {
				t.Errorf("%.20q breaks out of OSC 9: %q", evil, nine)
			}
			if strings.Count(seven, "\x1b") != 1 || strings.Count(seven, "\a") != 1 || strings.Count(seven, ";") != 3 {
				t.Errorf("%.20q breaks out of OSC 777: %q", evil, seven)
			}
			if got := OSC9.Sequence(n, true); strings.Count(got, "\x1b") != 4 {
				t.Errorf("%.20q in tmux: %q", evil, got)
			}
			if strings.ContainsAny(plain(n.Title)+plain(n.Body), "<>&") {
				t.Errorf("%.20q leaves markup in %q %q", evil, plain(n.Title), plain(n.Body))
			}
		}
	}
}

func TestTerminalOf(t *testing.T) {
	t.Parallel()
	for term, want := range map[string]Terminal{"": Mute, "dumb": Mute, "linux": Mute, "foot": OSC777, "rxvt-unicode-256color": OSC777, "xterm-kitty": OSC9, "xterm-256color": OSC9} {
		if got := TerminalOf(func(string) string { return term }); got != want {
			t.Errorf("%q: %v, want %v", term, got, want)
		}
	}
	if s := Mute.Sequence(Note{}, true); s != "" {
		t.Errorf("a mute terminal gets %q", s)
	}
}

// recorder is an outlet that keeps what it is shown.
type recorder struct{ notes chan string }

func (r recorder) Show(_ context.Context, n Note) error {
	r.notes <- join(n).String()
	return errors.New("the others go on")
}

func TestBurstIsOneNote(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, bob := persons()
		chat := &apiv1.Chat{Ref: "@kith1bob", Kind: apiv1.ChatKind_CHAT_KIND_DIRECT, Peer: bob}
		r := recorder{make(chan string, 8)}
		n := New(Config{Words: words.Pick("en"), Outlets: []Outlet{r}, Settle: time.Second, Pause: 5 * time.Second})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- n.Run(ctx) }()
		start := time.Now()
		for i := range 1000 {
			n.Tell(Alert{From: bob, Chat: chat, Text: "x", Key: fmt.Sprint(i)}, false)
		}
		if got, want := <-r.notes, "1000 new messages: bob (64)"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		n.Tell(Alert{From: bob, Chat: chat, Text: "again", Key: "0"}, false)
		n.Tell(Alert{From: bob, Chat: chat, Text: "once", Key: "new"}, false)
		n.Tell(Alert{From: bob, Chat: chat, Text: "once", Key: "new"}, false)
		if got, want := <-r.notes, "bob: once"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if took := time.Since(start); took != 7*time.Second {
			t.Errorf("the second came after %s", took)
		}
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if len(r.notes) != 0 {
			t.Errorf("one more: %q", <-r.notes)
		}
	})
}
