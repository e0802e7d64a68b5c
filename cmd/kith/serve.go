package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kith-chat/kith/node"
	"github.com/kith-chat/kith/node/api"
	"github.com/kith-chat/kith/node/api/client"
	"github.com/kith-chat/kith/node/config"
	"github.com/kith-chat/kith/node/store"
	"github.com/kith-chat/kith/ui"
	"github.com/kith-chat/kith/ui/cli"
)

// resolve finds the settings that are in force.
func resolve(o cli.ServeOptions) (config.Resolved, error) {
	r, err := config.Resolve(config.Options{Home: o.Home, Flags: o.Flags})
	if errors.Is(err, config.ErrInvalid) {
		err = cli.ErrInvalid.Because("%w; 'kith config' shows the settings there are", err)
	}
	return r, err
}

// settings lists the settings in force and where each comes from.
func settings(o cli.ServeOptions) ([]cli.Setting, error) {
	r, err := resolve(o)
	if err != nil {
		return nil, err
	}
	out := make([]cli.Setting, len(r.Settings))
	for i, s := range r.Settings {
		out[i] = cli.Setting{Name: s.Name, Value: s.Value, Source: s.Source}
	}
	return out, nil
}

// nodeConfig turns settings into those of a node.
func (b build) nodeConfig(c config.Config, log *slog.Logger) node.Config {
	return node.Config{
		Home: c.Home, Version: b.version, Commit: b.commit,
		Listen: c.Listen, MDNS: c.MDNS, DHT: c.DHT, Bootstrap: c.Bootstrap, Relay: c.Relay,
		Receipts: c.Receipts, Typing: c.Typing, Preferences: c.UI, AutoAccept: c.AutoAccept, Downloads: c.Downloads,
		RetentionDays: c.RetentionDays, MinFree: c.MinFree, Log: log,
	}
}

// serve runs a whole node until it is told to stop.
func (b build) serve(ctx context.Context, o cli.ServeOptions, ready func(cli.Serving)) error {
	r, err := resolve(o)
	if err != nil {
		return err
	}
	v, err := unlock(o.OpenOptions)
	if err != nil {
		return err
	}
	log := logger(o.Log, r.Config.LogLevel)
	for _, name := range r.Unknown {
		if name != keyringSwitch {
			log.Warn("an environment variable has no meaning", "name", name)
		}
	}
	c := b.nodeConfig(r.Config, log)
	c.Vault = v
	n, err := openNode(ctx, c)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s, err := api.Open(api.Config{
		Node: n, Stop: stop, Home: c.Home, Web: r.Config.Web, TokenFile: r.Config.TokenFile, Version: b.version, Log: log,
	})
	if err != nil {
		return errors.Join(err, n.Close())
	}
	return errors.Join(runUntil(ctx, n, s, func() { tellReady(ctx, n, s, ready) }), n.Close())
}

// closingNode is how long a node that has stopped answering may take to let go
// of its store.
const closingNode = 10 * time.Second

// openNode opens a node. If another one has the profile and answers, that is
// said at once; one that is closing is waited for.
func openNode(ctx context.Context, c node.Config) (*node.Node, error) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(closingNode)
	for {
		n, err := node.Open(ctx, c)
		if !errors.Is(err, store.ErrInUse) {
			return n, err
		}
		if _, err := attach(ctx, c.Home); err == nil || time.Now().After(deadline) {
			return nil, ui.Exists.Because("another kith has %s open; 'kith status' shows whether it answers, 'kith stop' ends it", c.Home)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}

// runUntil serves the API until ctx ends or the node does.
func runUntil(ctx context.Context, n *node.Node, s *api.Server, ready func()) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.Run(ctx) })
	g.Go(func() error {
		select {
		case <-n.Done():
			return n.Err()
		case <-ctx.Done():
			return nil
		}
	})
	ready()
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func tellReady(ctx context.Context, n *node.Node, s *api.Server, ready func(cli.Serving)) {
	self, err := n.Self(ctx)
	if err != nil {
		return
	}
	status, err := n.Status(ctx)
	if err != nil {
		return
	}
	ready(cli.Serving{
		Account: self.Account.String(), Device: self.Device.String(), Name: self.Name,
		Addresses: status.Addresses, Socket: s.Socket(), Web: s.Web(), Vault: status.Vault,
	})
}

// brief runs a node without a network in this process.
func (b build) brief(ctx context.Context, o cli.OpenOptions) (*cli.API, func() error, error) {
	v, err := unlock(o)
	if err != nil {
		return nil, nil, err
	}
	r, err := resolve(cli.ServeOptions{OpenOptions: o})
	if err != nil {
		return nil, nil, err
	}
	c := b.nodeConfig(r.Config, nil)
	c.Vault, c.Offline = v, true
	n, err := openNode(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	s, err := api.Open(api.Config{Node: n, Stop: stop, Version: b.version})
	if err != nil {
		stop()
		return nil, nil, errors.Join(err, n.Close())
	}
	done := make(chan error, 1)
	go func() { done <- s.Run(run) }()
	return clients(&client.Client{Dial: s.Dial}), func() error {
		stop()
		err := <-done
		if errors.Is(err, context.Canceled) {
			err = nil
		}
		return errors.Join(err, n.Close())
	}, nil
}

// attach connects to the node that runs for a home.
func attach(ctx context.Context, home string) (*cli.API, error) {
	c := &client.Client{Home: home}
	if err := c.Check(ctx); err != nil {
		if errors.Is(err, client.ErrNotRunning) {
			return nil, cli.ErrNoNode
		}
		return nil, err
	}
	return clients(c), nil
}

func clients(c *client.Client) *cli.API {
	return &cli.API{Node: c.Node(), Friends: c.Friends(), Chats: c.Chats(), Files: c.Files(), Devices: c.Devices()}
}

func logger(w io.Writer, level slog.Level) *slog.Logger {
	if w == nil {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}
