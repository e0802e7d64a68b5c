package cli

import (
	"context"
	"log/slog"
	"sync"

	"github.com/kith-chat/kith/ui"
	"github.com/kith-chat/kith/ui/notify"
	"github.com/kith-chat/kith/ui/words"
)

// serveNotifying runs a node and shows what happens as notifications of the
// desktop, as the preferences say. It waits for both.
func (c *call) serveNotifying(ctx context.Context, opts ServeOptions) error {
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	err := c.serve(ctx, opts, func(s Serving) {
		c.out.show(newServing(s))
		watching.Go(func() {
			if err := c.notify(ctx); err != nil {
				c.out.note("notifications have ended: %s", ui.Explain(err).Text)
			}
		})
	})
	cancel()
	watching.Wait()
	return err
}

// notify shows notifications until ctx or the node ends.
func (c *call) notify(ctx context.Context) error {
	api, err := c.deps.Attach(ctx, c.home)
	if err != nil {
		return err
	}
	return notify.Watch(ctx, notify.Source{Node: api.Node, Chats: api.Chats}, notify.Config{
		Words:   words.FromEnv(c.s.Getenv),
		Outlets: []notify.Outlet{notify.Desktop{}},
		Log:     slog.New(slog.NewTextHandler(c.s.Err, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
}
