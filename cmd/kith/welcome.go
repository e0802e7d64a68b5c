package main

import (
	"context"
	"os"
	"strings"

	"connectrpc.com/connect"

	"github.com/kith-chat/kith/identity"
	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui/cli"
	"github.com/kith-chat/kith/ui/tui/welcome"
	"github.com/kith-chat/kith/ui/words"
)

// firstScreen shows the first run on the full screen.
func firstScreen(ctx context.Context, o cli.WelcomeOptions) (done bool, err error) {
	m, err := welcome.Run(ctx, welcome.Steps{
		Make: func(ctx context.Context, a welcome.Account) (welcome.Made, error) {
			r, err := o.Init(ctx, cli.InitOptions{Name: a.Name, Phrase: a.Phrase, Passphrase: a.Passphrase})
			if err != nil {
				return welcome.Made{}, err
			}
			made := welcome.Made{Phrase: r.Phrase, Guard: r.Vault}
			if r.Phrase != "" { // a restored account shows none
				made.Check[0], made.Check[1], err = cli.TwoOf(len(strings.Fields(r.Phrase)))
			}
			return made, err
		},
		Start: func(ctx context.Context) (welcome.Services, error) {
			api, err := o.Start(ctx)
			if err != nil {
				return welcome.Services{}, err
			}
			return welcome.Services{Node: api.Node, Friends: api.Friends, Chats: api.Chats}, nil
		},
	}, words.FromEnv(os.Getenv))
	return err == nil && !m.Left, err
}

// remind asks for a recovery phrase that was not checked yet.
func remind(ctx context.Context, api *cli.API) (left bool, err error) {
	me, err := api.Node.GetIdentity(ctx, connect.NewRequest(&apiv1.GetIdentityRequest{}))
	if err != nil {
		return false, err
	}
	return welcome.Remind(ctx, api.Node, func(text string) bool {
		p, err := identity.ParsePhrase(text)
		if err != nil {
			return false
		}
		key, err := p.AccountKey()
		return err == nil && key.ID().String() == me.Msg.GetAccount()
	}, words.FromEnv(os.Getenv))
}
