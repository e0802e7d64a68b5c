package client

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/kith-chat/kith/node/api/local"
	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/node/api/v1/apiv1connect"
)

// stub answers Watch from a list of news, and ends the stream after some.
type stub struct {
	apiv1connect.UnimplementedNodeServiceHandler

	mu      sync.Mutex
	news    int      // how many there are; number n has the cursor n
	each    int      // how many one stream tells
	cursors []uint64 // that were asked from
	end     error    // of every stream
}

func (s *stub) Watch(_ context.Context, req *connect.Request[apiv1.WatchRequest], stream *connect.ServerStream[apiv1.WatchResponse]) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := req.Msg.GetCursor()
	s.cursors = append(s.cursors, from)
	for n := from + 1; n <= min(from+uint64(s.each), uint64(s.news)); n++ {
		if err := stream.Send(&apiv1.WatchResponse{Cursor: n}); err != nil {
			return err
		}
	}
	return s.end
}

func (s *stub) GetStatus(context.Context, *connect.Request[apiv1.GetStatusRequest]) (*connect.Response[apiv1.GetStatusResponse], error) {
	err := connect.NewError(connect.CodePermissionDenied, errors.New("bob has blocked you"))
	if d, derr := connect.NewErrorDetail(&apiv1.ErrorDetail{Reason: apiv1.Reason_REASON_NOT_ALLOWED}); derr == nil {
		err.AddDetail(d)
	}
	return nil, err
}

// newHome returns a folder that is its owner's alone.
func newHome(t *testing.T) string {
	t.Helper()
	home := filepath.Join(t.TempDir(), "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	return home
}

// serve answers on the socket of a home until the test ends or stop is called.
func serve(t *testing.T, home string, h http.Handler) (stop func()) {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(home, local.SocketName))
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: time.Second}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = srv.Serve(l) }()
	stop = func() { _ = srv.Close(); <-ended }
	t.Cleanup(stop)
	return stop
}

func handler(s *stub) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(apiv1connect.NewNodeServiceHandler(s))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(versionHeader, "9")
		mux.ServeHTTP(w, r)
	})
}

