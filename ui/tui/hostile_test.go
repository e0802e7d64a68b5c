package tui

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"connectrpc.com/connect"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

// checkScreen fails if the screen holds anything but text and our own colours.
func checkScreen(t *testing.T, screen string) {
	t.Helper()
	marks, esc := 0, false
	rest := screen
	for rest != "" {
		r, n := utf8.DecodeRuneInString(rest)
		switch {
		case r == '\x1b':
			end := strings.IndexByte(rest, 'm')
			if end < 0 || !strings.HasPrefix(rest, "\x1b[") || strings.Trim(rest[2:end], "0123456789;") != "" {
				t.Fatalf("an escape sequence that is no colour: %q", rest[:min(len(rest), 20)])
			}
			n, esc = end+1, true
		case r == '\n':
			marks = 0
		case unicode.IsControl(r):
			t.Fatalf("control character %U on the screen", r)
		case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f, r == 0x061c:
			t.Fatalf("bidi control %U on the screen", r)
		case r == 0xfeff, r == 0x200b, r == 0x2028, r == 0x2029, r == 0x00ad:
			t.Fatalf("invisible character %U on the screen", r)
		case r == utf8.RuneError && n == 1:
			t.Fatal("invalid UTF-8 on the screen")
		case unicode.Is(unicode.M, r):
			if marks++; marks > ui.MaxMarks {
				t.Fatal("a stack of marks on the screen")
			}
		default:
			marks = 0
		}
		rest = rest[n:]
	}
	_ = esc
}

// checkSize fails if a row is wider than the screen or there are too many.
func checkSize(t *testing.T, w *world) {
	t.Helper()
	rows := strings.Split(w.m.View().Content, "\n")
	if len(rows) != w.m.height {
		t.Fatalf("%d rows on a screen of %d", len(rows), w.m.height)
	}
	for _, r := range rows {
		if n := width(stripColour(r)); n != w.m.width {
			t.Fatalf("a row of %d columns on a screen of %d: %q", n, w.m.width, r)
		}
	}
}

func stripColour(s string) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '\x1b')
		if i < 0 {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(s[:i])
		end := strings.IndexByte(s[i:], 'm')
		s = s[i+end+1:]
	}
}

// hostileWorld has a hostile text in every place that a peer can write to.
func hostileWorld(t *testing.T, columns, rows int, evil string) *world {
	w := newWorld(t, columns, rows, 2, 3)
	p := &apiv1.Person{Account: "kith1" + evil, Name: evil, Fingerprint: evil, Ambiguous: len(evil)%2 == 0}
	ref := "@" + p.GetAccount()
	from := w.chats.total
	msg := func(n int, m *apiv1.Message) *apiv1.Message {
		base := w.chats.messageAt(ref, from+n)
		m.Id, m.Chat, m.TimeMs, m.ArrivedMs, m.From = base.GetId(), ref, base.GetTimeMs(), base.GetArrivedMs(), p
		return m
	}
	f := &apiv1.Friend{
		Person: p, State: apiv1.FriendState_FRIEND_STATE_INCOMING, Note: evil, SafetyNumber: evil, SafetyEmoji: evil, OwnName: evil, Online: true,
	}
	file := msg(4, &apiv1.Message{Kind: "file", Text: evil, File: &apiv1.FileOffer{Name: evil, Size: 1 << 40, MediaType: evil}})
	w.take(news{[]*apiv1.WatchResponse{
		{News: &apiv1.WatchResponse_Friend{Friend: f}},
		{News: &apiv1.WatchResponse_Chat{Chat: &apiv1.Chat{
			Ref: ref, Kind: apiv1.ChatKind_CHAT_KIND_DIRECT, Name: evil, Peer: p, Joined: true, Topic: evil, Draft: evil, Unread: 3, Mentions: 1, Pinned: true,
		}}},
		{News: &apiv1.WatchResponse_Chat{Chat: &apiv1.Chat{
			Ref: "#" + evil, Kind: apiv1.ChatKind_CHAT_KIND_PRIVATE, Name: evil, InvitedBy: p, Removed: evil, Topic: evil,
		}}},
		{News: &apiv1.WatchResponse_Typing{Typing: &apiv1.Typing{Chat: ref, Person: p}}},
		{News: &apiv1.WatchResponse_Log{Log: &apiv1.LogLine{Text: evil}}},
		{News: &apiv1.WatchResponse_Storage{Storage: &apiv1.StorageNews{State: "full", Detail: evil}}},
		{News: &apiv1.WatchResponse_Transfer{Transfer: &apiv1.Transfer{
			Id: file.GetId(), Name: evil, State: apiv1.TransferState_TRANSFER_STATE_FAILED, Error: evil, Path: evil,
		}}},
	}})
	w.m.current = ""
	w.do(w.m.open(ref))
	tk := w.m.talk()
	tk.take([]*apiv1.Message{
		msg(1, &apiv1.Message{Kind: "text", Text: evil, MentionsMe: true, Mentions: []string{evil}}),
		msg(2, &apiv1.Message{
			Kind: "text", Text: "**" + evil + "** `" + evil + "`\n```" + evil + "\n" + evil + "\n```\n> " + evil + "\n[" + evil + "](" + evil + ")",
			ReplyTo: evil, Quote: &apiv1.Quote{From: p, Text: evil}, Edited: true, Late: true,
			Reactions: []*apiv1.ReactionCount{{Emoji: evil, Count: 2}, {Emoji: evil, Count: 1, Mine: true}},
		}),
		msg(3, &apiv1.Message{Kind: evil, Text: evil}),
		file,
		msg(5, &apiv1.Message{Kind: "text", State: apiv1.State_STATE_REFUSED, Refused: evil, Device: evil, Text: "a" + evil}),
	}, true, noEdge)
	tk.loaded, tk.asking = true, noEdge
	w.m.members[ref] = []*apiv1.Member{{Person: p, Online: true}}
	w.do(w.m.fail(failed{err: connect.NewError(connect.CodeInternal, errText(evil))}))
	w.m.me.Name, w.m.me.Invite = evil, evil
	return w
}

