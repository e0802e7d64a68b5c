package api

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/kith-chat/kith/identity/vault"
	"github.com/kith-chat/kith/node"
	"github.com/kith-chat/kith/node/api/client"
	apiv1 "github.com/kith-chat/kith/node/api/v1"
)

// realClient runs a node without a network and speaks to it over its socket.
func realClient(t *testing.T) *client.Client {
	t.Helper()
	home := newHome(t)
	secrets, err := vault.NewAccount("ann", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.Create(vault.Options{Dir: home}, secrets)
	if err != nil {
		t.Fatal(err)
	}
	n, err := node.Open(context.Background(), node.Config{Home: home, Vault: v, Version: "test", Offline: true, MinFree: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	serve(t, Config{Node: n, Home: home, Version: "test"})
	c := &client.Client{Home: home}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestRealNode: over the socket, what is said in a group is in its history,
// its search, its export and the stream of news, and faults have their reason.
func TestRealNode(t *testing.T) {
	t.Parallel()
	ctx, c := deadline(t), realClient(t)
	self, err := c.Node().GetIdentity(ctx, connect.NewRequest(&apiv1.GetIdentityRequest{}))
	if err != nil || self.Msg.GetName() != "ann" || !strings.HasPrefix(self.Msg.GetInvite(), "kith:") {
		t.Fatalf("identity: %v, %v", self, err)
	}
	if _, err := c.Chats().Join(ctx, connect.NewRequest(&apiv1.JoinRequest{Name: "Lobby"})); err != nil {
		t.Fatal(err)
	}
	watching, stopWatching := context.WithCancel(ctx)
	news := make(chan *apiv1.Message, 64)
	ended := make(chan error, 1)
	ready := make(chan struct{})
	go func() {
		started := false
		ended <- c.Watch(watching, &apiv1.WatchRequest{Ephemeral: true}, func(w *apiv1.WatchResponse) error {
			if !started {
				started = true
				close(ready)
			}
			if w.GetMessage() != nil && w.GetFresh() {
				news <- w.GetMessage()
			}
			return nil
		}, nil)
	}()
	<-ready
	const many = 20
	for i := range many {
		if _, err := c.Chats().Send(ctx, connect.NewRequest(&apiv1.SendRequest{Chat: "lobby", Text: fmt.Sprintf("message %d 车票", i)})); err != nil {
			t.Fatal(err)
		}
	}
	for i := range many {
		select {
		case m := <-news:
			if want := fmt.Sprintf("message %d 车票", i); m.GetText() != want || m.GetChat() != "#lobby" || !m.GetFrom().GetSelf() {
				t.Errorf("news %d is %v", i, m)
			}
		case <-ctx.Done():
			t.Fatalf("only %d messages were told", i)
		}
	}
	stopWatching()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("watching ended with %v", err)
	}
	page, err := c.Chats().History(ctx, connect.NewRequest(&apiv1.HistoryRequest{Chat: "#lobby", Limit: 5}))
	if err != nil || len(page.Msg.GetMessages()) != 5 || !page.Msg.GetMore() || page.Msg.GetMessages()[4].GetText() != "message 19 车票" {
		t.Errorf("history: %v, %v", page, err)
	}
	found, err := c.Chats().Search(ctx, connect.NewRequest(&apiv1.SearchRequest{Query: "车票", Limit: 100}))
	if err != nil || len(found.Msg.GetMessages()) != many {
		t.Errorf("search: %d found, %v", len(found.Msg.GetMessages()), err)
	}
	export, err := c.Chats().Export(ctx, connect.NewRequest(&apiv1.ExportRequest{Format: "jsonl"}))
	if err != nil {
		t.Fatal(err)
	}
	defer export.Close()
	lines := 0
	for export.Receive() {
		lines += strings.Count(string(export.Msg().GetData()), "\n")
	}
	if lines != many || export.Err() != nil {
		t.Errorf("export: %d lines, %v", lines, export.Err())
	}
	for reason, call := range map[client.Reason]func() error{
		client.NotFound: func() error {
			_, err := c.Chats().GetChat(ctx, connect.NewRequest(&apiv1.GetChatRequest{Chat: "#nowhere"}))
			return err
		},
		client.Invalid: func() error {
			_, err := c.Chats().Send(ctx, connect.NewRequest(&apiv1.SendRequest{Chat: "#lobby", Text: "  "}))
			return err
		},
		client.TooLarge: func() error {
			_, err := c.Chats().Send(ctx, connect.NewRequest(&apiv1.SendRequest{Chat: "#lobby", Text: strings.Repeat("x", 100_000)}))
			return err
		},
	} {
		if err := call(); !errors.Is(err, reason) {
			t.Errorf("got %v, want %v", err, reason)
		}
	}
}
