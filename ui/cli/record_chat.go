package cli

import (
	"context"
	"math"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

// chatRecord is a conversation.
type chatRecord struct {
	news
	Chat          string         `json:"chat"`
	Kind          string         `json:"kind"`
	Name          string         `json:"name"`
	Unread        uint64         `json:"unread"`
	Mentions      uint64         `json:"mentions"`
	Messages      uint64         `json:"messages"`
	Missing       uint64         `json:"missing"`
	Members       uint64         `json:"members"`
	Joined        bool           `json:"joined"`
	Muted         bool           `json:"muted,omitempty"`
	MutedUntil    string         `json:"muted_until,omitempty"`
	MentionsOnly  bool           `json:"mentions_only,omitempty"`
	Pinned        bool           `json:"pinned,omitempty"`
	RetentionDays uint32         `json:"retention_days,omitempty"`
	Peer          *author        `json:"peer,omitempty"`
	Last          *messageRecord `json:"last,omitempty"`

	c *apiv1.Chat
}

func newChat(c *apiv1.Chat) chatRecord {
	r := chatRecord{
		Chat: c.GetRef(), Kind: ui.KindCode(c.GetKind()), Name: c.GetName(), Unread: c.GetUnread(), Mentions: c.GetMentions(),
		Messages: c.GetMessages(), Missing: c.GetMissing(), Members: c.GetMembers(), Joined: c.GetJoined(),
		Muted: c.GetMuted(), Pinned: c.GetPinned(), RetentionDays: c.GetRetentionDays(), c: c,
		MentionsOnly: c.GetMentionsOnly(),
	}
	if ms := c.GetMutedUntilMs(); ms != 0 {
		r.MutedUntil = ui.RFC3339(ms)
	}
	if c.GetPeer() != nil {
		p := newAuthor(c.GetPeer())
		r.Peer = &p
	}
	if c.GetLast() != nil {
		m := newMessage(c.GetLast())
		r.Last = &m
	}
	return r
}

func (r chatRecord) lines(v view) []ui.Text {
	parts := []ui.Text{ui.Chat(r.c)}
	if r.Unread > 0 {
		parts = append(parts, ui.F("%d unread", r.Unread))
	}
	if r.Mentions > 0 {
		parts = append(parts, ui.F("%d for you", r.Mentions))
	}
	if r.c.GetKind() == apiv1.ChatKind_CHAT_KIND_PUBLIC {
		parts = append(parts, ui.F("%d here", r.Members))
	}
	if r.Missing > 0 {
		parts = append(parts, ui.F("%d missing", r.Missing))
	}
	for _, flag := range []struct {
		on   bool
		word ui.Literal
	}{{r.Muted, "muted"}, {r.Pinned, "pinned"}, {!r.Joined, "left"}} {
		if flag.on {
			parts = append(parts, ui.F(flag.word))
		}
	}
	if r.MutedUntil != "" {
		parts = append(parts, ui.F("until %s", ui.Stamp(r.c.GetMutedUntilMs())))
	}
	out := []ui.Text{ui.Join("  ", parts...)}
	if m := r.c.GetLast(); m != nil {
		text := ui.F("      %s %s: %s", ui.Stamp(m.GetTimeMs()), nameWithin(m.GetFrom(), v.columns), ui.Line(body(m)))
		width := 76
		if v.columns > 0 {
			width = v.columns
		}
		out = append(out, ui.Truncate(text, width))
	}
	return out
}

// chatName is how a chat is called on the screen.
func (v view) chatName(ref string) ui.Text {
	if name, ok := v.names[ref]; ok {
		return name
	}
	return ui.Truncate(ui.Line(ref), labelColumns)
}

// labelColumns is how long the name of a chat may be beside other things.
const labelColumns = 24

func chatLabel(c *apiv1.Chat) ui.Text { return ui.Truncate(ui.Chat(c), labelColumns) }

// chatNames asks how the chats are called, for text alone: JSON has the
// references, which do not change.
func (c *call) chatNames(ctx context.Context) (map[string]ui.Text, error) {
	names := map[string]ui.Text{}
	if c.out.json {
		return names, nil
	}
	r, err := invoke(ctx, c.api.Chats.ListChats, &apiv1.ListChatsRequest{})
	if err != nil {
		return nil, err
	}
	for _, chat := range r.GetChats() {
		names[chat.GetRef()] = chatLabel(chat)
	}
	return names, nil
}

// fileRecord is a file that was offered.
type fileRecord struct {
	news
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Size      uint64          `json:"size"`
	Chat      string          `json:"chat"`
	State     string          `json:"state"`
	Progress  float64         `json:"progress"`
	Done      uint64          `json:"done"`
	Speed     uint64          `json:"bytes_per_second,omitempty"`
	Path      string          `json:"path,omitempty"`
	Error     string          `json:"error,omitempty"`
	From      *author         `json:"from,omitempty"`
	Outgoing  bool            `json:"outgoing"`
	MediaType string          `json:"media_type,omitempty"`
	Fetched   []fetchedRecord `json:"fetched,omitempty"`
}

// fetchedRecord is how much of a file of ours somebody has fetched.
type fetchedRecord struct {
	author
	Done     uint64  `json:"done"`
	Progress float64 `json:"progress"`
}

func newFile(t *apiv1.Transfer) fileRecord {
	r := fileRecord{
		ID: t.GetId(), Name: t.GetName(), Size: t.GetSize(), Chat: t.GetChat(), State: ui.TransferCode(t.GetState()),
		Progress: progress(t), Done: t.GetDone(), Speed: t.GetBytesPerSecond(), Path: t.GetPath(), Error: t.GetError(),
		Outgoing: t.GetOutgoing(), MediaType: t.GetMediaType(),
	}
	if t.GetFrom() != nil {
		p := newAuthor(t.GetFrom())
		r.From = &p
	}
	for _, f := range t.GetFetched() {
		r.Fetched = append(r.Fetched, fetchedRecord{newAuthor(f.GetWho()), f.GetDone(), share(f.GetDone(), t.GetSize())})
	}
	return r
}

// progress is the part of the file that is there and verified, 0 to 1.
func progress(t *apiv1.Transfer) float64 {
	switch {
	case t.GetState() == apiv1.TransferState_TRANSFER_STATE_DONE:
		return 1
	case t.GetSize() == 0 || t.GetDone() == 0:
		return 0
	}
	return share(t.GetDone(), t.GetSize())
}

// share is done of size, 0 to 1; 1 is said only of all.
func share(done, size uint64) float64 {
	if done >= size {
		return 1
	}
	return math.Floor(float64(done)/float64(size)*10000) / 10000
}

func (r fileRecord) lines(v view) []ui.Text {
	name := ui.Truncate(ui.Line(r.Name), 60)
	parts := []ui.Text{beginning(r.ID), name, ui.Size(r.Size), v.chatName(r.Chat), ui.F("%s", r.State)}
	if r.State == "running" || r.State == "waiting" {
		parts = append(parts, ui.F("%d %%", int(r.Progress*100)))
	}
	out := []ui.Text{ui.Join("  ", parts...)}
	if r.Path != "" {
		out = append(out, ui.F("      %s", r.Path))
	}
	for _, f := range r.Fetched {
		if f.Progress == 1 {
			out = append(out, ui.F("      %s has it", ui.Line(f.Name)))
		} else {
			out = append(out, ui.F("      %s has %d %%", ui.Line(f.Name), int(f.Progress*100)))
		}
	}
	if r.Error != "" {
		out = append(out, ui.F("      %s", r.Error))
	}
	return out
}
