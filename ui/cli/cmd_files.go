package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

func fileCommands() []*command {
	return []*command{
		{
			name: "files", group: groupFiles, need: needStore, short: "list the files that were offered, and move them",
			long: `A file is offered in a chat and fetched by whoever wants it; the offer stands
as long as the file does. Transfers go on after any interruption, and a file
appears under its name only when it is whole and verified.`,
			example: []string{"kith files send @bob holiday.mp4", "kith files", "kith files get 3f2a91c0 --to ~/Videos"},
			prepare: prepareListFiles,
		},
		{name: "files list", need: needStore, short: "list the files that were offered", prepare: prepareListFiles},
		{
			name: "files send", args: "CHAT PATH [CAPTION]", need: needNode, min: 2, max: -1, short: "offer a file in a chat",
			long: `The file is not copied: it must stay where it is for as long as somebody may
want it. With --wait the command returns when the offer has been delivered, with
exit code 6 if that took longer.`,
			prepare: prepareSendFile,
		},
		{
			name: "files get", args: "ID", need: needNode, min: 1, max: 1, short: "fetch a file, and wait until it is there",
			prepare: prepareGetFile,
		},
		{
			name: "files cancel", args: "ID", need: needNode, min: 1, max: 1, short: "stop fetching a file, or take an offer back",
			prepare: plain(func(ctx context.Context, c *call, args []string) error {
				r, err := invoke(ctx, c.api.Files.Cancel, &apiv1.CancelRequest{Id: args[0]})
				if err != nil {
					return err
				}
				c.out.show(newFile(r.GetTransfer()))
				return nil
			}),
		},
	}
}

func prepareListFiles(fs *pflag.FlagSet) action {
	chat := fs.String("chat", "", "only those of this chat")
	return func(ctx context.Context, c *call, _ []string) error {
		r, err := invoke(ctx, c.api.Files.ListFiles, &apiv1.ListFilesRequest{Chat: *chat})
		if err != nil {
			return err
		}
		names, err := c.chatNames(ctx)
		if err != nil {
			return err
		}
		for _, t := range r.GetFiles() {
			c.out.showAs(newFile(t), view{names: names})
		}
		return nil
	}
}

func prepareSendFile(fs *pflag.FlagSet) action {
	caption := fs.String("caption", "", "a few words with the file")
	name := fs.String("name", "", "offer it under this name")
	reply := fs.String("reply-to", "", "ID of the message that this answers")
	wait := fs.Duration("wait", 0, "wait so long until the offer is delivered; exit code 6 if it takes longer")
	return func(ctx context.Context, c *call, args []string) error {
		path, err := filepath.Abs(args[1])
		if err != nil {
			return fmt.Errorf("finding the file: %w", err)
		}
		if info, err := os.Stat(path); err != nil {
			return ui.NotFound.Because("there is no file %s that can be read; check the path", args[1])
		} else if !info.Mode().IsRegular() {
			return ui.Invalid.Because("%s is not a plain file; pack a folder first", args[1])
		}
		text := *caption
		if text == "" {
			text = strings.Join(args[2:], " ")
		}
		r, err := invoke(ctx, c.api.Files.Offer, &apiv1.OfferRequest{
			Chat: args[0], Path: path, Caption: ui.Emojize(text), ReplyTo: *reply, Name: *name,
		})
		if err != nil {
			return err
		}
		c.out.show(newFile(r.GetTransfer()))
		return c.untilDelivered(ctx, r.GetMessage(), *wait)
	}
}

// untilDelivered waits until a message has come as far as it goes, at most so
// long; 0 does not wait.
func (c *call) untilDelivered(ctx context.Context, m *apiv1.Message, wait time.Duration) error {
	end := time.NewTimer(wait)
	defer end.Stop()
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		err := outcome(m, wait)
		if !errors.Is(err, ui.Timeout) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-end.C:
			return err
		case <-tick.C:
		}
		r, err := invoke(ctx, c.api.Chats.GetMessage, &apiv1.GetMessageRequest{Id: m.GetId()})
		if err != nil {
			return err
		}
		m = r.GetMessage()
	}
}

func prepareGetFile(fs *pflag.FlagSet) action {
	to := fs.String("to", "", "folder or file to save to (default: the download folder)")
	noWait := fs.Bool("no-wait", false, "return at once; the node goes on fetching")
	wait := fs.Duration("wait", 0, "wait at most so long (default: until it is there)")
	return func(ctx context.Context, c *call, args []string) error {
		dest := *to
		if dest != "" {
			abs, err := filepath.Abs(dest)
			if err != nil {
				return fmt.Errorf("finding the place to save to: %w", err)
			}
			dest = abs
			if strings.HasSuffix(*to, string(filepath.Separator)) {
				dest += string(filepath.Separator)
			}
		}
		r, err := invoke(ctx, c.api.Files.Get, &apiv1.GetRequest{Id: args[0], To: dest})
		if err != nil {
			return err
		}
		if *noWait {
			c.out.show(newFile(r.GetTransfer()))
			return nil
		}
		return c.follow(ctx, r.GetTransfer(), *wait, func(t *apiv1.Transfer) bool {
			return t.GetState() == apiv1.TransferState_TRANSFER_STATE_DONE
		})
	}
}

// progressEvery is how often a transfer is looked at.
const progressEvery = 200 * time.Millisecond

// follow shows how a transfer goes on until done says so, it ends otherwise,
// or limit is over (0: none). It asks instead of watching: a question every
// fifth of a second costs nothing on a local socket, and no news can be missed.
func (c *call) follow(ctx context.Context, t *apiv1.Transfer, limit time.Duration, done func(*apiv1.Transfer) bool) error {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit,
			ui.Timeout.Because("not finished within %s; it goes on by itself, 'kith files' shows how far it is", limit))
		defer cancel()
	}
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	meter := meter{c: c}
	for {
		meter.show(t)
		switch {
		case done(t):
			c.out.show(newFile(t))
			return nil
		case t.GetState() == apiv1.TransferState_TRANSFER_STATE_FAILED:
			return ui.Failed.Because("the file did not arrive: %s; 'kith files get %s' tries again", t.GetError(), beginning(t.GetId()))
		case t.GetState() == apiv1.TransferState_TRANSFER_STATE_CANCELLED:
			return ui.NotAllowed.Because("the transfer was cancelled")
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
		next, err := c.transfer(ctx, t)
		if err != nil {
			return err
		}
		t = next
	}
}

// transfer asks how a transfer is now.
func (c *call) transfer(ctx context.Context, t *apiv1.Transfer) (*apiv1.Transfer, error) {
	r, err := invoke(ctx, c.api.Files.ListFiles, &apiv1.ListFilesRequest{Chat: t.GetChat()})
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, err
	}
	for _, f := range r.GetFiles() {
		if f.GetId() == t.GetId() && f.GetOutgoing() == t.GetOutgoing() {
			return f, nil
		}
	}
	return nil, ui.NotFound.Because("the file is not offered any more")
}
