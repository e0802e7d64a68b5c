package api

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"connectrpc.com/connect"

	"github.com/kith-chat/kith/node/api/client"
	apiv1 "github.com/kith-chat/kith/node/api/v1"
)

// BenchmarkSend is one call over the socket, beside the same request to a bare
// HTTP handler on a loopback address: the price of the API itself.
func BenchmarkSend(b *testing.B) {
	home := newHome(b)
	serve(b, Config{Node: newFake(), Home: home})
	c := &client.Client{Home: home}
	defer c.Close()
	chats := c.Chats()
	b.Run("kith", func(b *testing.B) {
		for b.Loop() {
			if _, err := chats.Send(b.Context(), connect.NewRequest(&apiv1.SendRequest{Chat: "#lobby", Text: "hello"})); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("http", func(b *testing.B) {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
		defer srv.Close()
		for b.Loop() {
			res, err := srv.Client().Post(srv.URL, "text/plain", nil)
			if err != nil {
				b.Fatal(err)
			}
			_ = res.Body.Close()
		}
	})
}
