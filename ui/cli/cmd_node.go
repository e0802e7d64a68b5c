package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/pflag"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

func nodeCommands() []*command {
	return []*command{
		{
			name: "serve", group: groupNode, short: "run the node until it is stopped",
			long: `A node finds friends, delivers and receives messages and files, and answers the
other commands. What a flag does not say is taken from the environment
(KITH_LISTEN, KITH_DHT, …), then from the file config.toml in the profile's
folder, then from the defaults; 'kith config' shows what is in force.`,
			example: []string{
				"kith serve", "kith serve --notify", "kith serve --no-mdns --dht off --listen /ip4/127.0.0.1/tcp/0", "kith serve --set receipts=false",
			},
			local: true, prepare: prepareServe,
		},
		{
			name: "stop", group: groupNode, need: needNode, short: "stop the node", local: true,
			prepare: plain(stopNode),
		},
		{
			name: "status", group: groupNode, short: "show how the node is: addresses, peers, store",
			example: []string{"kith status", "kith status --wait 10s --json"}, prepare: prepareStatus,
		},
		{
			name: "peers", group: groupNode, need: needNode, short: "list the machines that are connected",
			prepare: plain(listPeers),
		},
		{name: "peers list", need: needNode, short: "list the machines that are connected", prepare: plain(listPeers)},
		{
			name: "peers connect", args: "ADDRESS", need: needNode, min: 1, max: 1, short: "connect to a machine by its address",
			long:    `ADDRESS is one that 'kith status' shows on the other machine: /ip4/…/p2p/….`,
			prepare: plain(connectPeer),
		},
		{
			name: "doctor", args: "[WHO]", group: groupNode, need: needNode, max: 1,
			short: "say step by step why somebody can or cannot be reached",
			long:  `Without WHO it says how the node itself is.`, prepare: plain(diagnose),
		},
		{
			name: "config", group: groupNode, short: "show the settings in force, and where each comes from",
			long: `Takes the same flags as 'kith serve' and shows what they would lead to.`, local: true,
			prepare: prepareConfig,
		},
	}
}

// serveFlags are the flags that "serve", "config" and a node run by the line
// mode share, under the names that they have in the configuration file.
type serveFlags struct {
	fs   *pflag.FlagSet
	log  string
	sets []string
}

func newServeFlags(fs *pflag.FlagSet) *serveFlags {
	f := &serveFlags{fs: fs}
	fs.StringArray("listen", nil, "multiaddr to listen on; may be given again")
	fs.Bool("no-mdns", false, "do not look for people on the LAN, and do not show yourself there")
	fs.String("dht", "", "find friends through the DHT: public, private or off")
	fs.StringArray("bootstrap", nil, "multiaddr to enter the DHT by; may be given again, replaces the default list")
	fs.Bool("relay", false, "serve as a relay for friends who cannot be reached")
	fs.String("web", "", "address of the web interface, or off")
	fs.StringArrayVar(&f.sets, "set", nil, "any other setting as name=value; 'kith config' lists them; may be given again")
	fs.StringVar(&f.log, "log", "warn", "what to log on standard error: debug, info, warn, error")
	return f
}

// options returns what was given on the line.
func (f *serveFlags) options(c *call) (ServeOptions, error) {
	opts := ServeOptions{OpenOptions: OpenOptions{Home: c.home}, Flags: map[string][]string{}, LogLevel: f.log}
	for _, name := range []string{"listen", "no-mdns", "dht", "bootstrap", "relay", "web"} {
		flag := f.fs.Lookup(name)
		if !flag.Changed {
			continue
		}
		if list, ok := flag.Value.(pflag.SliceValue); ok {
			opts.Flags[name] = list.GetSlice()
		} else {
			opts.Flags[name] = []string{flag.Value.String()}
		}
	}
	for _, set := range f.sets {
		name, value, ok := cut(set)
		if !ok {
			return opts, ui.Usage.Because("--set wants name=value, not %q", set)
		}
		opts.Flags[name] = append(opts.Flags[name], value)
	}
	if f.fs.Lookup("log").Changed {
		opts.Flags["log-level"] = []string{f.log}
	}
	switch f.log {
	case "debug", "info", "warn", "error":
		return opts, nil
	}
	return opts, ui.Usage.Because("--log is debug, info, warn or error, not %q", f.log)
}

