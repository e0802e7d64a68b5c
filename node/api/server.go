package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"

	"connectrpc.com/connect"
	"golang.org/x/net/netutil"

	"github.com/kith-chat/kith/node/api/local"
	"github.com/kith-chat/kith/node/api/v1/apiv1connect"
	"github.com/kith-chat/kith/node/config"
)

// Config says what to serve and where. Node is required; the zero value of
// everything else serves connections from inside the process alone (see Dial).
type Config struct {
	Node Node
	// Stop asks the process to end; it must return at once. nil refuses the
	// call.
	Stop func()
	// Home is the profile's folder, in which the socket is opened; "" opens
	// none.
	Home string
	// Web is a loopback address to listen on, such as 127.0.0.1:4178; "" is
	// none, and anything but loopback is refused.
	Web string
	// TokenFile holds the token for that address and is made if need be;
	// default api.token in Home.
	TokenFile string
	// Version is told to every client.
	Version string
	// Log receives what goes wrong; nil for none.
	Log *slog.Logger
}

// Server serves the local API.
type Server struct {
	listeners []net.Listener
	servers   []*http.Server // of the listener at the same place
	pipe      *pipeListener
	socket    string
	web       string

	closing chan struct{} // closed first: streams end
	closed  sync.Once
	ended   chan struct{} // closed when Run has returned, or never will run

	mu      sync.Mutex
	running bool
}

// Open opens all listeners or none; Run then serves them. Errors are those of
// package local, and of config for an address that is not loopback.
func Open(c Config) (*Server, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{closing: make(chan struct{}), ended: make(chan struct{}), pipe: newPipeListener()}
	if err := s.listen(c); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// listen opens the listeners with their servers.
func (s *Server) listen(c Config) error {
	if c.Web != "" {
		l, rules, err := openWeb(c)
		if err != nil {
			return err
		}
		s.web = l.Addr().String()
		s.add(netutil.LimitListener(l, maxConnections), guard{s.services(c), c.Version, rules}, c.Log)
	}
	ours := guard{s.services(c), c.Version, nil}
	s.add(s.pipe, ours, c.Log)
	if c.Home == "" {
		return nil
	}
	l, err := local.Listen(c.Home, c.Log)
	if err != nil {
		return err
	}
	s.socket = l.Path()
	s.add(l, ours, c.Log)
	return nil
}

// openWeb opens the loopback address, with the rules for its callers.
func openWeb(c Config) (net.Listener, *webRules, error) {
	at, err := config.Loopback(c.Web)
	if err != nil {
		return nil, nil, fmt.Errorf("opening the web address: %w", err)
	}
	if c.TokenFile == "" {
		c.TokenFile = filepath.Join(c.Home, local.TokenName)
	}
	token, renewed, err := local.EnsureToken(c.TokenFile)
	if err != nil {
		return nil, nil, err
	}
	if renewed {
		c.Log.Warn("other users could read the API's token: a new one was made", "file", c.TokenFile)
	}
	l, err := net.Listen("tcp", at.String())
	if err != nil {
		return nil, nil, fmt.Errorf("opening the web address: %w", err)
	}
	return l, newWebRules(l.Addr().(*net.TCPAddr).AddrPort(), token), nil
}

// add keeps a listener with the server that serves it.
func (s *Server) add(l net.Listener, h http.Handler, log *slog.Logger) {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true) // for gRPC clients
	s.listeners = append(s.listeners, l)
	s.servers = append(s.servers, &http.Server{
		Handler: h, Protocols: &protocols,
		ReadHeaderTimeout: headTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	})
}

// services returns the handler of all services.
func (s *Server) services(c Config) http.Handler {
	t := translator{home: c.Home, log: c.Log}
	opts := connect.WithHandlerOptions(
		connect.WithRecover(t.recovered),
		connect.WithInterceptors(t),
		connect.WithReadMaxBytes(maxMessage),
		// Nothing is unpacked: a few bytes could become very many.
		connect.WithCompression("gzip", nil, nil),
	)
	mux := http.NewServeMux()
	mux.Handle(apiv1connect.NewNodeServiceHandler(nodeService{node: c.Node, web: s.web, stop: c.Stop, closing: s.closing}, opts))
	mux.Handle(apiv1connect.NewFriendServiceHandler(friendService{c.Node}, opts))
	mux.Handle(apiv1connect.NewChatServiceHandler(chatService{c.Node}, opts))
	mux.Handle(apiv1connect.NewDeviceServiceHandler(deviceService{c.Node, s.closing}, opts))
	mux.Handle(apiv1connect.NewFileServiceHandler(fileService{c.Node}, opts))
	return mux
}

// Socket returns the path of the unix socket; "" without one.
func (s *Server) Socket() string { return s.socket }

// Web returns the loopback address that is listened on; "" without one.
func (s *Server) Web() string { return s.web }

// Dial connects from inside the process, with the rights of the owner. The
// server must be running.
func (s *Server) Dial(ctx context.Context) (net.Conn, error) { return s.pipe.dial(ctx) }

// Run serves until ctx ends or Close is called, and then waits for the calls
// that are running: streams end at once, others have a few seconds. It returns
// nil after that, or why a listener failed. It can be called once.
func (s *Server) Run(ctx context.Context) error {
	s.mu.Lock()
	again := s.running
	s.running = true
	s.mu.Unlock()
	if again {
		return errors.New("the local API is served already")
	}
	defer close(s.ended)
	calls, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	failed := make(chan error, len(s.servers))
	var wg sync.WaitGroup
	for i, srv := range s.servers {
		srv.BaseContext = func(net.Listener) context.Context { return calls }
		wg.Go(func() {
			if err := srv.Serve(s.listeners[i]); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("serving the local API: %w", err)
			}
		})
	}
	var fault error
	select {
	case <-ctx.Done():
	case <-s.closing:
	case fault = <-failed:
	}
	s.end()
	grace, cancel := context.WithTimeout(calls, graceTime)
	defer cancel()
	for _, srv := range s.servers {
		wg.Go(func() {
			if srv.Shutdown(grace) != nil { // what did not end in time is cut off
				cut()
				_ = srv.Close()
			}
		})
	}
	wg.Wait()
	return fault
}

// end tells all streams to end.
func (s *Server) end() { s.closed.Do(func() { close(s.closing) }) }

// Close stops serving, waits for Run to return, and removes the socket. It may
// be called more than once.
func (s *Server) Close() error {
	s.end()
	s.mu.Lock()
	running := s.running
	s.running = true // a later Run has nothing to serve
	s.mu.Unlock()
	if running {
		<-s.ended
		return nil
	}
	defer close(s.ended)
	var errs []error
	for _, l := range s.listeners {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}
