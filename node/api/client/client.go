package client

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"

	"github.com/kith-chat/kith/node/api/local"
	"github.com/kith-chat/kith/node/api/v1/apiv1connect"
	"github.com/kith-chat/kith/node/config"
)

const (
	// versionHeader carries the node's version in its answers.
	versionHeader = "Kith-Version"
	// dialTime bounds the making of a connection; the node is on this machine.
	dialTime = 5 * time.Second
	// idleTime is for how long an unused connection is kept, less than the
	// node keeps it.
	idleTime = time.Minute
	// maxMessage is the largest message that is read, in bytes: a page of
	// 1,000 messages, each with the longest text and preview, has less.
	maxMessage = 64 << 20
)

// Client speaks to one node. Fields are set before the first call. It is safe
// for concurrent use and must not be copied.
type Client struct {
	// Home is the profile's folder whose node is spoken to; "" is the usual
	// one (KITH_HOME, or the system's place for data).
	Home string
	// Socket is the path of the node's socket, if not that of Home.
	Socket string
	// Address is a loopback address to use in place of the socket, such as
	// 127.0.0.1:4178. It needs a token.
	Address string
	// Token opens Address; "" reads TokenFile.
	Token string
	// TokenFile is where the token lies; default api.token in Home.
	TokenFile string
	// Dial makes connections in place of all that, such as to a server in
	// this process.
	Dial func(ctx context.Context) (net.Conn, error)

	once      sync.Once
	setupErr  error // Home or token could not be found
	token     string
	http      *http.Client
	url       string
	transport *http.Transport
	version   atomic.Pointer[string]
}

// Node returns the service of the node itself.
func (c *Client) Node() apiv1connect.NodeServiceClient {
	c.setup()
	return apiv1connect.NewNodeServiceClient(c.http, c.url, options())
}

// Friends returns the service of people.
func (c *Client) Friends() apiv1connect.FriendServiceClient {
	c.setup()
	return apiv1connect.NewFriendServiceClient(c.http, c.url, options())
}

// Chats returns the service of conversations.
func (c *Client) Chats() apiv1connect.ChatServiceClient {
	c.setup()
	return apiv1connect.NewChatServiceClient(c.http, c.url, options())
}

// Devices returns the service of the person's machines.
func (c *Client) Devices() apiv1connect.DeviceServiceClient {
	c.setup()
	return apiv1connect.NewDeviceServiceClient(c.http, c.url, options())
}

// Files returns the service of files.
func (c *Client) Files() apiv1connect.FileServiceClient {
	c.setup()
	return apiv1connect.NewFileServiceClient(c.http, c.url, options())
}

// Check asks whether a node answers, and quickly: ErrNotRunning if none does,
// another *Error if it does not let us in.
func (c *Client) Check(ctx context.Context) error {
	c.setup()
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, c.url, nil)
	if err != nil {
		return fmt.Errorf("asking for the node: %w", err)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return explain(connect.NewError(connect.CodeUnavailable, err))
	}
	_ = res.Body.Close()
	switch {
	case res.StatusCode == http.StatusUnauthorized, res.StatusCode == http.StatusForbidden:
		return &Error{Reason: Unauthenticated, Message: "the node does not let us in: the token is missing or wrong"}
	case len(res.Header.Values(versionHeader)) == 0:
		return &Error{Reason: Internal, Message: "what answers there is no kith node"}
	}
	return nil
}

// Version returns what the node said its version is in its last answer; ""
// before the first one. A program of another version may find calls
// unimplemented.
func (c *Client) Version() string {
	if v := c.version.Load(); v != nil {
		return *v
	}
	return ""
}

// Close closes idle connections. Calls and streams that are running end with
// their own contexts.
func (c *Client) Close() error {
	c.setup()
	c.transport.CloseIdleConnections()
	return nil
}

func options() connect.ClientOption {
	return connect.WithClientOptions(
		connect.WithInterceptors(explainer{}),
		connect.WithReadMaxBytes(maxMessage),
		connect.WithAcceptCompression("gzip", nil, nil), // it is the same machine
	)
}

// setup finds the node's place once. What goes wrong is the error of every
// call.
func (c *Client) setup() {
	c.once.Do(func() {
		c.transport = &http.Transport{
			DialContext:        c.dial,
			IdleConnTimeout:    idleTime,
			DisableCompression: true,
			MaxIdleConns:       16, MaxIdleConnsPerHost: 16,
		}
		c.http = &http.Client{
			Transport:     roundTripper{c},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
		c.url = "http://localhost" // nobody resolves it: dial knows the place
		if c.Address != "" {
			c.url = "http://" + c.Address
		}
		if err := c.find(); err != nil {
			c.setupErr = misused{err}
		}
	})
}

// find completes what was not said.
func (c *Client) find() (err error) {
	if c.Dial != nil {
		return nil
	}
	if c.Home == "" && c.Socket == "" && (c.Address == "" || c.Token+c.TokenFile == "") {
		if c.Home, err = config.Home("", nil); err != nil {
			return err
		}
	}
	if c.Address == "" {
		return nil
	}
	if _, err := config.Loopback(c.Address); err != nil {
		return fmt.Errorf("the node's address: %w", err) // the token goes nowhere else
	}
	if c.token = c.Token; c.token != "" {
		return nil
	}
	file := c.TokenFile
	if file == "" {
		file = filepath.Join(c.Home, local.TokenName)
	}
	t, err := local.ReadToken(file)
	c.token = t.Reveal()
	return err
}

func (c *Client) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	conn, err := c.dialPlace(ctx)
	if err != nil {
		return nil, unreached{err}
	}
	return conn, nil
}

func (c *Client) dialPlace(ctx context.Context) (net.Conn, error) {
	switch {
	case c.Dial != nil:
		return c.Dial(ctx)
	case c.Address != "":
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", c.Address)
		if err != nil {
			return nil, fmt.Errorf("%w (%s does not answer)", ErrNotRunning, c.Address)
		}
		return conn, nil
	case c.Socket != "":
		return local.DialSocket(ctx, c.Socket)
	}
	return local.Dial(ctx, c.Home)
}

// roundTripper adds the token to what is sent and notes the version of what
// answers.
type roundTripper struct{ c *Client }

func (t roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	if t.c.setupErr != nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, unreached{t.c.setupErr}
	}
	if t.c.token != "" {
		req = req.Clone(req.Context())
		req.Header.Set("Authorization", "Bearer "+t.c.token)
	}
	res, err := t.c.transport.RoundTrip(req)
	if err == nil {
		if v := res.Header.Get(versionHeader); v != "" {
			t.c.version.Store(&v)
		}
	}
	return res, err
}