func prepareServe(fs *pflag.FlagSet) action {
	flags := newServeFlags(fs)
	notifying := fs.Bool("notify", false, "show messages, mentions and requests as notifications of the desktop")
	return func(ctx context.Context, c *call, _ []string) error {
		opts, err := flags.options(c)
		if err != nil {
			return err
		}
		opts.Log = c.s.Err
		if *notifying {
			return c.serveNotifying(ctx, opts)
		}
		return c.serve(ctx, opts, func(s Serving) { c.out.show(newServing(s)) })
	}
}

func newServing(s Serving) servingRecord {
	return servingRecord{
		Event: "ready", Account: s.Account, Device: s.Device, Name: s.Name, Addresses: append([]string{}, s.Addresses...),
		Socket: s.Socket, Web: s.Web, Vault: s.Vault,
	}
}

// serve runs a node, asking for the passphrase if it needs one.
func (c *call) serve(ctx context.Context, opts ServeOptions, ready func(Serving)) error {
	if has, err := c.deps.HasProfile(c.home); err != nil {
		return err
	} else if !has {
		return ErrNoProfile
	}
	return c.unlocking(func(open OpenOptions) error {
		opts.OpenOptions = open
		return c.deps.Serve(ctx, opts, ready)
	})
}

func prepareConfig(fs *pflag.FlagSet) action {
	flags := newServeFlags(fs)
	return func(_ context.Context, c *call, _ []string) error {
		opts, err := flags.options(c)
		if err != nil {
			return err
		}
		settings, err := c.deps.Config(opts)
		if err != nil {
			return err
		}
		for _, s := range settings {
			c.out.show(settingRecord{s.Name, s.Value, s.Source})
		}
		return nil
	}
}

func stopNode(ctx context.Context, c *call, _ []string) error {
	if _, err := invoke(ctx, c.api.Node.Stop, &apiv1.StopRequest{}); err != nil {
		return err
	}
	if err := c.untilGone(ctx); err != nil {
		return err
	}
	c.out.show(doneRecord{"stopped", "", ui.F("stopped")})
	return nil
}

const (
	// askEvery is how often a starting or stopping node is asked for.
	askEvery = 50 * time.Millisecond
	// stopWithin is how long a node may take to close.
	stopWithin = 30 * time.Second
)

// untilGone waits until no node answers any more.
func (c *call) untilGone(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, stopWithin, ui.Timeout.Because("the node is still closing after %s", stopWithin))
	defer cancel()
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		if _, err := c.deps.Attach(ctx, c.home); errors.Is(err, ErrNoNode) {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

func prepareStatus(fs *pflag.FlagSet) action {
	wait := fs.Duration("wait", 0, "wait so long for a node that is just starting")
	return func(ctx context.Context, c *call, _ []string) error {
		api, err := c.attachWithin(ctx, *wait)
		if err != nil {
			return err
		}
		r, err := invoke(ctx, api.Node.GetStatus, &apiv1.GetStatusRequest{})
		if err != nil {
			return err
		}
		c.out.show(newStatus(r))
		return nil
	}
}

// attachWithin attaches to the node, if need be after waiting for it.
func (c *call) attachWithin(ctx context.Context, wait time.Duration) (*API, error) {
	if c.api != nil {
		return c.api, nil
	}
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		api, err := c.deps.Attach(ctx, c.home)
		if !errors.Is(err, ErrNoNode) {
			return api, err
		}
		if wait <= 0 {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-deadline.C:
			return nil, err
		case <-tick.C:
		}
	}
}

func listPeers(ctx context.Context, c *call, _ []string) error {
	r, err := invoke(ctx, c.api.Node.ListPeers, &apiv1.ListPeersRequest{})
	if err != nil {
		return err
	}
	for _, p := range r.GetPeers() {
		c.out.show(newPeer(p))
	}
	if len(r.GetPeers()) == 0 {
		c.out.say("no machine is connected; 'kith doctor' says what the node tries")
	}
	return nil
}

func connectPeer(ctx context.Context, c *call, args []string) error {
	r, err := invoke(ctx, c.api.Node.Connect, &apiv1.ConnectRequest{Address: args[0]})
	if err != nil {
		return err
	}
	c.out.show(newPeer(r.GetPeer()))
	return nil
}
