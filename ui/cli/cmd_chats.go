package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/pflag"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

func chatCommands() []*command {
	return []*command{
		{
			name: "chats", group: groupGroups, need: needStore, short: "list your chats, with what is unread", prepare: plain(listChats),
		},
		{
			name: "join", args: "NAME", group: groupGroups, need: needNode, min: 1, max: 1, short: "join a public group by its name",
			long: `Anyone who knows the name can join, and read what is said from then on. A name
may be given with or without #. With --raw it is the topic of another program:
what is said there is plain text, and its authors are not verified accounts.`,
			example: []string{"kith join lobby", "kith join --raw universal-connectivity"},
			prepare: prepareJoin,
		},
		{
			name: "leave", args: "CHAT", group: groupGroups, need: needNode, min: 1, max: 1, short: "leave a group",
			prepare: prepareLeave,
		},
		{name: "groups", group: groupGroups, need: needStore, short: "list the groups that you are in", prepare: plain(listGroups)},
		{
			name: "members", args: "CHAT", group: groupGroups, need: needNode, min: 1, max: 1, short: "list who was seen in a group",
			prepare: plain(listMembers),
		},
		{
			name: "set", args: "CHAT", group: groupGroups, need: needStore, min: 1, max: 1, short: "mute or pin a chat, or bound its history",
			example: []string{"kith set lobby --mute --for 8h --mentions", "kith set @bob --pin", "kith set lobby --retention 30"},
			prepare: prepareSet,
		},
		{
			name: "export", args: "[CHAT]", group: groupGroups, need: needStore, max: 1, short: "write a chat, or all of them, to a file",
			example: []string{"kith export @bob --format md -o bob.md", "kith export > everything.jsonl"},
			local:   true, prepare: prepareExport,
		},
	}
}

func listChats(ctx context.Context, c *call, _ []string) error {
	r, err := invoke(ctx, c.api.Chats.ListChats, &apiv1.ListChatsRequest{})
	if err != nil {
		return err
	}
	for _, chat := range r.GetChats() {
		c.out.show(newChat(chat))
	}
	if len(r.GetChats()) == 0 {
		c.out.say("no chats yet; join a group (kith join lobby) or add a friend (kith friends add)")
	}
	return nil
}

func listGroups(ctx context.Context, c *call, _ []string) error {
	r, err := invoke(ctx, c.api.Chats.ListChats, &apiv1.ListChatsRequest{})
	if err != nil {
		return err
	}
	for _, chat := range r.GetChats() {
		switch chat.GetKind() {
		case apiv1.ChatKind_CHAT_KIND_PUBLIC, apiv1.ChatKind_CHAT_KIND_PRIVATE, apiv1.ChatKind_CHAT_KIND_RAW:
			if chat.GetJoined() {
				c.out.show(newChat(chat))
			}
		}
	}
	return nil
}

func prepareJoin(fs *pflag.FlagSet) action {
	raw := fs.Bool("raw", false, "NAME is the topic of another program")
	return func(ctx context.Context, c *call, args []string) error {
		r, err := invoke(ctx, c.api.Chats.Join, &apiv1.JoinRequest{Name: args[0], Raw: *raw})
		if err != nil {
			return err
		}
		c.out.show(newChat(r.GetChat()))
		return nil
	}
}

func prepareLeave(fs *pflag.FlagSet) action {
	forget := fs.Bool("forget", false, "erase its history too")
	return func(ctx context.Context, c *call, args []string) error {
		if _, err := invoke(ctx, c.api.Chats.Leave, &apiv1.LeaveRequest{Chat: args[0], Forget: *forget}); err != nil {
			return err
		}
		c.out.show(doneRecord{"left", args[0], ui.F("left %s", args[0])})
		return nil
	}
}

func listMembers(ctx context.Context, c *call, args []string) error {
	r, err := invoke(ctx, c.api.Chats.ListMembers, &apiv1.ListMembersRequest{Chat: args[0]})
	if err != nil {
		return err
	}
	for _, m := range r.GetMembers() {
		c.out.show(newMember(m))
	}
	return nil
}

func prepareSet(fs *pflag.FlagSet) action {
	muted := fs.Bool("mute", false, "no bell and no notices; --mute=false undoes it")
	pinned := fs.Bool("pin", false, "keep it at the top; --pin=false undoes it")
	length := fs.Duration("for", 0, "with --mute: for so long only, such as 8h")
	mentions := fs.Bool("mentions", false, "with --mute: tell of messages that name you all the same")
	days := fs.Uint32("retention", 0, "erase messages after so many days; 0 keeps them")
	return func(ctx context.Context, c *call, args []string) error {
		if fs.Changed("for") && (*length <= 0 || !*muted) {
			return ui.Usage.Because("--for belongs to --mute and is a length of time, such as 8h")
		}
		req := &apiv1.SetChatRequest{Chat: args[0]}
		for _, f := range []struct {
			name string
			set  func()
		}{
			{"mute", func() { req.Muted = muted }},
			{"for", func() {
				until := time.Now().Add(*length).UnixMilli()
				req.MutedUntilMs = &until
			}},
			{"mentions", func() { req.MentionsOnly = mentions }},
			{"pin", func() { req.Pinned = pinned }},
			{"retention", func() { req.RetentionDays = days }},
		} {
			if fs.Changed(f.name) {
				f.set()
			}
		}
		r, err := invoke(ctx, c.api.Chats.SetChat, req)
		if err != nil {
			return err
		}
		c.out.show(newChat(r.GetChat()))
		return nil
	}
}

func prepareExport(fs *pflag.FlagSet) action {
	format := fs.String("format", "jsonl", "jsonl or md")
	file := fs.StringP("output", "o", "", "file to write; it must not exist (default: standard output)")
	return func(ctx context.Context, c *call, args []string) error {
		name := map[string]string{"jsonl": "jsonl", "md": "markdown", "markdown": "markdown"}[*format]
		if name == "" {
			return ui.Usage.Because("--format is jsonl or md, not %q", *format)
		}
		req := &apiv1.ExportRequest{Format: name}
		if len(args) > 0 {
			req.Chat = args[0]
		}
		if *file == "" {
			return c.export(ctx, req, c.s.Out)
		}
		return c.exportFile(ctx, req, *file)
	}
}

// exportFile writes to a new file that only its owner can read, and leaves
// none behind if it is not whole.
func (c *call) exportFile(ctx context.Context, req *apiv1.ExportRequest, path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return ui.Exists.Because("%s exists; name another file, or remove it first", path)
	} else if err != nil {
		return fmt.Errorf("exporting: %w", err)
	}
	if err := errors.Join(c.export(ctx, req, f), f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	c.out.show(doneRecord{"exported", path, ui.F("written to %s", path)})
	return nil
}

// export copies the stream to w, line by line and cleaned: what people wrote
// is in it, and sooner or later somebody looks at it on a terminal.
func (c *call) export(ctx context.Context, req *apiv1.ExportRequest, w io.Writer) error {
	stream, err := c.api.Chats.Export(ctx, connect.NewRequest(req))
	if err != nil {
		return err
	}
	clean := newCleanWriter(w, req.GetFormat() == "jsonl")
	for stream.Receive() {
		if err := clean.write(stream.Msg().GetData()); err != nil {
			return errors.Join(err, stream.Close())
		}
	}
	return errors.Join(stream.Err(), clean.flush(), stream.Close())
}
