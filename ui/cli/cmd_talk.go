package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/pflag"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

const (
	// maxInput bounds a message that is read from standard input, in bytes;
	// the node has a limit of its own, which is lower.
	maxInput = 1 << 20
	// pageSize is how many messages are asked for at once.
	pageSize = 500
	// historyLines is how many messages "history" shows unless told.
	historyLines = 20
)

func talkCommands() []*command {
	return []*command{
		{
			name: "chat", args: "[CHAT]", group: groupTalk, max: 1, local: true,
			short: "talk in one chat: type, enter, read",
			long: `Prints the last messages, then sends each line that you type and shows what
comes in. It is plain text: usable over a serial line, with a screen reader and
in a pipe, where it sends each line of standard input and ends when all are
accepted. Lines that begin with / are commands; /help lists them, // sends a
line that begins with /. Without CHAT it opens the last one.

If no node is running, it runs one for as long as you talk.`,
			example: []string{"kith chat @bob", "kith chat '#lobby'", "make 2>&1 | kith chat --raw builds"},
			prepare: prepareChat,
		},
		{
			name: "send", args: "CHAT TEXT|-", group: groupTalk, need: needNode, min: 2, max: -1,
			short: "send a message",
			long: `Sends TEXT, or standard input if TEXT is -. The message is kept until it is
delivered, through restarts of either side. With --wait the command returns
when it is delivered (in a group: when it went out), and with exit code 6 if
that took longer; the message stays queued.

Shortcodes such as :tada: become emoji, except in ` + "`code`" + ` and in addresses;
\:tada: stays as it is, and --raw changes nothing at all.`,
			example: []string{"kith send @bob 'see you at 8 :wave:'", "kith send '#lobby' --wait 10s hello", "fortune | kith send bob -"},
			prepare: prepareSend,
		},
		{
			name: "history", args: "CHAT", group: groupTalk, need: needStore, min: 1, max: 1,
			short: "show the messages of a chat",
			long: `Shows the newest messages, oldest first. --before and --since take a message
ID, a time (RFC 3339, '2026-11-23', '2026-11-23 15:04', '15:04'), a day
('yesterday', 'monday'), or how long ago ('2h', '3d').`,
			example: []string{"kith history @bob", "kith history lobby -n 100 --since yesterday", "kith history bob --before 3f2a91c0"},
			prepare: prepareHistory,
		},
		{
			name: "search", args: "QUERY", group: groupTalk, need: needStore, min: 1, max: -1,
			short:   "find messages by their words",
			example: []string{"kith search 'train ticket'", "kith search 车票 --chat @bob"},
			prepare: prepareSearch,
		},
		{
			name: "listen", group: groupTalk, need: needNode, short: "show everything as it happens, in all chats",
			long: `Streams messages, changes of state, friend requests, file progress and
presence. With --json each object has an "event" and a "cursor": give the last
cursor to --since to go on where you were, without a gap. The events are ready
(the stream has begun), message, state, edit, retract, reaction, request,
friend, presence, file, chat, storage, and reset (the cursor was too old: load
the history again).`,
			example: []string{"kith listen", "kith listen --json --since 1042"},
			local:   true, prepare: prepareListen,
		},
		{
			name: "read", args: "CHAT [ID]", group: groupTalk, need: needNode, min: 1, max: 2,
			short: "mark a chat as read, up to a message or to its end",
			prepare: plain(func(ctx context.Context, c *call, args []string) error {
				req := &apiv1.MarkReadRequest{Chat: args[0]}
				if len(args) > 1 {
					req.UpTo = args[1]
				}
				r, err := invoke(ctx, c.api.Chats.MarkRead, req)
				if err != nil {
					return err
				}
				c.out.show(newChat(r.GetChat()))
				return nil
			}),
		},
	}
}

func prepareSend(fs *pflag.FlagSet) action {
	wait := fs.Duration("wait", 0, "wait so long for delivery; exit code 6 if it takes longer")
	reply := fs.String("reply-to", "", "ID of the message that this answers")
	raw := fs.Bool("raw", false, "send the text exactly as it is, without emoji for shortcodes")
	return func(ctx context.Context, c *call, args []string) error {
		text := strings.Join(args[1:], " ")
		if text == "-" {
			var err error
			if text, err = readText(c.s.In); err != nil {
				return err
			}
		}
		m, err := c.send(ctx, &apiv1.SendRequest{
			Chat: args[0], Text: input(text, *raw), ReplyTo: *reply, WaitMs: wait.Milliseconds(), RawText: true,
		})
		if m != nil {
			c.out.showAs(newMessage(m), view{ids: true, states: true})
		}
		return err
	}
}

// input is what a person meant by what they typed. It is applied here, so the
// node is always told to take the text as it is.
func input(text string, raw bool) string {
	if raw {
		return text
	}
	return ui.Emojize(text)
}

// send sends and, if it was told to wait, checks how far the message has come.
// The message is nil only if it was not accepted.
func (c *call) send(ctx context.Context, req *apiv1.SendRequest) (*apiv1.Message, error) {
	r, err := invoke(ctx, c.api.Chats.Send, req)
	if err != nil {
		return nil, err
	}
	m := r.GetMessage()
	return m, outcome(m, time.Duration(req.GetWaitMs())*time.Millisecond)
}

// outcome says whether a message came as far as was waited for.
func outcome(m *apiv1.Message, wait time.Duration) error {
	if m.GetState() == apiv1.State_STATE_REFUSED {
		return ui.NotAllowed.Because("the other side does not take the message: %s", m.GetRefused())
	}
	target := apiv1.State_STATE_SENT
	if strings.HasPrefix(m.GetChat(), "@") || strings.HasPrefix(m.GetChat(), "kith1") {
		target = apiv1.State_STATE_DELIVERED
	}
	if wait > 0 && ui.Rank(m.GetState()) < ui.Rank(target) {
		return ui.Timeout.Because("not delivered within %s; it stays queued and goes out by itself", wait)
	}
	return nil
}

// readText reads a whole message. One line end at its end is not part of it.
func readText(in io.Reader) (string, error) {
	b, err := io.ReadAll(io.LimitReader(in, maxInput+1))
	if err != nil {
		return "", fmt.Errorf("reading standard input: %w", err)
	}
	if len(b) > maxInput {
		return "", ui.TooLarge.Because("standard input is longer than %d bytes; send it as a file: kith files send CHAT PATH", maxInput)
	}
	if !utf8.Valid(b) {
		return "", ui.Invalid.Because("standard input is not UTF-8 text; send it as a file: kith files send CHAT PATH")
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r"), nil
}

func prepareSearch(fs *pflag.FlagSet) action {
	chat := fs.String("chat", "", "only in this chat")
	limit := fs.Uint32P("number", "n", 50, "show at most so many, newest first")
	before := fs.String("before", "", "only messages older than this ID")
	return func(ctx context.Context, c *call, args []string) error {
		r, err := invoke(ctx, c.api.Chats.Search, &apiv1.SearchRequest{
			Query: strings.Join(args, " "), Chat: *chat, Limit: *limit, Before: *before,
		})
		if err != nil {
			return err
		}
		names, err := c.chatNames(ctx)
		if err != nil {
			return err
		}
		for _, m := range r.GetMessages() {
			if !c.out.json {
				c.out.line(ui.F("— %s, %s —", view{names: names}.chatName(m.GetChat()), ui.Stamp(m.GetTimeMs())))
			}
			c.out.showAs(newMessage(m), view{ids: true, states: true})
		}
		if r.GetMore() && !c.out.json {
			c.out.note("there are more; -n shows them")
		}
		return nil
	}
}