func newClient(t *testing.T, home string) *Client {
	t.Helper()
	c := &Client{Home: home}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestNotRunning(t *testing.T) {
	t.Parallel()
	ctx := deadline(t)
	for name, c := range map[string]*Client{
		"no home":   {Home: filepath.Join(t.TempDir(), "missing")},
		"no socket": {Home: newHome(t)},
		"socket":    {Socket: filepath.Join(t.TempDir(), "missing")},
		"address":   {Address: "127.0.0.1:1", Token: "x"},
		"in here":   {Dial: func(context.Context) (net.Conn, error) { return nil, ErrNotRunning }},
	} {
		if err := c.Check(ctx); !errors.Is(err, ErrNotRunning) || !strings.Contains(err.Error(), "kith serve") {
			t.Errorf("%s: got %v, want ErrNotRunning with what to do", name, err)
		}
		_, err := c.Node().GetStatus(ctx, connect.NewRequest(&apiv1.GetStatusRequest{}))
		var e *Error
		var wire *connect.Error
		if !errors.Is(err, ErrNotRunning) || !errors.As(err, &e) || !errors.As(err, &wire) || wire.Code() != connect.CodeUnavailable {
			t.Errorf("%s: a call: got %v", name, err)
		}
	}
}

func TestErrorsOfCalls(t *testing.T) {
	t.Parallel()
	ctx, home := deadline(t), newHome(t)
	serve(t, home, handler(&stub{}))
	c := newClient(t, home)
	_, err := c.Node().GetStatus(ctx, connect.NewRequest(&apiv1.GetStatusRequest{}))
	var e *Error
	if !errors.As(err, &e) || e.Reason != NotAllowed || !errors.Is(err, NotAllowed) || errors.Is(err, NotFound) || errors.Is(err, ErrNotRunning) {
		t.Errorf("got %#v", err)
	}
	if err.Error() != "bob has blocked you" {
		t.Errorf("the message is %q", err)
	}
	if c.Version() != "9" {
		t.Errorf("the version is %q", c.Version())
	}
	_, err = c.Node().SetName(ctx, connect.NewRequest(&apiv1.SetNameRequest{}))
	var wire *connect.Error
	if !errors.As(err, &wire) || wire.Code() != connect.CodeUnimplemented || errors.Is(err, ErrNotRunning) {
		t.Errorf("a call that an older node does not know: %v", err)
	}
	over, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := c.Node().GetStatus(over, connect.NewRequest(&apiv1.GetStatusRequest{})); !errors.Is(err, context.Canceled) {
		t.Errorf("a call that was given up: %v", err)
	}
}

func TestWhatIsNoNode(t *testing.T) {
	t.Parallel()
	home := newHome(t)
	serve(t, home, http.NotFoundHandler())
	if err := newClient(t, home).Check(deadline(t)); err == nil || errors.Is(err, ErrNotRunning) {
		t.Errorf("got %v, want an error that something else answers", err)
	}
}

// TestTokenStaysHere: a token is not sent to an address that is elsewhere, and
// a file that others can read is not taken.
func TestTokenStaysHere(t *testing.T) {
	t.Parallel()
	ctx := deadline(t)
	if err := (&Client{Address: "192.0.2.1:80", Token: "x"}).Check(ctx); !errors.Is(err, Invalid) || errors.Is(err, ErrNotRunning) {
		t.Errorf("a foreign address: got %v", err)
	}
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(local.NewToken().Reveal()), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := (&Client{Address: "127.0.0.1:1", TokenFile: file}).Check(ctx); !errors.Is(err, Invalid) {
		t.Errorf("a file that others can read: got %v", err)
	}
}

// TestWatchGoesOn: over streams that end, a node that goes away and one that
// returns, every piece of news is told once and in order.
func TestWatchGoesOn(t *testing.T) {
	t.Parallel()
	ctx, home := deadline(t), newHome(t)
	s := &stub{news: 7, each: 3}
	stop := serve(t, home, handler(s))
	var got []uint64
	lost := 0
	done := errors.New("enough")
	err := newClient(t, home).Watch(ctx, &apiv1.WatchRequest{Cursor: 1}, func(w *apiv1.WatchResponse) error {
		got = append(got, w.GetCursor())
		if w.GetCursor() == 7 {
			return done
		}
		return nil
	}, func(error) {
		if lost++; lost == 1 {
			stop()
			if err := os.Remove(filepath.Join(home, local.SocketName)); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Error(err)
			}
		}
		if lost == 2 {
			serve(t, home, handler(s))
		}
	})
	if !errors.Is(err, done) || err.Error() != "enough" {
		t.Errorf("it ended with %v", err)
	}
	for i, c := range got {
		if c != uint64(i+2) {
			t.Fatalf("the cursors were %v", got)
		}
	}
	if len(got) != 6 || lost < 2 {
		t.Errorf("%d pieces of news over %d losses: %v", len(got), lost, got)
	}
}

func TestWatchGivesUp(t *testing.T) {
	t.Parallel()
	ctx, home := deadline(t), newHome(t)
	serve(t, home, handler(&stub{end: connect.NewError(connect.CodeInvalidArgument, errors.New("no such cursor"))}))
	nothing := func(*apiv1.WatchResponse) error { return nil }
	if err := newClient(t, home).Watch(ctx, &apiv1.WatchRequest{}, nothing, nil); !errors.Is(err, Invalid) {
		t.Errorf("got %v, want Invalid at once", err)
	}
	old := newHome(t)
	serve(t, old, handlerOf(apiv1connect.UnimplementedNodeServiceHandler{}))
	var wire *connect.Error
	if err := newClient(t, old).Watch(ctx, &apiv1.WatchRequest{}, nothing, nil); !errors.As(err, &wire) || wire.Code() != connect.CodeUnimplemented {
		t.Errorf("got %v, want Unimplemented at once", err)
	}
	over, cancel := context.WithCancel(ctx)
	if err := newClient(t, newHome(t)).Watch(over, &apiv1.WatchRequest{}, nothing, func(error) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want Canceled", err)
	}
}

func handlerOf(h apiv1connect.NodeServiceHandler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(apiv1connect.NewNodeServiceHandler(h))
	return mux
}
