package cli

import (
	"bufio"
	"context"
	"errors"
	"strings"

	"connectrpc.com/connect"
	"github.com/spf13/pflag"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

func deviceCommands() []*command {
	return []*command{
		{
			name: "devices", group: groupStart, need: needStore, short: "list the machines of your account, and change them",
			long: `Each machine has a key of its own, certified by your account. A machine that is
lost or sold is revoked on another one: it gets nothing more, and what it says
is refused by everybody who has heard of it.`,
			example: []string{"kith devices", "kith devices link", "kith devices rename laptop 'old laptop'", "kith devices revoke 'old laptop'"},
			prepare: plain(listDevices),
		},
		{name: "devices list", need: needStore, short: "list the machines of your account", prepare: plain(listDevices)},
		{
			name: "devices link", need: needNode, short: "make another machine one of your account",
			long: `Shows a code that is good for five minutes and works once. On the other machine:
kith init --link CODE. Both then show the same few words; say yes on both only
if they are the same.`,
			prepare: prepareLink,
		},
		{
			name: "devices rename", args: "DEVICE NAME", need: needStore, min: 2, max: -1, short: "call a machine by another name",
			prepare: plain(renameDevice),
		},
		{
			name: "devices revoke", args: "DEVICE", need: needNode, min: 1, max: 1, short: "take a machine off your account",
			prepare: plain(revokeDevice),
		},
	}
}

func listDevices(ctx context.Context, c *call, _ []string) error {
	r, err := invoke(ctx, c.api.Devices.ListDevices, &apiv1.ListDevicesRequest{})
	if err != nil {
		return err
	}
	for _, d := range r.GetDevices() {
		c.out.show(newDevice(d))
	}
	return nil
}

func renameDevice(ctx context.Context, c *call, args []string) error {
	r, err := invoke(ctx, c.api.Devices.RenameDevice, &apiv1.RenameDeviceRequest{Device: args[0], Name: strings.Join(args[1:], " ")})
	if err != nil {
		return err
	}
	c.out.show(newDevice(r.GetDevice()))
	return nil
}

func revokeDevice(ctx context.Context, c *call, args []string) error {
	if _, err := invoke(ctx, c.api.Devices.RevokeDevice, &apiv1.RevokeDeviceRequest{Device: args[0]}); err != nil {
		return err
	}
	c.out.show(doneRecord{"revoked", args[0], ui.F("%s is no device of yours any more", args[0])})
	return nil
}

// linkRecord is a step of the linking of a device.
type linkRecord struct {
	Step    string `json:"step"` // "code", "words" or "linked"
	Code    string `json:"code,omitempty"`
	Expires string `json:"expires,omitempty"`
	Words   string `json:"words,omitempty"`
	Name    string `json:"name,omitempty"`
}

func (r linkRecord) lines(view) []ui.Text {
	switch r.Step {
	case "code":
		return []ui.Text{
			ui.F("On the other machine, within five minutes:"),
			{},
			ui.F("  kith init --link %s", r.Code),
			{},
		}
	case "words":
		return []ui.Text{ui.F("%s shows these words, if it is the right one:", ui.Truncate(ui.Line(r.Name), 40)), {}, ui.F("  %s", r.Words), {}}
	}
	return []ui.Text{ui.F("linked")}
}

func prepareLink(fs *pflag.FlagSet) action {
	qr := fs.Bool("qr", false, "draw the QR code even if the output is not a terminal")
	return func(ctx context.Context, c *call, _ []string) error {
		stream, err := c.api.Devices.LinkDevice(ctx, connect.NewRequest(&apiv1.LinkDeviceRequest{}))
		if err != nil {
			return err
		}
		for stream.Receive() {
			m := stream.Msg()
			switch {
			case m.GetCode() != "":
				c.out.show(linkRecord{Step: "code", Code: m.GetCode(), Expires: ui.RFC3339(m.GetExpiresMs())})
				if *qr || c.s.OutTTY {
					c.showQR(m.GetCode(), false)
				}
			case m.GetCheckWords() != "":
				c.out.show(linkRecord{Step: "words", Words: m.GetCheckWords(), Name: m.GetName()})
				yes, err := c.askYes("Does the other machine show the same words? [y/N] ")
				if err != nil {
					yes = false // nobody is there to look
				}
				req := &apiv1.ConfirmDeviceRequest{LinkId: m.GetLinkId(), Agree: yes}
				// Not found: the other side has said no meanwhile, as the stream tells.
				if _, err := invoke(ctx, c.api.Devices.ConfirmDevice, req); err != nil && !errors.Is(ui.Explain(err).Reason, ui.NotFound) {
					return errors.Join(err, stream.Close())
				}
			case m.GetLinked():
				c.out.show(linkRecord{Step: "linked"})
			}
		}
		return errors.Join(stream.Err(), stream.Close())
	}
}

// link makes this machine a device of the account whose device shows the code.
func (c *call) link(ctx context.Context, code, name string) error {
	p, given, err := c.givenPassphrase()
	if err == nil && !given && c.s.InTTY {
		p, err = c.newPassphrase()
	}
	if err != nil {
		return err
	}
	in := bufio.NewReader(c.s.In)
	ask := func(_ context.Context, account string, words []string) (bool, error) {
		c.out.say("")
		c.out.note("the account is %s; the other machine shows these words, if it is the right one:", account)
		c.out.note("  %s", strings.Join(words, " "))
		c.out.prompt(ui.F("Does the other machine show the same words? [y/N] "))
		line, err := in.ReadString('\n')
		if err != nil && line == "" {
			return false, nil // nobody is there to look
		}
		answer := strings.ToLower(strings.TrimSpace(line))
		return answer == "y" || answer == "yes", nil
	}
	r, err := c.deps.Link(ctx, LinkOptions{Home: c.home, Code: code, Device: name, Passphrase: p}, ask)
	if err != nil {
		return err
	}
	c.out.show(initRecord(r))
	return nil
}
