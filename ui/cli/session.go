package cli

import (
	"context"
	"errors"

	"github.com/kith-chat/kith/ui"
)

// attachOrServe attaches to the node that runs, or runs one in this process.
// The function that it returns stops that one and waits for its end.
func (c *call) attachOrServe(ctx context.Context, opts ServeOptions) (stop func() error, err error) {
	if c.api != nil {
		return func() error { return nil }, nil
	}
	c.api, err = c.deps.Attach(ctx, c.home)
	if err == nil || !errors.Is(err, ErrNoNode) {
		return func() error { return nil }, err
	}
	running, cancel := context.WithCancel(ctx)
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- c.serve(running, opts, func(Serving) { close(ready) }) }()
	select {
	case <-ready:
	case err := <-ended:
		cancel()
		if err == nil {
			err = ui.Failed.Because("the node stopped while it was starting; 'kith serve --log info' says why")
		}
		return nil, err
	}
	stop = func() error {
		cancel()
		return <-ended
	}
	if c.api, err = c.deps.Attach(ctx, c.home); err != nil {
		return nil, errors.Join(err, stop())
	}
	return stop, nil
}
