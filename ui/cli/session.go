package cli

import (
	"context"
	"errors"

	"github.com/kith-chat/kith/ui"
)

// attachOrServe attaches to the node that runs, or runs one in this process.
// The function that it returns stops that one and waits for its end.
func (c *call) attachOrServe(ctx context.Context, opts ServeOptions) (stop func() error, err error) {
	stop, _, err = c.attachOrOwn(ctx, opts)
	return stop, err
}

// attachOrOwn is attachOrServe with a channel that is closed when the node of
// this process has ended; nil if the node is another process.
func (c *call) attachOrOwn(ctx context.Context, opts ServeOptions) (stop func() error, own <-chan struct{}, err error) {
	if c.api != nil {
		return func() error { return nil }, nil, nil
	}
	c.api, err = c.deps.Attach(ctx, c.home)
	if err == nil || !errors.Is(err, ErrNoNode) {
		return func() error { return nil }, nil, err
	}
	running, cancel := context.WithCancel(ctx)
	ready, ended, over := make(chan struct{}), make(chan error, 1), make(chan struct{})
	go func() {
		defer close(over)
		ended <- c.serve(running, opts, func(Serving) { close(ready) })
	}()
	select {
	case <-ready:
	case err := <-ended:
		cancel()
		if err == nil {
			err = ui.Failed.Because("the node stopped while it was starting; 'kith serve --log info' says why")
		}
		return nil, nil, err
	}
	stop = func() error {
		cancel()
		return <-ended
	}
	if c.api, err = c.deps.Attach(ctx, c.home); err != nil {
		return nil, nil, errors.Join(err, stop())
	}
	return stop, over, nil
}
