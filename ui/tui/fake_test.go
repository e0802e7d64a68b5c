package tui

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"connectrpc.com/connect"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/node/api/v1/apiv1connect"
	"github.com/kith-chat/kith/ui/cli"
)

// noon is when the tests take place.
func noon() time.Time { return time.Date(2026, 1, 14, 12, 0, 0, 0, time.Local) }

// fakeChats answers for conversations of any length without holding them.
type fakeChats struct {
	apiv1connect.ChatServiceClient
	total int // messages of each chat
	sent  []*apiv1.SendRequest
	read  []*apiv1.MarkReadRequest
	set   []*apiv1.SetChatRequest
	err   error
}

// messageAt is message n of a chat; they are a minute apart, the last at noon.
func (f *fakeChats) messageAt(chat string, n int) *apiv1.Message {
	return &apiv1.Message{
		Id: fmt.Sprintf("%016x", n), Chat: chat, Kind: "text", From: person(n / 3 % 5), State: apiv1.State_STATE_RECEIVED,
		TimeMs: noon().Add(time.Duration(n-f.total+1) * time.Minute).UnixMilli(), ArrivedMs: noon().UnixMilli(),
		Text: fmt.Sprintf("message %d: the *quick* brown fox `jumps` over the lazy dog, see https://example.org/%d", n, n),
	}
}

func person(n int) *apiv1.Person {
	return &apiv1.Person{Account: fmt.Sprintf("kith1account%d", n), Name: []string{"Ada", "Bert", "Cy", "Dee", "Eve"}[n%5], Fingerprint: "abcd"}
}

func (f *fakeChats) History(_ context.Context, r *connect.Request[apiv1.HistoryRequest]) (*connect.Response[apiv1.HistoryResponse], error) {
	if f.err != nil {
		return nil, f.err
	}
	from, to := max(f.total-int(r.Msg.GetLimit()), 0), f.total
	if b := r.Msg.GetBefore(); b != "" {
		n, _ := strconv.ParseInt(b, 16, 64)
		from, to = max(int(n)-int(r.Msg.GetLimit()), 0), int(n)
	}
	if a := r.Msg.GetAfter(); a != "" {
		n, _ := strconv.ParseInt(a, 16, 64)
		from, to = int(n)+1, min(int(n)+1+int(r.Msg.GetLimit()), f.total)
	}
	out := &apiv1.HistoryResponse{More: from > 0}
	if r.Msg.GetAfter() != "" {
		out.More = to < f.total
	}
	for n := from; n < to; n++ {
		out.Messages = append(out.Messages, f.messageAt(r.Msg.GetChat(), n))
	}
	return connect.NewResponse(out), nil
}

func (f *fakeChats) GetMessage(_ context.Context, r *connect.Request[apiv1.GetMessageRequest]) (*connect.Response[apiv1.GetMessageResponse], error) {
	n, err := strconv.ParseInt(r.Msg.GetId(), 16, 64)
	if err != nil {
		return nil, connect.NewError(connect.CodeNotFound, err)
	}
	return connect.NewResponse(&apiv1.GetMessageResponse{Message: f.messageAt("#chat0", int(n))}), nil
}

func (f *fakeChats) Send(_ context.Context, r *connect.Request[apiv1.SendRequest]) (*connect.Response[apiv1.SendResponse], error) {
	if f.err != nil {
		return nil, f.err
	}
	f.sent = append(f.sent, r.Msg)
	m := f.messageAt(r.Msg.GetChat(), f.total)
	m.Text, m.From, m.State = r.Msg.GetText(), &apiv1.Person{Account: "kith1me", Self: true}, apiv1.State_STATE_QUEUED
	f.total++
	return connect.NewResponse(&apiv1.SendResponse{Message: m}), nil
}

func (f *fakeChats) MarkRead(_ context.Context, r *connect.Request[apiv1.MarkReadRequest]) (*connect.Response[apiv1.MarkReadResponse], error) {
	f.read = append(f.read, r.Msg)
	return connect.NewResponse(&apiv1.MarkReadResponse{Chat: &apiv1.Chat{Ref: r.Msg.GetChat(), Joined: true, ReadUpTo: r.Msg.GetUpTo()}}), nil
}

func (f *fakeChats) SetChat(_ context.Context, r *connect.Request[apiv1.SetChatRequest]) (*connect.Response[apiv1.SetChatResponse], error) {
	f.set = append(f.set, r.Msg)
	return connect.NewResponse(&apiv1.SetChatResponse{Chat: &apiv1.Chat{Ref: r.Msg.GetChat(), Joined: true, Draft: r.Msg.GetDraft()}}), nil
}

func (f *fakeChats) SignalTyping(context.Context, *connect.Request[apiv1.SignalTypingRequest]) (*connect.Response[apiv1.SignalTypingResponse], error) {
	return connect.NewResponse(&apiv1.SignalTypingResponse{}), nil
}

func (f *fakeChats) ListMembers(context.Context, *connect.Request[apiv1.ListMembersRequest]) (*connect.Response[apiv1.ListMembersResponse], error) {
	out := &apiv1.ListMembersResponse{}
	for n := range 5 {
		out.Members = append(out.Members, &apiv1.Member{Person: person(n), Online: n%2 == 0})
	}
	return connect.NewResponse(out), nil
}

