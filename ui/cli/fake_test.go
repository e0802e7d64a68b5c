package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/node/api/v1/apiv1connect"
)

// fakeNode answers the local API from memory, so that the commands can be
// tested without a node.
type fakeNode struct {
	apiv1connect.UnimplementedNodeServiceHandler
	apiv1connect.UnimplementedFriendServiceHandler
	apiv1connect.UnimplementedChatServiceHandler
	apiv1connect.UnimplementedFileServiceHandler

	mu       sync.Mutex
	messages []*apiv1.Message
	chats    []*apiv1.Chat
	friends  []*apiv1.Friend
	files    []*apiv1.Transfer
	read     map[string]string
	requests []proto.Message // that changed something, as they came
	watchers map[chan *apiv1.WatchResponse]bool
	state    apiv1.State // that a sent message gets
	fail     error       // what every call that changes something answers
}

var (
	ann = &apiv1.Person{Account: "kith1ann", Name: "ann", Fingerprint: "annannan", Self: true}
	bob = &apiv1.Person{Account: "kith1bob", Name: "bob", Fingerprint: "bobbobbo"}
)

const noon = 1795435200_000 // 2026-11-23 12:00 UTC

// newFake starts a fake node with a group, a friend and a few messages.
func newFake(t *testing.T) (*fakeNode, *API) {
	t.Helper()
	f := &fakeNode{
		read: map[string]string{}, watchers: map[chan *apiv1.WatchResponse]bool{}, state: apiv1.State_STATE_QUEUED,
		chats: []*apiv1.Chat{
			{Ref: "#lobby", Kind: apiv1.ChatKind_CHAT_KIND_PUBLIC, Name: "lobby", Unread: 2, Members: 3, Joined: true},
			{Ref: "@kith1bob", Kind: apiv1.ChatKind_CHAT_KIND_DIRECT, Name: "bob", Peer: bob, Joined: true},
		},
		friends: []*apiv1.Friend{
			{Person: bob, State: apiv1.FriendState_FRIEND_STATE_FRIEND, Online: true, Verified: true},
			{
				Person: &apiv1.Person{Account: "kith1cy", Name: "cy", Fingerprint: "cycycycy"}, State: apiv1.FriendState_FRIEND_STATE_INCOMING,
				Note: "from the lake", SafetyNumber: "12345 67890", SafetyEmoji: "🐟🌊",
			},
		},
		files: []*apiv1.Transfer{{
			Id: id(9), Name: "fish.png", Size: 2048, Done: 512, Chat: "@kith1bob", State: apiv1.TransferState_TRANSFER_STATE_RUNNING,
			From: bob, BytesPerSecond: 1024, MediaType: "image/png",
		}},
	}
	for i := range 3 {
		f.messages = append(f.messages, &apiv1.Message{
			Id: id(i), Chat: "#lobby", Kind: "text", From: bob, TimeMs: noon + int64(i)*60_000, Text: fmt.Sprintf("line %d", i),
			State: apiv1.State_STATE_RECEIVED, ArrivedMs: noon,
		})
	}
	f.chats[0].Last = f.messages[2]
	mux := http.NewServeMux()
	mux.Handle(apiv1connect.NewNodeServiceHandler(f))
	mux.Handle(apiv1connect.NewFriendServiceHandler(f))
	mux.Handle(apiv1connect.NewChatServiceHandler(f))
	mux.Handle(apiv1connect.NewFileServiceHandler(f))
	mux.Handle(apiv1connect.NewDeviceServiceHandler(f))
	srv := httptest.NewServer(mux)
	t.Cleanup(func() {
		f.mu.Lock()
		for w := range f.watchers {
			close(w)
			delete(f.watchers, w)
		}
		f.mu.Unlock()
		srv.Close()
	})
	client := srv.Client()
	return f, &API{
		Node:    apiv1connect.NewNodeServiceClient(client, srv.URL),
		Friends: apiv1connect.NewFriendServiceClient(client, srv.URL),
		Chats:   apiv1connect.NewChatServiceClient(client, srv.URL),
		Files:   apiv1connect.NewFileServiceClient(client, srv.URL),
		Devices: apiv1connect.NewDeviceServiceClient(client, srv.URL),
	}
}

func id(n int) string { return fmt.Sprintf("%08d", n) + strings.Repeat("ab", 28) }

