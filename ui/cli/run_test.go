package cli

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// buffer is a bytes.Buffer that several goroutines may use.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// session is one process of the command line in a test.
type session struct {
	deps     Deps
	streams  Streams
	out, err buffer
	env      map[string]string
}

// newSession returns a session whose node is api; a nil one means that none
// runs.
func newSession(t *testing.T, api *API) *session {
	t.Helper()
	s := &session{env: map[string]string{}}
	s.deps = Deps{
		Version: "1.2.3", Commit: "abcdef0",
		Home:       func() (string, error) { return filepath.Join(t.TempDir(), "home"), nil },
		HasProfile: func(string) (bool, error) { return true, nil },
		Attach: func(context.Context, string) (*API, error) {
			if api == nil {
				return nil, ErrNoNode
			}
			return api, nil
		},
		Brief: func(context.Context, OpenOptions) (*API, func() error, error) { return nil, nil, ErrNoProfile },
		Config: func(o ServeOptions) ([]Setting, error) {
			return []Setting{{"dht", "off", "flag --dht"}, {"receipts", strings.Join(o.Flags["receipts"], ""), "flag --set"}}, nil
		},
	}
	s.streams = Streams{
		In: strings.NewReader(""), Out: &s.out, Err: &s.err,
		Size: func() (int, int) { return 80, 24 }, Raw: func() (func() error, error) { return func() error { return nil }, nil },
		Secret:   func() (string, error) { return "", io.EOF },
		Getenv:   func(k string) string { return s.env[k] },
		Unsetenv: func(k string) error { delete(s.env, k); return nil },
	}
	return s
}

// run runs one command line.
func (s *session) run(t *testing.T, args ...string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return Main(ctx, s.deps, s.streams, args)
}

// must runs one that works, and returns what it printed.
func (s *session) must(t *testing.T, args ...string) string {
	t.Helper()
	if code := s.run(t, args...); code != 0 {
		t.Fatalf("kith %q ended with %d: %s", args, code, s.err.String())
	}
	return s.out.String()
}
