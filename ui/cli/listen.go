package cli

import (
	"context"
	"errors"

	"connectrpc.com/connect"
	"github.com/spf13/pflag"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

// prepareListen streams until it is interrupted, which is its proper end.
func prepareListen(fs *pflag.FlagSet) action {
	since := fs.Uint64("since", 0, "go on after this cursor; 0 for from now on")
	lasting := fs.Bool("lasting", false, "leave out presence and file progress, which have no cursor")
	return func(ctx context.Context, c *call, _ []string) error {
		track, err := c.tracker(ctx)
		if err != nil {
			return err
		}
		err = c.watch(ctx, &apiv1.WatchRequest{Cursor: *since, Ephemeral: !*lasting}, func(w *apiv1.WatchResponse) error {
			if event, r := track.classify(w); r != nil {
				c.showNews(event, r, track.names)
			}
			return c.out.failure()
		})
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
}

// watch calls each with every piece of news until ctx ends, each fails or the
// node goes away, which is ErrNoNode.
func (c *call) watch(ctx context.Context, req *apiv1.WatchRequest, each func(*apiv1.WatchResponse) error) error {
	stream, err := c.api.Node.Watch(ctx, connect.NewRequest(req))
	if err != nil {
		return err
	}
	for stream.Receive() {
		if err := each(stream.Msg()); err != nil {
			return errors.Join(err, stream.Close())
		}
	}
	err = stream.Err()
	if closing := stream.Close(); err == nil {
		err = closing
	}
	if err == nil {
		return ErrNoNode.Because("the node has stopped; start it again with 'kith serve'")
	}
	return err
}

func (c *call) showNews(event string, r record, names map[string]ui.Text) {
	if event == eventChat && !c.out.json {
		return // unread counts, which the message itself has just shown
	}
	c.out.news(event, r, view{ids: true, chat: true, states: true, names: names})
}
