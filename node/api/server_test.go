package api

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/kith-chat/kith/node"
	"github.com/kith-chat/kith/node/api/client"
	"github.com/kith-chat/kith/node/api/local"
	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/node/api/v1/apiv1connect"
)

func netAddr(port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)
}

func textLog(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

func TestSocketAndWeb(t *testing.T) {
	t.Parallel()
	ctx, home := deadline(t), newHome(t)
	s := serve(t, Config{Node: newFake(), Home: home, Web: "127.0.0.1:0", Version: "1.2"})
	for name, c := range map[string]*client.Client{
		"home":   {Home: home},
		"socket": {Socket: s.Socket()},
		"web":    {Home: home, Address: s.Web()},
	} {
		if err := c.Check(ctx); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		res, err := c.Node().GetStatus(ctx, connect.NewRequest(&apiv1.GetStatusRequest{}))
		if err != nil || res.Msg.GetWeb() != s.Web() || res.Msg.GetPid() != uint32(os.Getpid()) {
			t.Errorf("%s: %v, %v", name, res, err)
		}
		_ = c.Close()
	}
	wrong := &client.Client{Address: s.Web(), Token: local.NewToken().Reveal()}
	if err := wrong.Check(ctx); !errors.Is(err, client.Unauthenticated) {
		t.Errorf("a wrong token: got %v", err)
	}
	if _, err := wrong.Node().GetStatus(ctx, connect.NewRequest(&apiv1.GetStatusRequest{})); !errors.Is(err, client.Unauthenticated) {
		t.Errorf("a wrong token: got %v", err)
	}
}

func TestSecondServerIsRefused(t *testing.T) {
	t.Parallel()
	home := newHome(t)
	s := serve(t, Config{Node: newFake(), Home: home})
	if other, err := Open(Config{Node: newFake(), Home: home, Web: "127.0.0.1:0"}); !errors.Is(err, local.ErrRunning) {
		_ = other.Close()
		t.Errorf("got %v, want ErrRunning", err)
	}
	if err := (&client.Client{Home: home}).Check(deadline(t)); err != nil {
		t.Errorf("the first one does not answer any more: %v", err)
	}
	if err := s.Run(t.Context()); err == nil {
		t.Error("it runs twice")
	}
}

// TestCloseWithoutRun: what was opened is closed, and nothing is left behind.
func TestCloseWithoutRun(t *testing.T) {
	t.Parallel()
	home := newHome(t)
	s, err := Open(Config{Node: newFake(), Home: home, Web: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Lstat(filepath.Join(home, local.SocketName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left behind: %v", err)
	}
	if c, err := net.Dial("tcp", s.Web()); err == nil {
		_ = c.Close()
		t.Error("the web address still answers")
	}
	if err := s.Run(t.Context()); err == nil {
		t.Error("it runs after its end")
	}
	if err := attach(t, s).Check(deadline(t)); !errors.Is(err, client.ErrNotRunning) {
		t.Errorf("got %v, want ErrNotRunning", err)
	}
}

// TestEnd: streams end without an error when the server does, calls that run
// are finished, and the socket goes.
func TestEnd(t *testing.T) {
	t.Parallel()
	ctx, home, fake := deadline(t), newHome(t), newFake()
	stopped := make(chan struct{})
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := Open(Config{Node: fake, Home: home, Stop: func() { close(stopped); cancel() }})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Run(running) }()
	c := &client.Client{Home: home}
	defer c.Close()
	stream, err := c.Node().Watch(ctx, connect.NewRequest(&apiv1.WatchRequest{}))
	if err != nil || !stream.Receive() {
		t.Fatal(err, stream.Err())
	}
	if _, err := c.Node().Stop(ctx, connect.NewRequest(&apiv1.StopRequest{})); err != nil {
		t.Errorf("the call that stops was not answered: %v", err)
	}
	<-stopped
	if stream.Receive() || stream.Err() != nil {
		t.Errorf("the stream ended with %v", stream.Err())
	}
	_ = stream.Close()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-ctx.Done():
		t.Fatal("it does not end")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := c.Check(ctx); !errors.Is(err, client.ErrNotRunning) {
		t.Errorf("got %v, want ErrNotRunning", err)
	}
	if _, err := c.Node().GetStatus(ctx, connect.NewRequest(&apiv1.GetStatusRequest{})); !errors.Is(err, client.ErrNotRunning) {
		t.Errorf("got %v, want ErrNotRunning", err)
	}
}

func TestStopIsRefusedInAnotherProgram(t *testing.T) {
	t.Parallel()
	c := attach(t, serve(t, Config{Node: newFake()}))
	if _, err := c.Node().Stop(deadline(t), connect.NewRequest(&apiv1.StopRequest{})); !errors.Is(err, client.NotAllowed) {
		t.Errorf("got %v, want NotAllowed", err)
	}
}

// TestWatchEndsWithTheNode: the node's own end is the end of the stream.
func TestWatchEndsWithTheNode(t *testing.T) {
	t.Parallel()
	ctx, fake := deadline(t), newFake()
	c := attach(t, serve(t, Config{Node: fake}))
	stream, err := c.Node().Watch(ctx, connect.NewRequest(&apiv1.WatchRequest{}))
	if err != nil || !stream.Receive() {
		t.Fatal(err)
	}
	defer stream.Close()
	close(fake.done)
	if stream.Receive() || stream.Err() != nil {
		t.Errorf("the stream ended with %v", stream.Err())
	}
}

// TestSlowWatcher: one who does not read holds up nobody else.
func TestSlowWatcher(t *testing.T) {
	t.Parallel()
	ctx, home, fake := deadline(t), newHome(t), newFake()
	serve(t, Config{Node: fake, Home: home})
	slow, err := net.Dial("unix", filepath.Join(home, local.SocketName))
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	envelope := "\x00\x00\x00\x00\x02{}"
	if _, err := io.WriteString(slow, "POST /kith.node.api.v1.NodeService/Watch HTTP/1.1\r\nHost: x\r\nContent-Type: application/connect+json\r\nContent-Length: 7\r\n\r\n"+envelope); err != nil {
		t.Fatal(err)
	}
	c := &client.Client{Home: home}
	defer c.Close()
	stream, err := c.Node().Watch(ctx, connect.NewRequest(&apiv1.WatchRequest{}))
	if err != nil || !stream.Receive() {
		t.Fatal(err)
	}
	const many = 500 // of 16 KiB: more than the socket of the slow one takes
	m := something()
	m.Text = strings.Repeat("x", 16<<10)
	for range many {
		fake.happen(node.News{Message: &m, Fresh: true})
	}
	for i := range many {
		if !stream.Receive() {
			t.Fatalf("after %d: %v", i, stream.Err())
		}
		if got := stream.Msg().GetCursor(); got != uint64(i+1) {
			t.Fatalf("news %d has the cursor %d", i+1, got)
		}
	}
	if err := stream.Close(); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestOtherProtocols: gRPC over HTTP/2 without TLS works as well, so that a bot
// may be written in any language.
func TestOtherProtocols(t *testing.T) {
	t.Parallel()
	ctx, home, fake := deadline(t), newHome(t), newFake()
	s := serve(t, Config{Node: fake, Home: home})
	transport := &http.Transport{
		Protocols: new(http.Protocols),
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", s.Socket())
		},
	}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	for name, opt := range map[string]connect.ClientOption{
		"connect": connect.WithClientOptions(), "grpc": connect.WithGRPC(), "grpc-web": connect.WithGRPCWeb(), "json": connect.WithProtoJSON(),
	} {
		c := apiv1connect.NewNodeServiceClient(&http.Client{Transport: transport}, "http://localhost", opt)
		if res, err := c.GetStatus(ctx, connect.NewRequest(&apiv1.GetStatusRequest{})); err != nil || res.Msg.GetVersion() != "1.2" {
			t.Errorf("%s: %v, %v", name, res, err)
		}
		watching, cancel := context.WithTimeout(ctx, 10*time.Second)
		stream, err := c.Watch(watching, connect.NewRequest(&apiv1.WatchRequest{}))
		if err != nil || !stream.Receive() {
			t.Errorf("%s: a stream: %v", name, err)
		}
		cancel()
		_ = stream.Close()
	}
}
