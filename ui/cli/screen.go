package cli

import (
	"context"
	"errors"
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
	return errors.Join(c.showScreen(ctx, own), stop())
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
