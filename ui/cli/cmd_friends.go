package cli

import (
	"context"
	"strings"

	"github.com/spf13/pflag"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

func friendCommands() []*command {
	return []*command{
		{
			name: "friends", group: groupPeople, need: needStore, short: "list your friends and requests, and change them",
			long: `Nobody can write to you before you have accepted them, and the reverse. WHO is
a name, an account (kith1…), or where it says so an invite link.

After accepting somebody, compare the safety number with them by voice or side
by side, and mark them with 'kith friends verify WHO'.`,
			example: []string{
				"kith friends", "kith friends add 'kith:…' --note 'Ann from work'", "kith friends accept bob", "kith friends find",
			},
			prepare: plain(listFriends),
		},
		{name: "friends list", need: needStore, short: "list everybody", prepare: plain(listFriends)},
		{name: "friends requests", need: needStore, short: "list the requests that wait for your answer", prepare: plain(listRequests)},
		{
			name: "friends add", args: "LINK|ACCOUNT|NAME [NOTE]", need: needNode, min: 1, max: -1, short: "ask somebody to be friends",
			long: `Takes an invite link, an account, or a name that 'kith friends find' shows. A
request to somebody who is offline waits and goes out when they appear.`,
			prepare: prepareAdd,
		},
		{name: "friends accept", args: "WHO", need: needNode, min: 1, max: 1, short: "accept a request", prepare: plain(acceptFriend)},
		{name: "friends decline", args: "WHO", need: needNode, min: 1, max: 1, short: "decline a request", prepare: plain(declineFriend)},
		{name: "friends remove", args: "WHO", need: needNode, min: 1, max: 1, short: "end a friendship", prepare: plain(removeFriend)},
		{
			name: "friends block", args: "WHO", need: needNode, min: 1, max: 1, short: "hear nothing from somebody any more",
			prepare: plain(blockFriend),
		},
		{name: "friends unblock", args: "WHO", need: needNode, min: 1, max: 1, short: "undo a block", prepare: plain(unblockFriend)},
		{
			name: "friends rename", args: "WHO [NAME]", need: needStore, min: 1, max: -1,
			short: "call somebody by a name of your own; without NAME by theirs", prepare: plain(renameFriend),
		},
		{
			name: "friends verify", args: "WHO", need: needStore, min: 1, max: 1, short: "mark somebody after comparing the safety number",
			long: `Shows the safety number. At a terminal it asks whether both numbers are the
same; with --yes it marks at once, with --show it only shows.`,
			prepare: prepareVerify,
		},
		{
			name: "friends find", args: "[NAME]", need: needNode, max: 1, short: "list people seen on the LAN or in your groups",
			prepare: plain(findPeople),
		},
	}
}

func listFriends(ctx context.Context, c *call, _ []string) error {
	r, err := invoke(ctx, c.api.Friends.ListFriends, &apiv1.ListFriendsRequest{})
	if err != nil {
		return err
	}
	for _, f := range r.GetFriends() {
		c.out.show(newFriend(f))
	}
	if len(r.GetFriends()) == 0 {
		c.out.say("nobody yet; give somebody your invite (kith invite), or look around (kith friends find)")
	}
	return nil
}

func listRequests(ctx context.Context, c *call, _ []string) error {
	r, err := invoke(ctx, c.api.Friends.ListFriends, &apiv1.ListFriendsRequest{})
	if err != nil {
		return err
	}
	for _, f := range r.GetFriends() {
		if f.GetState() == apiv1.FriendState_FRIEND_STATE_INCOMING {
			c.out.show(newFriend(f))
		}
	}
	return nil
}

func prepareAdd(fs *pflag.FlagSet) action {
	note := fs.String("note", "", "a few words that they see with the request")
	return func(ctx context.Context, c *call, args []string) error {
		text := *note
		if text == "" {
			text = strings.Join(args[1:], " ")
		}
		r, err := invoke(ctx, c.api.Friends.AddFriend, &apiv1.AddFriendRequest{Who: args[0], Note: ui.Emojize(text)})
		if err != nil {
			return err
		}
		c.out.show(newFriend(r.GetFriend()))
		return nil
	}
}

func acceptFriend(ctx context.Context, c *call, args []string) error {
	r, err := invoke(ctx, c.api.Friends.AcceptFriend, &apiv1.AcceptFriendRequest{Who: args[0]})
	if err != nil {
		return err
	}
	c.out.show(newFriend(r.GetFriend()))
	return nil
}

func declineFriend(ctx context.Context, c *call, args []string) error {
	if _, err := invoke(ctx, c.api.Friends.DeclineFriend, &apiv1.DeclineFriendRequest{Who: args[0]}); err != nil {
		return err
	}
	c.out.show(doneRecord{"declined", args[0], ui.F("declined %s", args[0])})
	return nil
}

func removeFriend(ctx context.Context, c *call, args []string) error {
	if _, err := invoke(ctx, c.api.Friends.RemoveFriend, &apiv1.RemoveFriendRequest{Who: args[0]}); err != nil {
		return err
	}
	c.out.show(doneRecord{"removed", args[0], ui.F("%s is no longer a friend; the history stays", args[0])})
	return nil
}

func blockFriend(ctx context.Context, c *call, args []string) error {
	r, err := invoke(ctx, c.api.Friends.BlockFriend, &apiv1.BlockFriendRequest{Who: args[0]})
	if err != nil {
		return err
	}
	c.out.show(newFriend(r.GetFriend()))
	return nil
}

func unblockFriend(ctx context.Context, c *call, args []string) error {
	if _, err := invoke(ctx, c.api.Friends.UnblockFriend, &apiv1.UnblockFriendRequest{Who: args[0]}); err != nil {
		return err
	}
	c.out.show(doneRecord{"unblocked", args[0], ui.F("%s may send a request again", args[0])})
	return nil
}

func renameFriend(ctx context.Context, c *call, args []string) error {
	r, err := invoke(ctx, c.api.Friends.RenameFriend, &apiv1.RenameFriendRequest{Who: args[0], Name: strings.Join(args[1:], " ")})
	if err != nil {
		return err
	}
	c.out.show(newFriend(r.GetFriend()))
	return nil
}

func prepareVerify(fs *pflag.FlagSet) action {
	yes := fs.Bool("yes", false, "the numbers are the same: mark without asking")
	no := fs.Bool("no", false, "take the mark away")
	show := fs.Bool("show", false, "only show the safety number")
	return func(ctx context.Context, c *call, args []string) error {
		if *no || *yes {
			return c.verify(ctx, &apiv1.VerifyFriendRequest{Who: args[0], Verified: *yes && !*no})
		}
		if err := c.verify(ctx, &apiv1.VerifyFriendRequest{Who: args[0], ShowOnly: true}); err != nil || *show || !c.asks() {
			return err
		}
		answer, err := c.askYes("Do both of you see the same number? [y/N] ")
		if err != nil || !answer {
			return err
		}
		return c.verify(ctx, &apiv1.VerifyFriendRequest{Who: args[0], Verified: true})
	}
}

func (c *call) verify(ctx context.Context, req *apiv1.VerifyFriendRequest) error {
	r, err := invoke(ctx, c.api.Friends.VerifyFriend, req)
	if err != nil {
		return err
	}
	f := r.GetFriend()
	c.out.show(newFriend(f))
	if !c.out.json && f.GetState() != apiv1.FriendState_FRIEND_STATE_INCOMING {
		c.out.text(c.out.columns(), safetyLines(f)...)
	}
	return nil
}

func findPeople(ctx context.Context, c *call, args []string) error {
	req := &apiv1.FindPeopleRequest{}
	if len(args) > 0 {
		req.Name = args[0]
	}
	r, err := invoke(ctx, c.api.Friends.FindPeople, req)
	if err != nil {
		return err
	}
	for _, p := range r.GetPeople() {
		c.out.show(newFound(p))
	}
	if len(r.GetPeople()) == 0 {
		c.out.say("nobody seen yet; people appear when they are on the same LAN or in a group that you joined")
	}
	return nil
}
