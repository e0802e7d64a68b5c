package local

import (
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const nobody = 65534

// as runs f with the file and socket rights of another user. It takes a thread
// of its own, which ends with it.
func as(t *testing.T, uid int, f func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread is spoilt
		for _, call := range []uintptr{unix.SYS_SETRESGID, unix.SYS_SETRESUID} {
			if _, _, errno := unix.RawSyscall(call, uintptr(uid), uintptr(uid), uintptr(uid)); errno != 0 {
				done <- errno
				return
			}
		}
		done <- f()
	}()
	select {
	case err := <-done:
		return err
	case <-time.After(10 * time.Second):
		return errors.New("it hangs")
	}
}

// TestSocket_PeerCred: another user of the machine gets in neither by the
// modes nor, where those have been opened, past the kernel's word; and nobody
// is fooled by another user's socket.
func TestSocket_PeerCred(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user")
	}
	home, err := os.MkdirTemp("/tmp", "peercred-") // whose parents others can pass
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	l := listen(t, home)
	path := filepath.Join(home, SocketName)

	err = as(t, nobody, func() error {
		c, err := net.Dial("unix", path)
		if err == nil {
			_ = c.Close()
		}
		return err
	})
	if !errors.Is(err, os.ErrPermission) {
		t.Errorf("closed by its modes: got %v, want ErrPermission", err)
	}

	if err := errors.Join(os.Chmod(home, 0o755), os.Chmod(path, 0o666)); err != nil {
		t.Fatal(err)
	}
	accepted := make(chan net.Conn, 1)
	go func() {
		if c, err := l.Accept(); err == nil {
			accepted <- c
		}
	}()
	err = as(t, nobody, func() error {
		c, err := net.Dial("unix", path)
		if err != nil {
			return err
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
			return err
		}
		_, err = c.Read(make([]byte, 1))
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return errors.New("another user is let in")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	select {
	case <-accepted:
		t.Error("another user's connection was accepted")
	default:
	}
	c, err := Dial(t.Context(), home)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	select {
	case own := <-accepted:
		_ = own.Close()
	case <-time.After(10 * time.Second):
		t.Error("the owner is not let in any more")
	}
}

// TestSocket_ForeignServer: a client does not speak to a socket that another
// user has put up.
func TestSocket_ForeignServer(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user")
	}
	dir, err := os.MkdirTemp("/tmp", "foreign-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, SocketName)
	trap, err := net.Listen("unix", path) // root's
	if err != nil {
		t.Fatal(err)
	}
	defer trap.Close()
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chmod(path, 0o666)); err != nil {
		t.Fatal(err)
	}
	err = as(t, nobody, func() error {
		c, err := DialSocket(t.Context(), path)
		if err == nil {
			_ = c.Close()
		}
		return err
	})
	if !errors.Is(err, ErrForeign) {
		t.Errorf("got %v, want ErrForeign", err)
	}
	c, err := DialSocket(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	_, err = Listen(dir, slog.New(slog.DiscardHandler))
	if !errors.Is(err, ErrForeign) {
		t.Errorf("got %v, want a folder that is open to others refused", err)
	}
}
