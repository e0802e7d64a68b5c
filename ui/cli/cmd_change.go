package cli

import (
	"context"
	"strings"

	"github.com/spf13/pflag"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

func changeCommands() []*command {
	return []*command{
		{
			name: "edit", args: "ID TEXT|-", group: groupTalk, need: needNode, min: 2, max: -1,
			short: "replace the text of a message of yours",
			prepare: func(fs *pflag.FlagSet) action {
				raw := fs.Bool("raw", false, "take the text exactly as it is, without emoji for shortcodes")
				return func(ctx context.Context, c *call, args []string) error {
					text := strings.Join(args[1:], " ")
					if text == "-" {
						var err error
						if text, err = readText(c.s.In); err != nil {
							return err
						}
					}
					r, err := invoke(ctx, c.api.Chats.Edit, &apiv1.EditRequest{Id: args[0], Text: input(text, *raw)})
					if err != nil {
						return err
					}
					c.out.showAs(newMessage(r.GetMessage()), view{ids: true, states: true})
					return nil
				}
			},
		},
		{
			name: "retract", args: "ID", group: groupTalk, need: needNode, min: 1, max: 1,
			short: "take a message of yours back",
			long: `Erases the text here and at everybody whose node is told. Somebody who has
read it has read it.`,
			prepare: plain(func(ctx context.Context, c *call, args []string) error {
				r, err := invoke(ctx, c.api.Chats.Retract, &apiv1.RetractRequest{Id: args[0]})
				if err != nil {
					return err
				}
				c.out.showAs(newMessage(r.GetMessage()), view{ids: true, states: true})
				return nil
			}),
		},
		{
			name: "react", args: "ID EMOJI", group: groupTalk, need: needNode, min: 2, max: 2,
			short: "react to a message with an emoji", example: []string{"kith react 3f2a91c0 :+1:", "kith react 3f2a91c0 👍 --remove"},
			prepare: func(fs *pflag.FlagSet) action {
				remove := fs.Bool("remove", false, "take the reaction away")
				return func(ctx context.Context, c *call, args []string) error {
					r, err := invoke(ctx, c.api.Chats.React, &apiv1.ReactRequest{
						Id: args[0], Emoji: ui.Emoji(args[1]), Remove: *remove,
					})
					if err != nil {
						return err
					}
					c.out.showAs(newMessage(r.GetMessage()), view{ids: true, states: true})
					return nil
				}
			},
		},
	}
}