// reason makes an API error.
func reason(code connect.Code, r apiv1.Reason, text string) error {
	err := connect.NewError(code, errors.New(text))
	if d, detailErr := connect.NewErrorDetail(&apiv1.ErrorDetail{Reason: r}); detailErr == nil {
		err.AddDetail(d)
	}
	return err
}

// note records a request and returns the failure that is planted.
func (f *fakeNode) note(m proto.Message) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, m)
	return f.fail
}

// last returns the newest recorded request of a type.
func last[M proto.Message](t *testing.T, f *fakeNode) M {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := len(f.requests) - 1; i >= 0; i-- {
		if m, ok := f.requests[i].(M); ok {
			return m
		}
	}
	var none M
	t.Fatalf("no %T was sent", none)
	return none
}

func (f *fakeNode) Watch(ctx context.Context, _ *connect.Request[apiv1.WatchRequest], s *connect.ServerStream[apiv1.WatchResponse]) error {
	c := make(chan *apiv1.WatchResponse, 64)
	f.mu.Lock()
	f.watchers[c] = true
	f.mu.Unlock()
	if err := s.Send(nil); err != nil { // sends the headers
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case w, ok := <-c:
			if !ok {
				return nil
			}
			if err := s.Send(w); err != nil {
				return err
			}
		}
	}
}

func (f *fakeNode) GetStatus(context.Context, *connect.Request[apiv1.GetStatusRequest]) (*connect.Response[apiv1.GetStatusResponse], error) {
	return connect.NewResponse(&apiv1.GetStatusResponse{
		Version: "1", Commit: "abc", StartedMs: noon, Home: "/home/ann", Addresses: []string{"/ip4/127.0.0.1/tcp/1"}, Peers: 2,
		Nat: "private", Dht: "public", DhtMode: "client", DhtPeers: 7, Mdns: true, StoreBytes: 4096, FreeBytes: 1 << 30,
		Storage: "ok", Queued: 1, Pid: 42, Vault: "keyring", Traffic: []*apiv1.Traffic{{Purpose: "direct", BytesIn: 1, BytesOut: 2}},
	}), nil
}

func (f *fakeNode) GetIdentity(context.Context, *connect.Request[apiv1.GetIdentityRequest]) (*connect.Response[apiv1.GetIdentityResponse], error) {
	return connect.NewResponse(&apiv1.GetIdentityResponse{
		Account: "kith1ann", Device: "12D3ann", Name: "ann", Invite: "kith:xyz",
		Devices: []*apiv1.DeviceInfo{{Device: "12D3ann", Name: "desk", AddedMs: noon, This: true}},
	}), nil
}

func (f *fakeNode) CreateInvite(_ context.Context, r *connect.Request[apiv1.CreateInviteRequest]) (*connect.Response[apiv1.CreateInviteResponse], error) {
	return connect.NewResponse(&apiv1.CreateInviteResponse{Invite: "kith:xyz", Token: "tok"}), f.note(r.Msg)
}

func (f *fakeNode) ListPeers(context.Context, *connect.Request[apiv1.ListPeersRequest]) (*connect.Response[apiv1.ListPeersResponse], error) {
	return connect.NewResponse(&apiv1.ListPeersResponse{Peers: []*apiv1.Peer{{
		Device: "12D3bob", Person: bob, Addresses: []string{"/ip4/10.0.0.2/tcp/1"}, Agent: "kith/1", Lan: true, RttUs: 1500,
		Security: "tls+pq", Shares: []string{"friend", "#lobby"},
	}}}), nil
}

func (f *fakeNode) Diagnose(_ context.Context, _ *connect.Request[apiv1.DiagnoseRequest], s *connect.ServerStream[apiv1.DiagnoseResponse]) error {
	return errors.Join(
		s.Send(&apiv1.DiagnoseResponse{Step: "looked up in the DHT", Ok: true, Detail: "2 addresses"}),
		s.Send(&apiv1.DiagnoseResponse{Step: "dialled", Detail: "refused", Done: true}))
}

func (f *fakeNode) ListFriends(context.Context, *connect.Request[apiv1.ListFriendsRequest]) (*connect.Response[apiv1.ListFriendsResponse], error) {
	return connect.NewResponse(&apiv1.ListFriendsResponse{Friends: f.friends}), nil
}

