package local

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// newHome returns a folder that is its owner's alone.
func newHome(t *testing.T) string {
	t.Helper()
	home := filepath.Join(t.TempDir(), "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	return home
}

// longHome returns a home whose path is too long for a socket.
func longHome(t *testing.T) string {
	t.Helper()
	home := filepath.Join(t.TempDir(), strings.Repeat("long/", 30), "home")
	if err := os.MkdirAll(home, 0o700); err != nil {
		t.Fatal(err)
	}
	return home
}

func listen(t *testing.T, home string) *Listener {
	t.Helper()
	l, err := Listen(home, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// greet makes one connection and checks that both ends are joined.
func greet(t *testing.T, l *Listener, home string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	accepted := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			_, err = c.Write([]byte("x"))
			err = errors.Join(err, c.Close())
		}
		accepted <- err
	}()
	c, err := Dial(ctx, home)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if n, err := c.Read(make([]byte, 1)); n != 1 {
		t.Fatalf("nothing came over: %v", err)
	}
	if err := <-accepted; err != nil {
		t.Fatal(err)
	}
}

func TestSocketIsPrivate(t *testing.T) {
	t.Parallel()
	home := newHome(t)
	l := listen(t, home)
	greet(t, l, home)
	info, err := os.Lstat(filepath.Join(home, SocketName))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 || !isSocket(info) {
		t.Errorf("the socket has mode %v, want 0600", info.Mode())
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(home); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if _, err := Dial(t.Context(), home); !errors.Is(err, ErrNotRunning) {
		t.Errorf("got %v, want ErrNotRunning", err)
	}
}

func TestSocketOfALongHome(t *testing.T) {
	t.Parallel()
	home := longHome(t)
	l := listen(t, home)
	greet(t, l, home)
	if len(l.Path()) > maxPath {
		t.Errorf("the socket's path has %d bytes", len(l.Path()))
	}
	if err := owned(filepath.Dir(l.Path())); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(filepath.Dir(l.Path())); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the short folder is left behind: %v", err)
	}
	if _, err := Dial(t.Context(), home); !errors.Is(err, ErrNotRunning) {
		t.Errorf("got %v, want ErrNotRunning", err)
	}
}

// crash leaves a socket behind as a killed node does.
func crash(t *testing.T, home string) *Listener {
	t.Helper()
	l, err := Listen(home, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.UnixListener.Close(); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestStaleSocketIsReplaced(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(*testing.T) string{"short": newHome, "long": longHome} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			home := make(t)
			old := crash(t, home)
			if _, err := Dial(t.Context(), home); !errors.Is(err, ErrNotRunning) {
				t.Errorf("a socket without a node: got %v, want ErrNotRunning", err)
			}
			l := listen(t, home)
			greet(t, l, home)
			if l.Path() != old.Path() {
				t.Errorf("the socket moved from %s to %s", old.Path(), l.Path())
			}
		})
	}
}

func TestLiveSocketIsKept(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(*testing.T) string{"short": newHome, "long": longHome} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			home := make(t)
			first := listen(t, home)
			if _, err := Listen(home, slog.New(slog.DiscardHandler)); !errors.Is(err, ErrRunning) {
				t.Fatalf("got %v, want ErrRunning", err)
			}
			c, err := first.Accept() // of the question whether somebody is there
			if err != nil {
				t.Fatal(err)
			}
			_ = c.Close()
			greet(t, first, home)
		})
	}
}

