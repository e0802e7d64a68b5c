package main

import (
	"context"
	"os"

	"github.com/kith-chat/kith/ui/cli"
	"github.com/kith-chat/kith/ui/notify"
	"github.com/kith-chat/kith/ui/picture"
	"github.com/kith-chat/kith/ui/tui"
	"github.com/kith-chat/kith/ui/words"
)

// screen shows the full-screen UI.
func (b build) screen(ctx context.Context, o cli.ScreenOptions) (keep bool, err error) {
	return tui.Run(ctx, tui.Options{
		API: o.API, Inner: o.Inner, Version: b.version, Words: words.FromEnv(os.Getenv),
		Caps: picture.Detect(os.Getenv, ""), InProcess: o.InProcess,
		Terminal: notify.TerminalOf(os.Getenv), InTmux: os.Getenv("TMUX") != "", Desktop: notify.Desktop{},
	})
}
