package notify

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"connectrpc.com/connect"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/node/api/v1/apiv1connect"
	"github.com/kith-chat/kith/ui/words"
)

// node tells what stands in news, then ends its stream when more is closed.
type node struct {
	apiv1connect.UnimplementedNodeServiceHandler
	apiv1connect.UnimplementedChatServiceHandler
	news chan *apiv1.WatchResponse
}

func (n node) GetPreferences(context.Context, *connect.Request[apiv1.GetPreferencesRequest]) (*connect.Response[apiv1.GetPreferencesResponse], error) {
	return connect.NewResponse(&apiv1.GetPreferencesResponse{}), nil
}

func (n node) Watch(_ context.Context, _ *connect.Request[apiv1.WatchRequest], s *connect.ServerStream[apiv1.WatchResponse]) error {
	for w := range n.news {
		if err := s.Send(w); err != nil {
			return err
		}
	}
	return nil
}

func (n node) GetChat(_ context.Context, r *connect.Request[apiv1.GetChatRequest]) (*connect.Response[apiv1.GetChatResponse], error) {
	_, bob := persons()
	c := &apiv1.Chat{Ref: r.Msg.GetChat(), Kind: apiv1.ChatKind_CHAT_KIND_DIRECT, Peer: bob, Unread: 1}
	if c.GetRef() == "@read" {
		c.Unread = 0
	}
	return connect.NewResponse(&apiv1.GetChatResponse{Chat: c}), nil
}

func TestWatch(t *testing.T) {
	t.Parallel()
	_, bob := persons()
	n := node{news: make(chan *apiv1.WatchResponse, 8)}
	mux := http.NewServeMux()
	mux.Handle(apiv1connect.NewNodeServiceHandler(n))
	mux.Handle(apiv1connect.NewChatServiceHandler(n))
	srv := httptest.NewServer(mux)
	defer srv.Close()
	text := func(id, chat, text string) *apiv1.WatchResponse {
		return &apiv1.WatchResponse{Fresh: true, News: &apiv1.WatchResponse_Message{Message: &apiv1.Message{
			Id: id, Chat: chat, From: bob, Text: text, State: apiv1.State_STATE_RECEIVED,
		}}}
	}
	n.news <- text("1", "@read", "seen elsewhere")
	n.news <- text("2", "@kith1bob", "hello")
	r := recorder{make(chan string, 8)}
	ended := make(chan error, 1)
	go func() {
		ended <- Watch(t.Context(), Source{
			Node:  apiv1connect.NewNodeServiceClient(srv.Client(), srv.URL),
			Chats: apiv1connect.NewChatServiceClient(srv.Client(), srv.URL),
		}, Config{Words: words.Pick("en"), Outlets: []Outlet{r}, Settle: 200 * time.Millisecond, Pause: time.Millisecond})
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	select {
	case got := <-r.notes:
		if got != "bob: hello" {
			t.Errorf("%q", got)
		}
	case <-ctx.Done():
		t.Fatal("nothing was told")
	}
	close(n.news)
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-ctx.Done():
		t.Fatal("it goes on after the node has ended")
	}
}