// TestSocketPlanted: what somebody laid where the socket belongs is neither
// followed nor removed.
func TestSocketPlanted(t *testing.T) {
	t.Parallel()
	plant := map[string]func(path, elsewhere string) error{
		"file":          func(path, _ string) error { return os.WriteFile(path, []byte("precious"), 0o600) },
		"folder":        func(path, _ string) error { return os.Mkdir(path, 0o700) },
		"link":          func(path, elsewhere string) error { return os.Symlink(elsewhere, path) },
		"dangling link": func(path, elsewhere string) error { return os.Symlink(elsewhere+"-missing", path) },
	}
	for name, plant := range plant {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			home, elsewhere := newHome(t), filepath.Join(t.TempDir(), "theirs")
			if err := os.WriteFile(elsewhere, []byte("precious"), 0o644); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(home, SocketName)
			if err := plant(path, elsewhere); err != nil {
				t.Fatal(err)
			}
			if l, err := Listen(home, slog.New(slog.DiscardHandler)); err == nil {
				_ = l.Close()
				t.Fatal("it listens over what was planted")
			}
			if _, err := os.Lstat(path); err != nil {
				t.Errorf("what was planted is gone: %v", err)
			}
			if b, err := os.ReadFile(elsewhere); err != nil || string(b) != "precious" {
				t.Errorf("what the link names was changed: %q, %v", b, err)
			}
		})
	}
}

// TestSocketPlantedForALongHome: a link to a folder that others can write to
// is not followed, by neither side.
func TestSocketPlantedForALongHome(t *testing.T) {
	t.Parallel()
	home, theirs := longHome(t), t.TempDir()
	if err := os.Chmod(theirs, 0o777); err != nil {
		t.Fatal(err)
	}
	trap, err := net.Listen("unix", filepath.Join(theirs, SocketName))
	if err != nil {
		t.Fatal(err)
	}
	defer trap.Close()
	if err := os.Symlink(filepath.Join(theirs, SocketName), filepath.Join(home, SocketName)); err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(t.Context(), home); !errors.Is(err, ErrForeign) {
		t.Errorf("dialling: got %v, want ErrForeign", err)
	}
	l := listen(t, home)
	if filepath.Dir(l.Path()) == theirs {
		t.Errorf("it listens in a folder that is open to all")
	}
	greet(t, l, home)
}

func TestOpenHomeIsRefused(t *testing.T) {
	t.Parallel()
	home := newHome(t)
	if err := os.Chmod(home, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(home, slog.New(slog.DiscardHandler)); !errors.Is(err, ErrForeign) {
		t.Errorf("got %v, want ErrForeign", err)
	}
	if _, err := Listen(filepath.Join(home, "missing"), slog.New(slog.DiscardHandler)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), TokenName)
	if _, err := ReadToken(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
	first, renewed, err := EnsureToken(path)
	if err != nil || renewed {
		t.Fatal(renewed, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v", info.Mode(), err)
	}
	again, _, err := EnsureToken(path)
	if err != nil || again != first || !again.Matches(first.Reveal()) {
		t.Errorf("the token changed: %v", err)
	}
	for _, wrong := range []string{"", "x", first.Reveal() + " ", first.Reveal()[1:], NewToken().Reveal()} {
		if first.Matches(wrong) {
			t.Errorf("%q matches", wrong)
		}
	}
	if (Token{}).Matches("") {
		t.Error("no token matches nothing")
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadToken(path); !errors.Is(err, ErrForeign) {
		t.Errorf("got %v, want ErrForeign for a file that others can read", err)
	}
	third, renewed, err := EnsureToken(path)
	if err != nil || !renewed || third == first {
		t.Errorf("a token that others could read is still in force: %v", err)
	}
	if err := os.WriteFile(path, []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := EnsureToken(path); err == nil {
		t.Error("a damaged file was taken")
	}
}

// TestTokenDoesNotFollowALink: a link in the file's place is replaced, not
// written through.
func TestTokenDoesNotFollowALink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, elsewhere := filepath.Join(dir, TokenName), filepath.Join(dir, "theirs")
	if err := os.WriteFile(elsewhere, []byte("precious"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, path); err != nil {
		t.Fatal(err)
	}
	if _, _, err := EnsureToken(path); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(elsewhere); err != nil || string(b) != "precious" {
		t.Errorf("the token was written through a link: %q, %v", b, err)
	}
}
