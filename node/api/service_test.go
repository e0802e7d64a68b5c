package api

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/kith-chat/kith/node"
	"github.com/kith-chat/kith/node/api/client"
	apiv1 "github.com/kith-chat/kith/node/api/v1"
)

// call makes one unary call and returns the answer as a message.
func call[Req, Res any](rpc func(context.Context, *connect.Request[Req]) (*connect.Response[Res], error), req *Req) func(context.Context) (proto.Message, error) {
	return func(ctx context.Context) (proto.Message, error) {
		res, err := rpc(ctx, connect.NewRequest(req))
		if err != nil {
			return nil, err
		}
		return any(res.Msg).(proto.Message), nil
	}
}

// rpcCase is one unary call, what the node hears of it, and a part of the
// answer in text form.
type rpcCase struct {
	call func(context.Context) (proto.Message, error)
	hear string
	says string
}

func unaryCases(c *client.Client) []rpcCase {
	n, f, ch, fl := c.Node(), c.Friends(), c.Chats(), c.Files()
	return []rpcCase{
		{call(n.GetStatus, &apiv1.GetStatusRequest{}), "status", `version:"1.2"`},
		{call(n.GetIdentity, &apiv1.GetIdentityRequest{}), "self", `invite:"kith:standing"`},
		{call(n.SetName, &apiv1.SetNameRequest{Name: "Ann"}), "set name Ann", `name:"Ann"`},
		{call(n.CreateInvite, &apiv1.CreateInviteRequest{ValidMs: 60_000}), "create invite 1m0s", `token:"token"`},
		{call(n.ListInvites, &apiv1.ListInvitesRequest{}), "invites", "created_ms:5"},
		{call(n.RevokeInvite, &apiv1.RevokeInviteRequest{Token: "abcd"}), "revoke abcd", ""},
		{call(n.ListPeers, &apiv1.ListPeersRequest{}), "peers", "rtt_us:1500"},
		{call(n.Connect, &apiv1.ConnectRequest{Address: "/ip4/x"}), "connect /ip4/x", `device:"12D3"`},
		{call(f.ListFriends, &apiv1.ListFriendsRequest{}), "friends", `own_name:"Robert"`},
		{call(f.AddFriend, &apiv1.AddFriendRequest{Who: "bob", Note: "hi"}), "add bob hi", "FRIEND_STATE_FRIEND"},
		{call(f.AcceptFriend, &apiv1.AcceptFriendRequest{Who: "bob"}), "accept bob", "FRIEND_STATE_FRIEND"},
		{call(f.DeclineFriend, &apiv1.DeclineFriendRequest{Who: "bob"}), "decline bob", ""},
		{call(f.RemoveFriend, &apiv1.RemoveFriendRequest{Who: "bob"}), "remove bob", ""},
		{call(f.BlockFriend, &apiv1.BlockFriendRequest{Who: "bob"}), "block bob", "person:"},
		{call(f.UnblockFriend, &apiv1.UnblockFriendRequest{Who: "bob"}), "unblock bob", ""},
		{call(f.RenameFriend, &apiv1.RenameFriendRequest{Who: "bob", Name: "rob"}), "rename bob rob", "person:"},
		{call(f.VerifyFriend, &apiv1.VerifyFriendRequest{Who: "bob", Verified: true}), "verify bob true false", "person:"},
		{call(f.FindPeople, &apiv1.FindPeopleRequest{Name: "bo"}), "find bo", `where:"lan"`},
		{call(ch.ListChats, &apiv1.ListChatsRequest{}), "chats", "CHAT_KIND_PUBLIC"},
		{call(ch.GetChat, &apiv1.GetChatRequest{Chat: "#lobby"}), "chat #lobby", `ref:"#lobby"`},
		{call(ch.Join, &apiv1.JoinRequest{Name: "t", Raw: true}), "join t true", "joined:true"},
		{call(ch.Leave, &apiv1.LeaveRequest{Chat: "#lobby", Forget: true}), "leave #lobby true", ""},
		{call(ch.ListMembers, &apiv1.ListMembersRequest{Chat: "#lobby"}), "members #lobby", "online:true"},
		{
			call(ch.SetChat, &apiv1.SetChatRequest{Chat: "x", Muted: proto.Bool(false), Draft: proto.String("")}),
			"set chat x muted=true pinned=false days=false draft=true", "chat:",
		},
		{
			call(ch.Send, &apiv1.SendRequest{Chat: "@bob", Text: "hi :tada:", ReplyTo: "abcd", WaitMs: 1500}),
			`send @bob "hi :tada:" abcd 1.5s`, "STATE_QUEUED",
		},
		{call(ch.Edit, &apiv1.EditRequest{Id: "abcd", Text: "x"}), "edit abcd x", "message:"},
		{call(ch.Retract, &apiv1.RetractRequest{Id: "abcd"}), "retract abcd", "message:"},
		{call(ch.React, &apiv1.ReactRequest{Id: "abcd", Emoji: "🎉", Remove: true}), "react abcd 🎉 true", "message:"},
		{call(ch.GetMessage, &apiv1.GetMessageRequest{Id: "abcd"}), "message abcd", "time_ms:1800000000000"},
		{call(ch.History, &apiv1.HistoryRequest{Chat: "x"}), "history x before= after= since=0 until=0 limit=50", "more:true"},
		{
			call(ch.History, &apiv1.HistoryRequest{Chat: "x", Limit: 5000, Before: "b", After: "a", SinceMs: 7, BeforeMs: 9}),
			"history x before=b after=a since=7 until=9 limit=1000", "messages:",
		},
		{call(ch.Search, &apiv1.SearchRequest{Query: "车票", Chat: "x", Limit: 3, Before: "b"}), "search 车票 x 3 b", "messages:"},
		{call(ch.MarkRead, &apiv1.MarkReadRequest{Chat: "x", UpTo: "abcd"}), "read x abcd", "chat:"},
		{
			call(fl.Offer, &apiv1.OfferRequest{Chat: "x", Path: "/tmp/f", Caption: "c", ReplyTo: "r", Name: "n"}),
			"offer x /tmp/f c r n", "TRANSFER_STATE_SHARED",
		},
		{call(fl.ListFiles, &apiv1.ListFilesRequest{Chat: "x"}), "files x", "TRANSFER_STATE_DONE"},
		{call(fl.Get, &apiv1.GetRequest{Id: "abcd", To: "/tmp"}), "get abcd /tmp", "TRANSFER_STATE_RUNNING"},
		{call(fl.Get, &apiv1.GetRequest{Id: "abcd"}), "get abcd ", "TRANSFER_STATE_RUNNING"},
		{call(fl.Cancel, &apiv1.CancelRequest{Id: "abcd"}), "cancel abcd", "TRANSFER_STATE_CANCELLED"},
	}
}

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// TestCalls: each unary call reaches the method of the node that it names,
// with what was asked, and its answer comes back.
func TestCalls(t *testing.T) {
	t.Parallel()
	ctx, fake := deadline(t), newFake()
	c := attach(t, serve(t, Config{Node: fake, Version: "1.2"}))
	for _, x := range unaryCases(c) {
		res, err := x.call(ctx)
		if err != nil {
			t.Errorf("%s: %v", x.hear, err)
			continue
		}
		if got := fake.last(); got != x.hear {
			t.Errorf("the node heard %q, want %q", got, x.hear)
		}
		// The text form puts one or two spaces after a colon, at random.
		if got := strings.ReplaceAll(res.(interface{ String() string }).String(), ":  ", ":"); !strings.Contains(strings.ReplaceAll(got, ": ", ":"), x.says) {
			t.Errorf("%s: the answer %s does not say %s", x.hear, got, x.says)
		}
	}
	if c.Version() != "1.2" {
		t.Errorf("the node's version came as %q", c.Version())
	}
}