func (f *fakeChats) Search(_ context.Context, r *connect.Request[apiv1.SearchRequest]) (*connect.Response[apiv1.SearchResponse], error) {
	return connect.NewResponse(&apiv1.SearchResponse{Messages: []*apiv1.Message{f.messageAt("#chat0", 10)}}), nil
}

type fakeNode struct{ apiv1connect.NodeServiceClient }

func (fakeNode) SetPreference(context.Context, *connect.Request[apiv1.SetPreferenceRequest]) (*connect.Response[apiv1.SetPreferenceResponse], error) {
	return connect.NewResponse(&apiv1.SetPreferenceResponse{}), nil
}

func (fakeNode) GetStatus(context.Context, *connect.Request[apiv1.GetStatusRequest]) (*connect.Response[apiv1.GetStatusResponse], error) {
	return connect.NewResponse(&apiv1.GetStatusResponse{Peers: 3, Storage: "ok"}), nil
}

// world is a screen with a node behind it that is not there.
type world struct {
	t     testing.TB
	m     *Model
	chats *fakeChats
	// timers are those that were set and have not gone off.
	timers []func(time.Time) tea.Msg
}

// wait lets every timer go off that is set now.
func (w *world) wait() {
	now := w.timers
	w.timers = nil
	for _, then := range now {
		w.take(then(noon()))
	}
}

// newWorld loads a screen with chats of many messages.
func newWorld(t testing.TB, columns, rows, chats, messages int) *world {
	t.Helper()
	w := &world{t: t, chats: &fakeChats{total: messages}}
	w.m = New(t.Context(), Options{API: &cli.API{Chats: w.chats, Node: fakeNode{}}, Now: noon})
	w.m.timer = func(_ time.Duration, then func(time.Time) tea.Msg) tea.Cmd {
		w.timers = append(w.timers, then)
		return nil
	}
	l := loadedMsg{
		me:     &apiv1.GetIdentityResponse{Account: "kith1me", Name: "Me", Invite: "kith:invite"},
		status: &apiv1.GetStatusResponse{Peers: 3, Storage: "ok"}, prefs: map[string]string{},
	}
	for n := range chats {
		ref := fmt.Sprintf("#chat%d", n)
		c := &apiv1.Chat{Ref: ref, Kind: apiv1.ChatKind_CHAT_KIND_PUBLIC, Name: ref, Joined: true, Messages: uint64(messages)}
		if messages > 0 {
			c.Last = &apiv1.Message{Id: ref, ArrivedMs: noon().UnixMilli() - int64(n), TimeMs: noon().UnixMilli()}
		}
		l.chats = append(l.chats, c)
	}
	for n := range 5 {
		l.friends = append(l.friends, &apiv1.Friend{Person: person(n), State: apiv1.FriendState_FRIEND_STATE_FRIEND, Online: n == 1})
	}
	w.take(tea.WindowSizeMsg{Width: columns, Height: rows})
	w.take(l)
	return w
}

// take gives the screen a message and carries out what follows, but timers.
func (w *world) take(msg tea.Msg) {
	_, cmd := w.m.Update(msg)
	w.do(cmd)
}

func (w *world) do(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	result := make(chan tea.Msg, 1)
	go func() { result <- cmd() }()
	select {
	case msg := <-result:
		switch msg := msg.(type) {
		case nil:
		case tea.BatchMsg:
			for _, c := range msg {
				w.do(c)
			}
		default:
			w.take(msg)
		}
	case <-w.t.Context().Done():
		w.t.Fatal("a command does not end")
	}
}

// press types keys: names of keys in <>, all else as text.
func (w *world) press(keys ...string) {
	for _, k := range keys {
		w.take(keyPress(k))
	}
}

func keyPress(k string) tea.KeyPressMsg {
	named := map[string]tea.KeyPressMsg{
		"<enter>": {Code: tea.KeyEnter}, "<esc>": {Code: tea.KeyEscape}, "<tab>": {Code: tea.KeyTab}, "<up>": {Code: tea.KeyUp},
		"<down>": {Code: tea.KeyDown}, "<pgup>": {Code: tea.KeyPgUp}, "<pgdown>": {Code: tea.KeyPgDown}, "<end>": {Code: tea.KeyEnd},
		"<backspace>": {Code: tea.KeyBackspace}, "<ctrl+k>": {Code: 'k', Mod: tea.ModCtrl}, "<ctrl+f>": {Code: 'f', Mod: tea.ModCtrl},
		"<alt+s>": {Code: 's', Mod: tea.ModAlt}, "<alt+a>": {Code: 'a', Mod: tea.ModAlt}, "<alt+2>": {Code: '2', Mod: tea.ModAlt},
		"<alt+r>": {Code: 'r', Mod: tea.ModAlt}, "<alt+down>": {Code: tea.KeyDown, Mod: tea.ModAlt}, "<ctrl+w>": {Code: 'w', Mod: tea.ModCtrl},
		"<ctrl+y>": {Code: 'y', Mod: tea.ModCtrl}, "<ctrl+a>": {Code: 'a', Mod: tea.ModCtrl}, "<alt+enter>": {Code: tea.KeyEnter, Mod: tea.ModAlt},
	}
	if msg, ok := named[k]; ok {
		return msg
	}
	r := []rune(k)
	return tea.KeyPressMsg{Code: r[0], Text: k}
}

// typeText types a text character by character.
func (w *world) typeText(s string) {
	for _, r := range s {
		w.press(string(r))
	}
}
