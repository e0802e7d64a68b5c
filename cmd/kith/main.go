// Command kith is a serverless chat node and everything a person needs to use
// it from a terminal. This package joins the parts: the settings, the vault,
// the node and its local API below, the commands of ui/cli above. It holds no
// logic of its own.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/kith-chat/kith/node/config"
	"github.com/kith-chat/kith/ui/cli"
)

// version and commit are set by the linker; a plain go build leaves them to
// the build information.
var version, commit string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Main(ctx, deps(), cli.OSStreams(), os.Args[1:])
	stop()
	os.Exit(code)
}

// deps gives the commands what touches keys, the disk and the network.
func deps() cli.Deps {
	v, c := buildVersion()
	b := build{version: v, commit: c}
	return cli.Deps{
		Version:    v,
		Commit:     c,
		Home:       func() (string, error) { return config.DefaultHome(os.Environ()) },
		HasProfile: hasProfile,
		Init:       b.initProfile,
		Link:       b.linkProfile,
		Attach:     attach,
		Screen:     b.screen,
		Welcome:    firstScreen,
		Remind:     remind,
		Brief:      b.brief,
		Serve:      b.serve,
		Config:     settings,
	}
}

// build is what the program knows of itself.
type build struct{ version, commit string }

func buildVersion() (v, c string) {
	v, c = version, commit
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v, c
	}
	if v == "" {
		v = info.Main.Version
	}
	if v == "" || v == "(devel)" {
		v = "devel"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && c == "" {
			c = s.Value[:min(len(s.Value), 12)]
		}
	}
	return v, c
}