// TestErrorsComeBack: every call tells an error of the node by its reason.
func TestErrorsComeBack(t *testing.T) {
	t.Parallel()
	ctx, fake := deadline(t), newFake()
	fake.err = node.ErrNotFound
	for _, x := range unaryCases(attach(t, serve(t, Config{Node: fake}))) {
		if _, err := x.call(ctx); !errors.Is(err, client.NotFound) {
			t.Errorf("%s: got %v, want NotFound", x.hear, err)
		}
	}
}

// TestPanicsAreErrors: a panic ends its call and nothing else, and what it was
// about does not travel.
func TestPanicsAreErrors(t *testing.T) {
	t.Parallel()
	ctx, fake := deadline(t), newFake()
	fake.panic = true
	c := attach(t, serve(t, Config{Node: fake}))
	for _, x := range unaryCases(c) {
		_, err := x.call(ctx)
		if !errors.Is(err, client.Internal) || strings.Contains(err.Error(), planted) {
			t.Errorf("%s: got %v, want an internal error without detail", x.hear, err)
		}
	}
	stream, err := c.Node().Watch(ctx, connect.NewRequest(&apiv1.WatchRequest{}))
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	if stream.Receive() || !errors.Is(stream.Err(), client.Internal) {
		t.Errorf("a stream that panicked ended with %v", stream.Err())
	}
}

