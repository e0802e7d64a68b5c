package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/pflag"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

// maxPhrase bounds what is read as a recovery phrase, in bytes.
const maxPhrase = 1024

func identityCommands() []*command {
	return []*command{
		{
			name: "init", group: groupStart, short: "make a new account, or restore one from its 24 words",
			long: `Makes the account, this machine's key and an empty store, and prints the 24
words that are the account. At a terminal it asks for what is not given;
without one it asks nothing: give --name, and a passphrase with
--passphrase-file or KITH_PASSPHRASE if the keys are to be sealed by one.

With --link CODE this machine becomes one more device of your account: 'kith
devices link' on another one shows the code. Both show the same few words
before anything is sent.

With --restore it reads the 24 words, from the terminal or from standard
input, for when all devices are lost: those before are revoked.`,
			example: []string{"kith init --name Ann", "kith init --link kithlink:…", "kith init --restore < words.txt"},
			local:   true, prepare: prepareInit,
		},
		{
			name: "id", group: groupStart, need: needStore, short: "show your account, this device and your invite",
			example: []string{"kith id", "kith id --json"}, prepare: prepareID,
		},
		{
			name: "invite", group: groupStart, need: needStore, short: "make an invite link to give to a friend",
			long: `Prints a link that tells its holder who you are and where to find you, and at
a terminal the same as a QR code. Whoever has the link can send you a friend
request; you still decide. A link can expire and can be revoked.`,
			example: []string{"kith invite", "kith invite --valid 48h --qr", "kith invite list", "kith invite revoke TOKEN"},
			prepare: prepareInvite,
		},
		{
			name: "invite list", need: needStore, short: "list the invites that were made",
			prepare: plain(func(ctx context.Context, c *call, _ []string) error {
				r, err := invoke(ctx, c.api.Node.ListInvites, &apiv1.ListInvitesRequest{})
				if err != nil {
					return err
				}
				for _, i := range r.GetInvites() {
					c.out.show(newInviteInfo(i))
				}
				return nil
			}),
		},
		{
			name: "invite revoke", args: "TOKEN", need: needStore, short: "make an invite useless", min: 1, max: 1,
			prepare: plain(func(ctx context.Context, c *call, args []string) error {
				if _, err := invoke(ctx, c.api.Node.RevokeInvite, &apiv1.RevokeInviteRequest{Token: args[0]}); err != nil {
					return err
				}
				c.out.show(doneRecord{"revoked", args[0], ui.F("revoked %s", args[0])})
				return nil
			}),
		},
	}
}

func prepareInit(fs *pflag.FlagSet) action {
	name := fs.String("name", "", "how you want to be called")
	restore := fs.Bool("restore", false, "restore an account from its 24 words")
	code := fs.String("link", "", "become a device of the account whose device shows this code")
	return func(ctx context.Context, c *call, _ []string) error {
		opts := InitOptions{Home: c.home, Name: *name}
		if has, err := c.deps.HasProfile(c.home); err != nil {
			return err
		} else if has {
			return ErrProfileExists
		}
		if *code != "" {
			if *restore {
				return ui.Usage.Because("--link and --restore are two ways; choose one")
			}
			return c.link(ctx, *code, *name)
		}
		if err := c.completeInit(&opts, *restore); err != nil {
			return err
		}
		r, err := c.deps.Init(ctx, opts)
		if err != nil {
			return err
		}
		c.out.show(initRecord(r))
		return nil
	}
}

// completeInit asks for what an account needs and was not given.
func (c *call) completeInit(opts *InitOptions, restore bool) error {
	in := bufio.NewReader(c.s.In)
	if restore {
		if c.s.InTTY {
			c.out.prompt(ui.F("The 24 words, with spaces between them:\n"))
		}
		var err error
		if opts.Phrase, err = readPhrase(in, c.s.InTTY); err != nil {
			return err
		}
	}
	if opts.Name == "" && !c.s.InTTY {
		return ui.Usage.Because("a new account wants a name: kith init --name NAME")
	}
	if opts.Name == "" {
		name, err := c.ask(in, "Your name, as others will see it: ")
		if err != nil {
			return err
		}
		opts.Name = name
	}
	p, given, err := c.givenPassphrase()
	if err == nil && !given && c.s.InTTY {
		p, err = c.newPassphrase()
	}
	opts.Passphrase = p
	return err
}

// ask reads one line that is not empty.
func (c *call) ask(in *bufio.Reader, question ui.Literal) (string, error) {
	for {
		c.out.prompt(ui.F(question))
		line, err := in.ReadString('\n')
		if answer := strings.TrimSpace(line); answer != "" {
			return answer, nil
		}
		if err != nil {
			return "", fmt.Errorf("reading the answer: %w", err)
		}
	}
}

// readPhrase reads the words: one line of a terminal, or all of a file.
func readPhrase(in *bufio.Reader, line bool) (string, error) {
	var raw string
	if line {
		s, err := in.ReadString('\n')
		if err != nil && (s == "" || !errors.Is(err, io.EOF)) {
			return "", fmt.Errorf("reading the words: %w", err)
		}
		raw = s
	} else {
		b, err := io.ReadAll(io.LimitReader(in, maxPhrase))
		if err != nil {
			return "", fmt.Errorf("reading the words: %w", err)
		}
		raw = string(b)
	}
	words := strings.Fields(strings.ToLower(raw))
	if len(words) != 24 {
		return "", ui.Invalid.Because("a recovery phrase has 24 words, this has %d; check that none is missing", len(words))
	}
	return strings.Join(words, " "), nil
}

func prepareID(*pflag.FlagSet) action {
	return func(ctx context.Context, c *call, _ []string) error {
		r, err := invoke(ctx, c.api.Node.GetIdentity, &apiv1.GetIdentityRequest{})
		if err != nil {
			return err
		}
		c.out.show(newID(r))
		return nil
	}
}

func prepareInvite(fs *pflag.FlagSet) action {
	valid := fs.Duration("valid", 0, "for how long the link works, such as 48h; 0 for ever")
	qr := fs.Bool("qr", false, "draw the QR code even if the output is not a terminal")
	invert := fs.Bool("invert", false, "draw the QR code for a light background")
	return func(ctx context.Context, c *call, _ []string) error {
		if *valid < 0 || *valid > 100*365*24*time.Hour {
			return ui.Usage.Because("--valid must be between 0 and a hundred years")
		}
		r, err := invoke(ctx, c.api.Node.CreateInvite, &apiv1.CreateInviteRequest{ValidMs: valid.Milliseconds()})
		if err != nil {
			return err
		}
		c.out.show(inviteRecord{r.GetInvite(), r.GetToken()})
		if *qr || c.s.OutTTY {
			c.showQR(qrText(r), *invert)
		}
		return nil
	}
}