func (f *fakeNode) AddFriend(_ context.Context, r *connect.Request[apiv1.AddFriendRequest]) (*connect.Response[apiv1.AddFriendResponse], error) {
	return connect.NewResponse(&apiv1.AddFriendResponse{Friend: &apiv1.Friend{
		Person: &apiv1.Person{Account: "kith1dee", Name: r.Msg.GetWho()}, State: apiv1.FriendState_FRIEND_STATE_OUTGOING,
	}}), f.note(r.Msg)
}

func (f *fakeNode) AcceptFriend(_ context.Context, r *connect.Request[apiv1.AcceptFriendRequest]) (*connect.Response[apiv1.AcceptFriendResponse], error) {
	return connect.NewResponse(&apiv1.AcceptFriendResponse{Friend: f.friends[0]}), f.note(r.Msg)
}

func (f *fakeNode) VerifyFriend(_ context.Context, r *connect.Request[apiv1.VerifyFriendRequest]) (*connect.Response[apiv1.VerifyFriendResponse], error) {
	return connect.NewResponse(&apiv1.VerifyFriendResponse{Friend: f.friends[0]}), f.note(r.Msg)
}

func (f *fakeNode) FindPeople(context.Context, *connect.Request[apiv1.FindPeopleRequest]) (*connect.Response[apiv1.FindPeopleResponse], error) {
	return connect.NewResponse(&apiv1.FindPeopleResponse{People: []*apiv1.FoundPerson{{Person: bob, Where: "lan", SeenMs: noon}}}), nil
}

func (f *fakeNode) ListChats(context.Context, *connect.Request[apiv1.ListChatsRequest]) (*connect.Response[apiv1.ListChatsResponse], error) {
	return connect.NewResponse(&apiv1.ListChatsResponse{Chats: f.chats}), nil
}

func (f *fakeNode) chat(ref string) (*apiv1.Chat, error) {
	for _, c := range f.chats {
		if c.GetRef() == ref || "@"+c.GetName() == ref || c.GetName() == ref {
			return c, nil
		}
	}
	return nil, reason(connect.CodeNotFound, apiv1.Reason_REASON_NOT_FOUND, "there is no chat "+ref)
}

func (f *fakeNode) GetChat(_ context.Context, r *connect.Request[apiv1.GetChatRequest]) (*connect.Response[apiv1.GetChatResponse], error) {
	c, err := f.chat(r.Msg.GetChat())
	return connect.NewResponse(&apiv1.GetChatResponse{Chat: c}), err
}

func (f *fakeNode) Join(_ context.Context, r *connect.Request[apiv1.JoinRequest]) (*connect.Response[apiv1.JoinResponse], error) {
	c, err := f.chat(strings.TrimPrefix(r.Msg.GetName(), "#"))
	return connect.NewResponse(&apiv1.JoinResponse{Chat: c}), errors.Join(err, f.note(r.Msg))
}

func (f *fakeNode) ListMembers(context.Context, *connect.Request[apiv1.ListMembersRequest]) (*connect.Response[apiv1.ListMembersResponse], error) {
	return connect.NewResponse(&apiv1.ListMembersResponse{Members: []*apiv1.Member{{Person: bob, Online: true, Device: "12D3bob"}}}), nil
}

func (f *fakeNode) Send(_ context.Context, r *connect.Request[apiv1.SendRequest]) (*connect.Response[apiv1.SendResponse], error) {
	if err := f.note(r.Msg); err != nil {
		return nil, err
	}
	c, err := f.chat(r.Msg.GetChat())
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	m := &apiv1.Message{
		Id: id(100 + len(f.messages)), Chat: c.GetRef(), Kind: "text", From: ann, TimeMs: noon + 3600_000, Text: r.Msg.GetText(),
		State: f.state, ReplyTo: r.Msg.GetReplyTo(),
	}
	f.messages = append(f.messages, m)
	return connect.NewResponse(&apiv1.SendResponse{Message: m}), nil
}

func (f *fakeNode) GetMessage(_ context.Context, r *connect.Request[apiv1.GetMessageRequest]) (*connect.Response[apiv1.GetMessageResponse], error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.messages {
		if m.GetId() == r.Msg.GetId() {
			return connect.NewResponse(&apiv1.GetMessageResponse{Message: m}), nil
		}
	}
	return nil, reason(connect.CodeNotFound, apiv1.Reason_REASON_NOT_FOUND, "no such message")
}

func (f *fakeNode) React(_ context.Context, r *connect.Request[apiv1.ReactRequest]) (*connect.Response[apiv1.ReactResponse], error) {
	return connect.NewResponse(&apiv1.ReactResponse{Message: f.messages[0]}), f.note(r.Msg)
}