type errText string

func (e errText) Error() string { return string(e) }

// visit goes through the screens and checks each.
func visit(t *testing.T, w *world) {
	look := func() {
		checkScreen(t, w.m.View().Content)
		checkSize(t, w)
	}
	look()
	w.m.toasts = nil
	look()
	for _, open := range []func(){
		func() { w.m.push(newSwitcher(w.m)) }, func() { w.m.push(newLog(w.m)) }, func() { w.m.push(newMembers(w.m)) },
		func() { w.m.push(&cards{}) }, func() { w.m.push(newHelp(w.m)) },
		func() {
			s := newSearcher(w.m)
			s.found, s.all = w.m.talk().msgs, true
			s.set("a")
			w.m.push(s)
		},
		func() { w.m.startSelect() },
		func() {
			tk := w.m.talk()
			w.m.details = []*apiv1.Receipt{{Person: tk.msgs[0].GetFrom()}}
			w.m.push(&pager{lines: func(m *Model, c int) []line { return m.detailRows(tk.msgs[1], c) }})
		},
		func() { w.m.push(newSaver(w.m, w.m.talk().msgs[len(w.m.talk().msgs)-2])) },
		func() { w.do(w.m.paste(w.m.talk().msgs[0].GetText())) },
		func() { w.m.composer.reply = w.m.talk().msgs[0] },
		func() { w.m.printed(w.m.talk().msgs[0].GetText(), []ui.Text{ui.Line("a"), ui.Line("b")}) },
		func() { w.m.listShown = true },
		func() { w.m.current = "#" + w.m.me.GetName(); w.m.talks[w.m.current] = &talk{loaded: true} },
	} {
		open()
		look()
		w.m.windows, w.m.selecting = nil, false
	}
	checkScreen(t, w.m.View().WindowTitle)
}

// FuzzScreen writes hostile text everywhere a peer can write and looks at all
// screens.
func FuzzScreen(f *testing.F) {
	for _, s := range []string{
		"plain", "\x1b]52;c;aGk=\x07", "\x1b[2J\x1b[1;1H", "a\u202eb\u2066c", "\u009b31m", "e" + strings.Repeat("\u0301", 40),
		"你好世界" + strings.Repeat("字", 60), "👨‍👩‍👧‍👦👋🏽🇩🇪", "שלום עולם", "\x00\x07\x7f\r\n\t", "\xff\xfe", "&#27;[31m &#x202e;",
		"```\n\x1b[31m\n```", "- a\n  - b\n    - c\n\n1. x\n> > > q", "**a\u0301\u0301**\u0301\u0301`\u0301`", "<b>\x1b</b><!-- \x9b -->",
		"[a](javascript:\x1b)", strings.Repeat("> ", 30) + "deep", "|a|b|\n|-|-|", "\\\u0301\\*", "@\u202ebert @bert", strings.Repeat("w", 300),
		"\u200b\u200d\ufeff\u00ad", "~~a~~ __b__ ***c***", "http://[::1]:\x1b/", "   ", "#", "\U000e0041\U000e0042",
	} {
		f.Add(s, uint8(80), uint8(24))
		f.Add(s, uint8(40), uint8(12))
	}
	f.Fuzz(func(t *testing.T, evil string, columns, rows uint8) {
		if len(evil) > 4096 {
			return
		}
		visit(t, hostileWorld(t, int(columns)%200+minWidth, int(rows)%60+minHeight, evil))
	})
}
