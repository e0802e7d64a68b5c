package cli

import (
	"context"
	"errors"
	"sync"
)

// fullScreen reports whether the terminal can show the full screen.
func (c *call) fullScreen() bool {
	return c.deps.Screen != nil && c.s.talks() && !c.out.json && c.s.Getenv("TERM") != "dumb"
}

// screen shows the full screen on the node that runs, or on one that runs in
// this process and ends with it.
func (c *call) screen(ctx context.Context) error {
	stop, own, err := c.attachOrOwn(ctx, ServeOptions{OpenOptions: OpenOptions{Home: c.home}})
	if err != nil {
		return err
	}
	if c.deps.Remind != nil {
		if left, err := c.deps.Remind(ctx, c.api); left || err != nil {
			return errors.Join(err, stop())
		}
	}
	return errors.Join(c.showScreen(ctx, own), stop())
}

// welcome leads through the first run on the full screen, and on to the
// first chat.
func (c *call) welcome(ctx context.Context) error {
	stop := func() error { return nil }
	var own <-chan struct{}
	// Start runs beside the screen, which may be left before it has ended.
	var starting sync.Mutex
	left := false
	done, err := c.deps.Welcome(ctx, WelcomeOptions{
		Init: func(ctx context.Context, o InitOptions) (InitResult, error) {
			p, given, err := c.givenPassphrase()
			if err != nil {
				return InitResult{}, err
			}
			if !given {
				p = o.Passphrase
			}
			o.Home, o.Passphrase = c.home, p
			r, err := c.deps.Init(ctx, o)
			if err == nil {
				c.known = &p
			}
			return r, err
		},
		Start: func(context.Context) (*API, error) {
			starting.Lock()
			defer starting.Unlock()
			if left {
				return nil, context.Canceled
			}
			end, running, err := c.attachOrOwn(ctx, ServeOptions{OpenOptions: OpenOptions{Home: c.home}})
			if err != nil {
				return nil, err
			}
			stop, own = end, running
			return c.api, nil
		},
	})
	starting.Lock()
	left = true
	starting.Unlock()
	if err == nil && done {
		err = c.showScreen(ctx, own)
	}
	return errors.Join(err, stop())
}

// showScreen shows the full screen. own ends with a node of this process; it
// is nil for another one. Such a node goes on after the screen if the person
// wants it to.
func (c *call) showScreen(ctx context.Context, own <-chan struct{}) error {
	keep, err := c.deps.Screen(ctx, ScreenOptions{
		API: c.api, Inner: NewInner(c.deps, c.api, c.home), Home: c.home, InProcess: own != nil,
	})
	if keep && err == nil && own != nil {
		c.out.say("The node goes on here; Ctrl-C ends it, and 'kith' in another terminal opens the screen again.")
		select {
		case <-ctx.Done():
		case <-own:
		}
	}
	return err
}