func (f *fakeNode) Edit(_ context.Context, r *connect.Request[apiv1.EditRequest]) (*connect.Response[apiv1.EditResponse], error) {
	return connect.NewResponse(&apiv1.EditResponse{Message: f.messages[0]}), f.note(r.Msg)
}

// History pages as the real one does: newest first in requests, oldest first
// in answers.
func (f *fakeNode) History(_ context.Context, r *connect.Request[apiv1.HistoryRequest]) (*connect.Response[apiv1.HistoryResponse], error) {
	if err := f.note(r.Msg); err != nil {
		return nil, err
	}
	c, err := f.chat(r.Msg.GetChat())
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []*apiv1.Message
	for _, m := range f.messages {
		if m.GetId() == r.Msg.GetBefore() {
			break
		}
		if m.GetChat() == c.GetRef() && m.GetTimeMs() >= r.Msg.GetSinceMs() {
			out = append(out, m)
		}
	}
	limit := int(r.Msg.GetLimit())
	if len(out) <= limit {
		return connect.NewResponse(&apiv1.HistoryResponse{Messages: out}), nil
	}
	return connect.NewResponse(&apiv1.HistoryResponse{Messages: out[len(out)-limit:], More: true}), nil
}

func (f *fakeNode) Search(_ context.Context, r *connect.Request[apiv1.SearchRequest]) (*connect.Response[apiv1.SearchResponse], error) {
	return connect.NewResponse(&apiv1.SearchResponse{Messages: f.messages[:1]}), f.note(r.Msg)
}

func (f *fakeNode) MarkRead(_ context.Context, r *connect.Request[apiv1.MarkReadRequest]) (*connect.Response[apiv1.MarkReadResponse], error) {
	f.mu.Lock()
	f.read[r.Msg.GetChat()] = r.Msg.GetUpTo()
	f.mu.Unlock()
	c, err := f.chat(r.Msg.GetChat())
	return connect.NewResponse(&apiv1.MarkReadResponse{Chat: c}), err
}

func (f *fakeNode) Export(_ context.Context, r *connect.Request[apiv1.ExportRequest], s *connect.ServerStream[apiv1.ExportResponse]) error {
	if r.Msg.GetFormat() == "jsonl" {
		return errors.Join(s.Send(&apiv1.ExportResponse{Data: []byte("{\"text\":\"a\u202eb\u009b")}),
			s.Send(&apiv1.ExportResponse{Data: []byte("c\"}\n{}\n")}))
	}
	return s.Send(&apiv1.ExportResponse{Data: []byte("# bob\n\nhi \x1b[31mred")})
}

func (f *fakeNode) Offer(_ context.Context, r *connect.Request[apiv1.OfferRequest]) (*connect.Response[apiv1.OfferResponse], error) {
	return connect.NewResponse(&apiv1.OfferResponse{Transfer: &apiv1.Transfer{
		Id: id(10), Name: "x", Size: 1, Chat: r.Msg.GetChat(), Outgoing: true, State: apiv1.TransferState_TRANSFER_STATE_SHARED,
	}}), f.note(r.Msg)
}

// ListFiles lets the running transfer go on by a quarter at each look.
func (f *fakeNode) ListFiles(context.Context, *connect.Request[apiv1.ListFilesRequest]) (*connect.Response[apiv1.ListFilesResponse], error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]*apiv1.Transfer, len(f.files))
	for i, t := range f.files {
		out[i] = proto.Clone(t).(*apiv1.Transfer)
		if t.GetState() == apiv1.TransferState_TRANSFER_STATE_RUNNING {
			if t.Done += t.GetSize() / 4; t.GetDone() > t.GetSize() {
				t.Done, t.State, t.Path = t.GetSize(), apiv1.TransferState_TRANSFER_STATE_DONE, "/downloads/fish.png"
			}
		}
	}
	return connect.NewResponse(&apiv1.ListFilesResponse{Files: out}), nil
}

func (f *fakeNode) Get(_ context.Context, r *connect.Request[apiv1.GetRequest]) (*connect.Response[apiv1.GetResponse], error) {
	return connect.NewResponse(&apiv1.GetResponse{Transfer: f.files[0]}), f.note(r.Msg)
}

