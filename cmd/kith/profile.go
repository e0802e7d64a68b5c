package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/vault"
	"github.com/kith-chat/kith/node"
	"github.com/kith-chat/kith/ui/cli"
)

// keyringSwitch is the environment variable that keeps the program from the
// system's keyring when it is "off".
const keyringSwitch = "KITH_KEYRING"

func hasProfile(home string) (bool, error) { return vault.Exists(home) }

// keyring returns the system's keyring, unless it is switched off.
func keyring() vault.Keyring {
	if os.Getenv(keyringSwitch) == "off" {
		return nil
	}
	return vault.SystemKeyring{}
}

// initProfile makes a new profile, or restores an account on this device.
func (b build) initProfile(ctx context.Context, o cli.InitOptions) (cli.InitResult, error) {
	phrase := identity.NewPhrase()
	if o.Phrase != "" {
		var err error
		if phrase, err = identity.ParsePhrase(o.Phrase); err != nil {
			return cli.InitResult{}, cli.ErrInvalid.Because("%w", err)
		}
	}
	secrets, err := vault.Restore(phrase, o.Name, time.Now())
	if err != nil {
		return cli.InitResult{}, cli.ErrInvalid.Because("%w", err)
	}
	v, err := vault.Create(vault.Options{
		Dir: o.Home, Keyring: keyring(),
		Passphrase: func() (string, error) { return o.Passphrase, nil },
	}, secrets)
	if errors.Is(err, vault.ErrExists) {
		return cli.InitResult{}, fmt.Errorf("%w: %s", cli.ErrProfileExists, o.Home)
	}
	if err != nil {
		return cli.InitResult{}, err
	}
	out := cli.InitResult{
		Account: secrets.Cert.Account.String(), Device: secrets.Cert.Device.String(),
		Name: secrets.Name, Vault: string(v.Protection()),
	}
	if o.Phrase == "" {
		out.Phrase = strings.Join(phrase.Words(), " ")
	}
	out.Invite, err = b.firstInvite(ctx, o.Home, v)
	return out, err
}

// firstInvite makes the invite that stands until it is revoked.
func (b build) firstInvite(ctx context.Context, home string, v *vault.Vault) (string, error) {
	n, err := node.Open(ctx, node.Config{Home: home, Vault: v, Version: b.version, Commit: b.commit, Offline: true})
	if err != nil {
		return "", err
	}
	self, err := n.Self(ctx)
	return self.Invite, errors.Join(err, n.Close())
}

// unlock opens the vault of a profile.
func unlock(o cli.OpenOptions) (*vault.Vault, error) {
	v, err := vault.Open(vault.Options{Dir: o.Home, Passphrase: o.Passphrase, Keyring: keyring()})
	switch {
	case errors.Is(err, vault.ErrNotFound):
		return nil, fmt.Errorf("%w: %s", cli.ErrNoProfile, o.Home)
	case errors.Is(err, vault.ErrPassphrase):
		return nil, cli.ErrPassphrase.Because("%w", err)
	case errors.Is(err, vault.ErrDamaged):
		return nil, fmt.Errorf("%w: put %s back from a copy, or make the account again elsewhere with 'kith init --restore --home DIR'", err, o.Home)
	}
	return v, err
}
