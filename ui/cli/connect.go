package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"connectrpc.com/connect"

	"github.com/kith-chat/kith/ui"
)

const (
	// passphraseTries is how often a person may mistype.
	passphraseTries = 3
	// maxPassphrase bounds what is read from a passphrase file, in bytes.
	maxPassphrase = 4096
	// passphraseEnv names the variable that may hold the passphrase.
	passphraseEnv = "KITH_PASSPHRASE"
)

// invoke makes one call of the local API.
func invoke[Req, Res any](
	ctx context.Context, rpc func(context.Context, *connect.Request[Req]) (*connect.Response[Res], error), req *Req,
) (*Res, error) {
	r, err := rpc(ctx, connect.NewRequest(req))
	if err != nil {
		return nil, err
	}
	return r.Msg, nil
}

// connect fills c.api as the command needs it. The function that it returns
// closes what was opened.
func (c *call) connect(ctx context.Context, cmd *command) (func() error, error) {
	none := func() error { return nil }
	if cmd.need == needNothing || c.api != nil {
		return none, nil
	}
	api, err := c.deps.Attach(ctx, c.home)
	if err == nil {
		c.api = api
		return none, nil
	}
	if cmd.need == needNode || !errors.Is(err, ErrNoNode) {
		return nil, err
	}
	return c.brief(ctx)
}

// brief starts a node without network for this one command.
func (c *call) brief(ctx context.Context) (func() error, error) {
	if has, err := c.deps.HasProfile(c.home); err != nil {
		return nil, err
	} else if !has {
		return nil, ErrNoProfile
	}
	var release func() error
	err := c.unlocking(func(open OpenOptions) error {
		var err error
		c.api, release, err = c.deps.Brief(ctx, open)
		return err
	})
	c.alone = err == nil
	return release, err
}

// unlocking calls open, again while a person at a terminal mistypes.
func (c *call) unlocking(open func(OpenOptions) error) error {
	for try := 1; ; try++ {
		asked := false
		err := open(OpenOptions{Home: c.home, Passphrase: func() (string, error) {
			var err error
			var p string
			p, asked, err = c.passphrase()
			return p, err
		}})
		if !errors.Is(err, ErrPassphrase) || !asked || try == passphraseTries {
			return err
		}
		c.out.note("that is not the passphrase, try again")
	}
}

// passphrase finds the vault's passphrase: the file that was named, the
// environment, or the person at the terminal, which is said by asked.
func (c *call) passphrase() (p string, asked bool, err error) {
	if p, given, err := c.givenPassphrase(); given || err != nil {
		return p, false, err
	}
	if !c.s.InTTY {
		return "", false, ErrPassphrase.Because("the vault asks for one, and there is no terminal to type it; give it with --passphrase-file or KITH_PASSPHRASE")
	}
	p, err = c.secret("Passphrase: ")
	return p, true, err
}

// givenPassphrase reads the passphrase that was given without asking. The
// variable is removed from the environment, so that no child process gets it.
func (c *call) givenPassphrase() (p string, given bool, err error) {
	switch env := c.s.Getenv(passphraseEnv); {
	case c.known != nil:
		return *c.known, true, nil
	case c.pass != "":
		p, err := readPassphraseFile(c.pass)
		return p, true, err
	case env != "":
		c.known = &env
		return env, true, c.s.Unsetenv(passphraseEnv)
	}
	return "", false, nil
}

func readPassphraseFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("reading the passphrase: %w", err)
	}
	defer f.Close()
	line, err := bufio.NewReader(io.LimitReader(f, maxPassphrase)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("reading the passphrase: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// secret asks for a line that is not echoed.
func (c *call) secret(question ui.Literal) (string, error) {
	c.out.prompt(ui.F(question))
	p, err := c.s.Secret()
	c.out.endPrompt()
	if err != nil {
		return "", fmt.Errorf("reading the passphrase: %w", err)
	}
	return p, nil
}

// newPassphrase asks for a passphrase twice; empty means none.
func (c *call) newPassphrase() (string, error) {
	for {
		first, err := c.secret("Passphrase (empty for none): ")
		if err != nil || first == "" {
			return "", err
		}
		second, err := c.secret("The same again: ")
		if err != nil {
			return "", err
		}
		if first == second {
			return first, nil
		}
		c.out.note("the two are not the same, try again")
	}
}
