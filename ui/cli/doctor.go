package cli

import (
	"context"
	"errors"

	"connectrpc.com/connect"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

// diagnose looks at the way to one person, or at the node itself.
func diagnose(ctx context.Context, c *call, args []string) error {
	if len(args) == 0 {
		return c.checkup(ctx)
	}
	stream, err := c.api.Node.Diagnose(ctx, connect.NewRequest(&apiv1.DiagnoseRequest{Who: args[0]}))
	if err != nil {
		return err
	}
	failed := false
	for stream.Receive() {
		step := stream.Msg()
		if step.GetDone() {
			failed = !step.GetOk()
		}
		if step.GetStep() != "" {
			c.out.show(newStep(step))
		}
	}
	if err := errors.Join(stream.Err(), stream.Close()); err != nil {
		return err
	}
	if failed {
		return ui.Offline.Because("not reached; the node tries again by itself")
	}
	return nil
}

// checkup says how the node itself is, as steps.
func (c *call) checkup(ctx context.Context) error {
	s, err := invoke(ctx, c.api.Node.GetStatus, &apiv1.GetStatusRequest{})
	if err != nil {
		return err
	}
	r, err := invoke(ctx, c.api.Friends.ListFriends, &apiv1.ListFriendsRequest{})
	if err != nil {
		return err
	}
	friends, online := 0, 0
	for _, f := range r.GetFriends() {
		if f.GetState() == apiv1.FriendState_FRIEND_STATE_FRIEND {
			friends++
			if f.GetOnline() {
				online++
			}
		}
	}
	whole := s.GetStorage() == "ok"
	for _, step := range []stepRecord{
		{Step: "node", OK: true, Detail: ui.F("running since %s", ui.Stamp(s.GetStartedMs())).String()},
		{Step: "storage", OK: whole, Detail: ui.F("%s, %s free", s.GetStorage(), ui.Size(s.GetFreeBytes())).String()},
		{Step: "addresses", OK: len(s.GetAddresses()) > 0, Detail: ui.F("listens on %d, reachability %s", len(s.GetAddresses()), s.GetNat()).String()},
		{Step: "ways to find people", OK: s.GetMdns() || s.GetDht() != "off", Detail: ui.F("LAN %s, DHT %s with %d peers", onOff(s.GetMdns()), s.GetDht(), s.GetDhtPeers()).String()},
		{Step: "connections", OK: s.GetPeers() > 0, Detail: ui.F("%d machines", s.GetPeers()).String()},
		{Step: "friends", OK: online > 0 || friends == 0, Detail: ui.F("%d of %d are online", online, friends).String()},
		{Step: "outbox", OK: true, Detail: ui.F("%d messages wait", s.GetQueued()).String(), Done: true},
	} {
		c.out.show(step)
	}
	if !whole {
		return ui.DiskFull.Because("storage is %s; free some space, it goes on by itself", s.GetStorage())
	}
	return nil
}