func (f *fakeNode) GetPreferences(context.Context, *connect.Request[apiv1.GetPreferencesRequest]) (*connect.Response[apiv1.GetPreferencesResponse], error) {
	return connect.NewResponse(&apiv1.GetPreferencesResponse{Preferences: map[string]string{"theme": "light", "language": "zh\x1b[2J"}}), nil
}

func (f *fakeNode) SetPreference(_ context.Context, r *connect.Request[apiv1.SetPreferenceRequest]) (*connect.Response[apiv1.SetPreferenceResponse], error) {
	return connect.NewResponse(&apiv1.SetPreferenceResponse{}), f.note(r.Msg)
}

func (f *fakeNode) Ignore(_ context.Context, r *connect.Request[apiv1.IgnoreRequest]) (*connect.Response[apiv1.IgnoreResponse], error) {
	return connect.NewResponse(&apiv1.IgnoreResponse{}), f.note(r.Msg)
}

func (f *fakeNode) ListIgnored(context.Context, *connect.Request[apiv1.ListIgnoredRequest]) (*connect.Response[apiv1.ListIgnoredResponse], error) {
	return connect.NewResponse(&apiv1.ListIgnoredResponse{
		People: []*apiv1.Person{{Account: "kith1eve", Name: "Eve\x1b[31m"}}, Words: []string{"spoiler\x07"},
	}), nil
}

func (f *fakeNode) SetHiddenWords(_ context.Context, r *connect.Request[apiv1.SetHiddenWordsRequest]) (*connect.Response[apiv1.SetHiddenWordsResponse], error) {
	return connect.NewResponse(&apiv1.SetHiddenWordsResponse{Words: r.Msg.GetWords()}), f.note(r.Msg)
}

func (f *fakeNode) SetChat(_ context.Context, r *connect.Request[apiv1.SetChatRequest]) (*connect.Response[apiv1.SetChatResponse], error) {
	c, err := f.chat(r.Msg.GetChat())
	if err != nil {
		return nil, err
	}
	c = proto.Clone(c).(*apiv1.Chat)
	c.Muted = r.Msg.GetMuted()
	if until := r.Msg.GetMutedUntilMs(); until > time.Now().UnixMilli() {
		c.MutedUntilMs = 1_790_000_000_000 // steady for the golden file
	}
	return connect.NewResponse(&apiv1.SetChatResponse{Chat: c}), nil
}

func (f *fakeNode) ListDevices(context.Context, *connect.Request[apiv1.ListDevicesRequest]) (*connect.Response[apiv1.ListDevicesResponse], error) {
	return connect.NewResponse(&apiv1.ListDevicesResponse{Devices: []*apiv1.DeviceInfo{
		{Device: "12D3KooWann", Name: "desk", AddedMs: noon, This: true, Online: true}, {Device: "12D3KooWold", Name: "old\x1b[2J", AddedMs: noon},
	}}), nil
}

func (f *fakeNode) LinkDevice(_ context.Context, _ *connect.Request[apiv1.LinkDeviceRequest], s *connect.ServerStream[apiv1.LinkDeviceResponse]) error {
	return errors.Join(
		s.Send(&apiv1.LinkDeviceResponse{LinkId: "1", Code: "kithlink:abc", ExpiresMs: noon}),
		s.Send(&apiv1.LinkDeviceResponse{LinkId: "1", CheckWords: "one two three four", Name: "lap\x1btop"}),
		s.Send(&apiv1.LinkDeviceResponse{LinkId: "1", Linked: true}),
	)
}

func (f *fakeNode) ConfirmDevice(_ context.Context, r *connect.Request[apiv1.ConfirmDeviceRequest]) (*connect.Response[apiv1.ConfirmDeviceResponse], error) {
	return connect.NewResponse(&apiv1.ConfirmDeviceResponse{}), f.note(r.Msg)
}

func (f *fakeNode) RenameDevice(_ context.Context, r *connect.Request[apiv1.RenameDeviceRequest]) (*connect.Response[apiv1.RenameDeviceResponse], error) {
	return connect.NewResponse(&apiv1.RenameDeviceResponse{Device: &apiv1.DeviceInfo{Device: "12D3KooWold", Name: r.Msg.GetName(), AddedMs: noon}}), f.note(r.Msg)
}

func (f *fakeNode) RevokeDevice(_ context.Context, r *connect.Request[apiv1.RevokeDeviceRequest]) (*connect.Response[apiv1.RevokeDeviceResponse], error) {
	return connect.NewResponse(&apiv1.RevokeDeviceResponse{}), f.note(r.Msg)
}