func TestInvalidRequests(t *testing.T) {
	t.Parallel()
	ctx, fake := deadline(t), newFake()
	c := attach(t, serve(t, Config{Node: fake}))
	for name, bad := range map[string]func(context.Context) (proto.Message, error){
		"negative wait":     call(c.Chats().Send, &apiv1.SendRequest{Chat: "x", Text: "x", WaitMs: -1}),
		"endless wait":      call(c.Chats().Send, &apiv1.SendRequest{Chat: "x", Text: "x", WaitMs: 1 << 62}),
		"negative validity": call(c.Node().CreateInvite, &apiv1.CreateInviteRequest{ValidMs: -1}),
		"negative time":     call(c.Chats().History, &apiv1.HistoryRequest{Chat: "x", SinceMs: -1}),
		"late time":         call(c.Chats().History, &apiv1.HistoryRequest{Chat: "x", BeforeMs: 1 << 62}),
		"relative path":     call(c.Files().Offer, &apiv1.OfferRequest{Chat: "x", Path: "f"}),
		"no path":           call(c.Files().Offer, &apiv1.OfferRequest{Chat: "x"}),
		"zero in a path":    call(c.Files().Get, &apiv1.GetRequest{Id: "x", To: "/tmp/\x00"}),
		"relative folder":   call(c.Files().Get, &apiv1.GetRequest{Id: "x", To: "../x"}),
	} {
		if _, err := bad(ctx); !errors.Is(err, client.Invalid) {
			t.Errorf("%s: got %v, want Invalid", name, err)
		}
	}
	if n := fake.count(); n != 0 {
		t.Errorf("%d calls reached the node", n)
	}
	huge := call(c.Chats().Send, &apiv1.SendRequest{Chat: "x", Text: strings.Repeat("x", maxMessage+1)})
	if _, err := huge(ctx); err == nil || fake.count() != 0 {
		t.Errorf("a message of more than a mebibyte was taken: %v", err)
	}
}

// TestSendThatWaits: what was kept is answered, however far it came.
func TestSendThatWaits(t *testing.T) {
	t.Parallel()
	ctx := deadline(t)
	for state, err := range map[node.State]error{
		node.StateDelivered: nil, node.StateQueued: node.ErrTimeout, node.StateRefused: node.ErrNotAllowed,
	} {
		fake := newFake()
		fake.state, fake.err2 = state, err
		c := attach(t, serve(t, Config{Node: fake}))
		res, err := c.Chats().Send(ctx, connect.NewRequest(&apiv1.SendRequest{Chat: "@bob", Text: "hi", WaitMs: 10}))
		if err != nil || res.Msg.GetMessage().GetState() != messageState(state) {
			t.Errorf("%v: got %v, %v", state, res, err)
		}
	}
}

func TestStreams(t *testing.T) {
	t.Parallel()
	ctx, fake := deadline(t), newFake()
	c := attach(t, serve(t, Config{Node: fake}))
	var b strings.Builder
	export, err := c.Chats().Export(ctx, connect.NewRequest(&apiv1.ExportRequest{Chat: "x", Format: "jsonl"}))
	if err != nil {
		t.Fatal(err)
	}
	pieces := 0
	for ; export.Receive(); pieces++ {
		b.Write(export.Msg().GetData())
	}
	if err := errors.Join(export.Err(), export.Close()); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(b.String(), "\n"); lines != 20_000 || pieces > 5 {
		t.Errorf("%d lines in %d pieces, want 20000 in a few", lines, pieces)
	}
	steps, err := c.Node().Diagnose(ctx, connect.NewRequest(&apiv1.DiagnoseRequest{Who: "bob"}))
	if err != nil {
		t.Fatal(err)
	}
	defer steps.Close()
	var got []string
	for steps.Receive() {
		got = append(got, steps.Msg().GetStep())
		if steps.Msg().GetDone() {
			got = append(got, "done")
		}
	}
	if strings.Join(got, ",") != "looked,,done" || steps.Err() != nil {
		t.Errorf("the steps were %q, %v", got, steps.Err())
	}
}
