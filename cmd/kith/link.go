package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"time"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/vault"
	"github.com/kith-chat/kith/node"
	"github.com/kith-chat/kith/node/link"
	"github.com/kith-chat/kith/ui"
	"github.com/kith-chat/kith/ui/cli"
)

// linkProfile makes this machine one more device of an account, whose other
// device shows a code.
func (b build) linkProfile(ctx context.Context, o cli.LinkOptions, ask func(context.Context, string, []string) (bool, error)) (cli.InitResult, error) {
	code, err := identity.ParseLinkCode(o.Code)
	if err != nil {
		return cli.InitResult{}, cli.ErrInvalid.Because("%w", err)
	}
	var seed [32]byte
	_, _ = rand.Read(seed[:]) // crypto/rand.Read never fails
	var v *vault.Vault
	err = link.Join(ctx, code, ed25519.NewKeyFromSeed(seed[:]), o.Device, ask, func(g link.Grant) error {
		secrets, err := vault.Linked(g.Name, g.Entropy, seed, g.Discovery, g.Certificate, g.Devices, time.Now())
		if err != nil {
			return err
		}
		v, err = createVault(o.Home, o.Passphrase, secrets)
		return err
	})
	switch {
	case errors.Is(err, identity.ErrLinkCode):
		return cli.InitResult{}, cli.ErrInvalid.Because("%w", err)
	case errors.Is(err, link.ErrRefused):
		return cli.InitResult{}, ui.NotAllowed.Because("%w", err)
	case err != nil:
		return cli.InitResult{}, err
	}
	out := made(v)
	out.Invite, err = b.firstInvite(ctx, o.Home, v, func(n *node.Node) error {
		return n.NoteOwnDevice(ctx, code.Device, code.Addresses)
	})
	return out, err
}
