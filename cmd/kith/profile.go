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
	v, err := createVault(o.Home, o.Passphrase, secrets)
	if err != nil {
		return cli.InitResult{}, err
	}
	out := made(v)
	if o.Phrase == "" {
		out.Phrase = strings.Join(phrase.Words(), " ")
	}
	out.Invite, err = b.firstInvite(ctx, o.Home, v, func(*node.Node) error { return nil })
	return out, err
}

// createVault makes the vault of a new profile.
func createVault(home, passphrase string, secrets *vault.Secrets) (*vault.Vault, error) {
	v, err := vault.Create(vault.Options{
		Dir: home, Keyring: keyring(), Passphrase: func() (string, error) { return passphrase, nil },
	}, secrets)
	if errors.Is(err, vault.ErrExists) {
		err = fmt.Errorf("%w: %s", cli.ErrProfileExists, home)
	}
	return v, err
}

// made is what a new vault says of the profile.
func made(v *vault.Vault) cli.InitResult {
	s := v.Secrets()
	return cli.InitResult{
		Account: s.Cert.Account.String(), Device: s.Cert.Device.String(), Name: s.Name, Vault: string(v.Protection()),
	}
}

// firstInvite makes the invite that stands until it is revoked, and does on the
// way what else a new store needs.
func (b build) firstInvite(ctx context.Context, home string, v *vault.Vault, also func(*node.Node) error) (string, error) {
	n, err := node.Open(ctx, node.Config{Home: home, Vault: v, Version: b.version, Commit: b.commit, Offline: true})
	if err != nil {
		return "", err
	}
	self, err := n.Self(ctx)
	return self.Invite, errors.Join(err, also(n), n.Close())
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
