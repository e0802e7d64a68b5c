package tui

import (
	"encoding/xml"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
)

// pictureFile names the variable that says where the picture of the screen
// goes; "make picture" sets it.
const pictureFile = "KITH_PICTURE"

// The size of a cell of the picture, and its colours.
const (
	cellWidth, cellHeight = 8.4, 18.0
	inkColour, paperColor = "#c9d1d9", "#0d1117"
)

// TestPicture draws the screen of a small story. With KITH_PICTURE it writes it
// as an SVG.
func TestPicture(t *testing.T) {
	t.Parallel()
	w := storyWorld(t)
	screen := w.m.View().Content
	checkScreen(t, screen)
	svg := drawSVG(screen, w.m.width, w.m.height)
	if err := xml.Unmarshal([]byte(svg), new(struct{})); err != nil {
		t.Fatal(err)
	}
	if path := os.Getenv(pictureFile); path != "" {
		if err := os.WriteFile(path, []byte(svg), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// storyWorld is a screen on which something of everything stands.
func storyWorld(t *testing.T) *world {
	w := newWorld(t, 116, 34, 0, 0)
	at := noon()
	ann := &apiv1.Person{Account: "kith1ann2", Name: "Ann"}
	bo := &apiv1.Person{Account: "kith1boo", Name: "Bo"}
	mei := &apiv1.Person{Account: "kith1mei11", Name: "美玲"}
	self := &apiv1.Person{Account: "kith1me", Name: "Sam", Self: true}
	n := 0
	say := func(from *apiv1.Person, minutes int, m *apiv1.Message) *apiv1.Message {
		n++
		at = at.Add(time.Duration(minutes) * time.Minute)
		m.Id, m.Chat, m.From, m.TimeMs, m.ArrivedMs = fmt.Sprintf("%016x", n), "#gardens", from, at.UnixMilli(), at.UnixMilli()
		if m.Kind == "" {
			m.Kind = "text"
		}
		return m
	}
	msgs := []*apiv1.Message{
		say(ann, -200, &apiv1.Message{Text: "The seeds are here 🌱 who can come on **Saturday**?"}),
		say(bo, 3, &apiv1.Message{
			Text:      "Me! I made a list:\n- spades\n- two buckets\n- `water.sh` for the pump",
			Reactions: []*apiv1.ReactionCount{{Emoji: "👍", Count: 3, Mine: true}, {Emoji: "🎉", Count: 1}},
		}),
		say(bo, 1, &apiv1.Message{Text: "```\n#!/bin/sh\npump --on && sleep 20m && pump --off\n```"}),
		say(mei, 40, &apiv1.Message{Text: "我也来！下午两点可以吗？", ReplyTo: "x", Quote: &apiv1.Quote{From: ann, Text: "The seeds are here 🌱 who can come on Saturday?"}}),
		say(self, 4, &apiv1.Message{Text: "Two is fine. The way there: https://example.org/gardens", State: apiv1.State_STATE_READ, Edited: true}),
		say(ann, 150, &apiv1.Message{Text: "@sam can you bring the map? And the photo from last year:", MentionsMe: true}),
		say(ann, 0, &apiv1.Message{Kind: "file", File: &apiv1.FileOffer{Name: "beds-2025.pdf", Size: 3_250_000, MediaType: "application/pdf"}}),
		say(self, 1, &apiv1.Message{Text: "On its way", State: apiv1.State_STATE_DELIVERED}),
	}
	chats := storyChats(ann, bo, mei, msgs)
	w.m.me.Name, w.m.status.Peers = "Sam", 7
	for _, p := range []*apiv1.Person{ann, bo, mei} {
		w.m.friends[p.GetAccount()] = &apiv1.Friend{Person: p, State: apiv1.FriendState_FRIEND_STATE_FRIEND, Online: p != bo, Verified: p == ann}
	}
	var all news
	for _, c := range chats {
		all.items = append(all.items, &apiv1.WatchResponse{News: &apiv1.WatchResponse_Chat{Chat: c}})
	}
	all.items = append(all.items,
		&apiv1.WatchResponse{News: &apiv1.WatchResponse_Transfer{Transfer: &apiv1.Transfer{
			Id: msgs[6].GetId(), State: apiv1.TransferState_TRANSFER_STATE_RUNNING, Size: 3_250_000, Done: 2_100_000, BytesPerSecond: 5 << 20,
		}}},
		&apiv1.WatchResponse{News: &apiv1.WatchResponse_Typing{Typing: &apiv1.Typing{Chat: "#gardens", Person: mei}}})
	w.take(all)
	w.m.current = ""
	w.do(w.m.open("#gardens"))
	tk := w.m.talk()
	tk.take(msgs, false, wholeEdge)
	w.m.members["#gardens"] = []*apiv1.Member{{Person: ann, Online: true}, {Person: mei, Online: true}, {Person: bo}}
	w.m.toasts = nil
	w.take(tea.KeyPressMsg{Code: 'y', Text: "y"})
	w.typeText("es, I have it ")
	return w
}

// storyChats are the chats of the story.
func storyChats(ann, bo, mei *apiv1.Person, msgs []*apiv1.Message) []*apiv1.Chat {
	return []*apiv1.Chat{
		{Ref: "#gardens", Kind: apiv1.ChatKind_CHAT_KIND_PUBLIC, Joined: true, Pinned: true, Members: 3, Topic: "beds, seeds and who waters when", Unread: 3, ReadUpTo: msgs[4].GetId(), Last: msgs[7]},
		{Ref: "@kith1ann2", Kind: apiv1.ChatKind_CHAT_KIND_DIRECT, Peer: ann, Joined: true, Unread: 2, Last: msgs[6]},
		{Ref: "@kith1boo", Kind: apiv1.ChatKind_CHAT_KIND_DIRECT, Peer: bo, Joined: true, Draft: "about the", Last: msgs[4]},
		{Ref: "#lobby", Kind: apiv1.ChatKind_CHAT_KIND_PUBLIC, Joined: true, Unread: 12, Mentions: 1, Last: msgs[3]},
		{Ref: "#go-nuts", Kind: apiv1.ChatKind_CHAT_KIND_PUBLIC, Joined: true, Unread: 248, Muted: true, Last: msgs[2]},
		{Ref: "@kith1mei11", Kind: apiv1.ChatKind_CHAT_KIND_DIRECT, Peer: mei, Joined: true, Last: msgs[1]},
	}
}

// cell is the look of what follows in a row.
type cell struct {
	ink, paper                              string
	bold, faint, italic, under, out, turned bool
}

// drawSVG turns a screen into a picture.
func drawSVG(screen string, columns, rows int) string {
	var b strings.Builder
	width, height := float64(columns)*cellWidth+24, float64(rows)*cellHeight+24
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f">`+"\n", width, height, width, height)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" rx="8" fill="%s"/>`+"\n", paperColor)
	b.WriteString(`<g font-family="DejaVu Sans Mono, Menlo, Consolas, Noto Sans Mono CJK SC, monospace" font-size="14" xml:space="preserve">` + "\n")
	for y, row := range strings.Split(screen, "\n") {
		drawRow(&b, row, float64(y))
	}
	b.WriteString("</g>\n</svg>\n")
	return b.String()
}

func drawRow(b *strings.Builder, row string, y float64) {
	x := 0
	var now cell
	for row != "" {
		if strings.HasPrefix(row, "\x1b[") {
			end := strings.IndexByte(row, 'm')
			now = now.with(row[2:end])
			row = row[end+1:]
			continue
		}
		text := row
		if i := strings.IndexByte(row, '\x1b'); i >= 0 {
			text = row[:i]
		}
		row = row[len(text):]
		n := 0
		for rest := text; rest != ""; {
			c, w := cluster(rest)
			rest = rest[len(c):]
			n += w
		}
		now.draw(b, text, float64(x), y, float64(n))
		x += n
	}
}

func (c cell) draw(b *strings.Builder, text string, x, y, n float64) {
	ink, paper := c.ink, c.paper
	if ink == "" {
		ink = inkColour
	}
	if c.turned {
		ink, paper = paperColor, ink
	}
	if paper != "" {
		fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`, 12+x*cellWidth, 12+y*cellHeight, n*cellWidth, cellHeight, paper)
	}
	if strings.TrimSpace(text) == "" {
		b.WriteString("\n")
		return
	}
	look := ""
	for _, l := range []struct {
		on  bool
		how string
	}{
		{c.bold, ` font-weight="bold"`},
		{c.italic, ` font-style="italic"`},
		{c.under, ` text-decoration="underline"`},
		{c.out, ` text-decoration="line-through"`},
		{c.faint, ` opacity="0.6"`},
	} {
		if l.on {
			look += l.how
		}
	}
	for lead := len(text) - len(strings.TrimLeft(text, " ")); lead > 0; lead-- {
		x, n, text = x+1, n-1, text[1:]
	}
	for strings.HasSuffix(text, " ") {
		n, text = n-1, text[:len(text)-1]
	}
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" textLength="%.1f" lengthAdjust="spacingAndGlyphs" fill="%s"%s>`, 12+x*cellWidth, 12+y*cellHeight+13.5, n*cellWidth, ink, look)
	_ = xml.EscapeText(b, []byte(text)) // a builder takes everything
	b.WriteString("</text>\n")
}

// with applies the parameters of a colour sequence.
func (c cell) with(params string) cell {
	p := strings.Split(params, ";")
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case "", "0":
			c = cell{}
		case "1":
			c.bold = true
		case "2":
			c.faint = true
		case "3":
			c.italic = true
		case "4":
			c.under = true
		case "7":
			c.turned = true
		case "9":
			c.out = true
		case "38", "48":
			if i+4 < len(p) {
				rgb := "#"
				for _, v := range p[i+2 : i+5] {
					k, _ := strconv.Atoi(v)
					rgb += fmt.Sprintf("%02x", k&0xff)
				}
				if p[i] == "38" {
					c.ink = rgb
				} else {
					c.paper = rgb
				}
				i += 4
			}
		}
	}
	return c
}
