package node

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/store"
)

// exported is one message of an export.
type exported struct {
	ID    string     `json:"id"`
	Chat  string     `json:"chat"`
	Kind  string     `json:"kind"`
	From  exportedBy `json:"from"`
	Time  string     `json:"time"`
	Text  string     `json:"text"`
	State string     `json:"state"`

	Device    string         `json:"device"`
	Edited    bool           `json:"edited,omitempty"`
	Retracted bool           `json:"retracted,omitempty"`
	ReplyTo   string         `json:"reply_to,omitempty"`
	Reactions map[string]int `json:"reactions,omitempty"`
	File      *exportedFile  `json:"file,omitempty"`
}

type exportedBy struct {
	Account string `json:"account"`
	Name    string `json:"name"`
}

type exportedFile struct {
	Name string `json:"name"`
	Size uint64 `json:"size"`
	Type string `json:"media_type,omitempty"`
	Root string `json:"root"`
}

// timeFormat is RFC 3339 with milliseconds.
const timeFormat = "2006-01-02T15:04:05.000Z07:00"

// Export writes a chat, or with an empty ref all, oldest first, as "jsonl" (one
// object a line) or "markdown".
func (n *Node) Export(ctx context.Context, ref, format string, w io.Writer) error {
	if format != "jsonl" && format != "markdown" {
		return fmt.Errorf("%w: the format is jsonl or markdown, not %q", ErrInvalid, format)
	}
	var chats []store.Chat
	if ref != "" {
		c, err := n.chatBy(ctx, ref)
		if err != nil {
			return err
		}
		chats = []store.Chat{c}
	} else {
		var err error
		chats, err = n.store.Chats(ctx)
		chats = slices.DeleteFunc(chats, func(c store.Chat) bool { return c.Kind == store.Self })
		if err != nil {
			return kindOf(err)
		}
	}
	for _, c := range chats {
		if format == "markdown" {
			if _, err := fmt.Fprintf(w, "# %s\n", markdown(n.chatTitle(c))); err != nil {
				return err
			}
		}
		if err := n.exportChat(ctx, c, format, w); err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) chatTitle(c store.Chat) string {
	if c.Kind == store.Direct {
		return n.person(c.Peer).Name
	}
	return refOf(c)
}

func (n *Node) exportChat(ctx context.Context, c store.Chat, format string, w io.Writer) error {
	var after *store.Place
	day := ""
	for {
		entries, more, err := n.store.History(ctx, c.ID, store.Page{After: after, Oldest: true, Limit: maxPage})
		if err != nil {
			return kindOf(err)
		}
		page, err := n.messages(ctx, entries)
		if err != nil {
			return err
		}
		for _, m := range page {
			if format == "jsonl" {
				err = json.NewEncoder(w).Encode(exportOf(m))
			} else {
				day, err = writeMarkdown(w, m, day)
			}
			if err != nil {
				return err
			}
		}
		if !more || len(entries) == 0 {
			return nil
		}
		last := entries[len(entries)-1]
		after = &store.Place{Effective: last.Effective, ID: last.Event.ID()}
	}
}

func exportOf(m Message) exported {
	x := exported{
		ID: m.ID.String(), Chat: m.Chat, Kind: m.Kind.String(), Time: m.Time.Format(timeFormat), Text: m.Text,
		From: exportedBy{Name: m.From.Name}, State: m.State.String(), Device: m.Device.String(),
		Edited: m.Edited, Retracted: m.Retracted,
	}
	if !m.From.Account.IsZero() {
		x.From.Account = m.From.Account.String()
	}
	if m.ReplyTo != (event.ID{}) {
		x.ReplyTo = m.ReplyTo.String()
	}
	for _, r := range m.Reactions {
		if x.Reactions == nil {
			x.Reactions = make(map[string]int)
		}
		x.Reactions[r.Emoji] = r.Count
	}
	if f := m.File; f != nil {
		x.File = &exportedFile{Name: f.Name, Size: f.Size, Type: f.MediaType, Root: fmt.Sprintf("%x", f.Root)}
	}
	return x
}

// String returns the name that the API and the export use.
func (s State) String() string {
	names := [...]string{"", "queued", "sent", "delivered", "read", "received", "refused", "stored"}
	if int(s) < len(names) {
		return names[s]
	}
	return ""
}

func writeMarkdown(w io.Writer, m Message, day string) (string, error) {
	local := m.Time.Local()
	if d := local.Format(time.DateOnly); d != day {
		day = d
		if _, err := fmt.Fprintf(w, "\n## %s\n\n", d); err != nil {
			return day, err
		}
	}
	text := markdown(m.Text)
	switch {
	case m.Retracted:
		text = "*(taken back)*"
	case m.File != nil:
		text = strings.TrimSpace(fmt.Sprintf("📎 %s (%d bytes) %s", markdown(m.File.Name), m.File.Size, text))
	}
	if m.Edited && !m.Retracted {
		text += " *(edited)*"
	}
	_, err := fmt.Fprintf(w, "**%s** %s  \n%s\n\n", markdown(m.From.Name), local.Format("15:04"), text)
	return day, err
}

// markdown keeps a text from being read as markup, and its lines together.
func markdown(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, s)
	s = strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "<", "&lt;", ">", "&gt;", "#", `\#`, "[", `\[`, "|", `\|`).Replace(s)
	return strings.ReplaceAll(s, "\n", "  \n")
}
