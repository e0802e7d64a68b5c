package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	// SocketName is the socket in a home, or a symbolic link to it.
	SocketName = "kith.sock"
	// maxPath is the longest path of a socket in bytes that every system
	// takes: 104 with a final zero on the BSDs, 108 on Linux.
	maxPath = 103
	// probeTime is for how long an old socket is asked whether somebody
	// answers.
	probeTime = time.Second
	// shortPrefix begins the names of the folders for sockets whose home has
	// a long path.
	shortPrefix = "kith-"
)

var (
	// ErrNotRunning says that no node answers for a home.
	ErrNotRunning = errors.New("no kith node is running here: start one with 'kith serve'")
	// ErrRunning says that a node answers already.
	ErrRunning = errors.New("a kith node is running here already: stop it with 'kith stop'")
	// ErrForeign says that what answers, or the place where it would, belongs
	// to another user or is open to others.
	ErrForeign = errors.New("that is open to other users")
)

// Listener accepts connections of the home's owner.
type Listener struct {
	*net.UnixListener
	path  string // of the socket
	short string // folder that was made for it; "" where it lies in the home
	link  string // symbolic link to the socket, if there is a short folder
	log   *slog.Logger
	once  sync.Once
	err   error
}

// Listen opens the socket of a home. An old one is replaced if nobody answers
// there; ErrRunning if somebody does, ErrForeign if the home is not its
// owner's alone.
func Listen(home string, log *slog.Logger) (*Listener, error) {
	folder, err := filepath.EvalSymlinks(home)
	if err == nil {
		err = owned(folder)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the API's socket: %w", err)
	}
	l := &Listener{path: filepath.Join(home, SocketName), log: log}
	if err := l.shorten(); err != nil {
		return nil, fmt.Errorf("opening the API's socket: %w", err)
	}
	if err := clearStale(l.path); err != nil {
		return nil, err
	}
	if l.UnixListener, err = net.ListenUnix("unix", &net.UnixAddr{Name: l.path, Net: "unix"}); err != nil {
		return nil, fmt.Errorf("opening the API's socket: %w", err)
	}
	// The folder has kept others out since before the socket was there.
	if err := os.Chmod(l.path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the API's socket: %w", err), l.Close())
	}
	return l, nil
}

// Path returns where the socket lies.
func (l *Listener) Path() string { return l.path }

// Accept waits for the next connection of the home's owner. Others are hung up
// on without a word.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		if err = checkPeer(c, true); err == nil {
			return c, nil
		}
		l.log.Warn("a connection to the local API was refused", "error", err)
		_ = c.Close() // whoever it is has no right to know more
	}
}

// Close stops listening and removes the socket.
func (l *Listener) Close() error {
	l.once.Do(func() {
		l.err = l.UnixListener.Close()
		if l.short != "" {
			l.err = errors.Join(l.err, os.Remove(l.link), os.Remove(l.short))
		}
	})
	return l.err
}

// shorten finds a shorter place for a socket whose path is too long, and
// leaves a link to it in the home.
func (l *Listener) shorten() error {
	if len(l.path) <= maxPath {
		return nil
	}
	l.link = l.path
	if target, err := os.Readlink(l.link); err == nil && owned(filepath.Dir(target)) == nil {
		l.path, l.short = target, filepath.Dir(target) // left by a node that was killed
		return nil
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s stands where the API's socket belongs: move it away", l.link)
	}
	// A new folder with a name that nobody could guess: no other user can have
	// laid anything in its place.
	short, err := os.MkdirTemp(shortBase(), shortPrefix)
	if err != nil {
		return err
	}
	if err := os.Remove(l.link); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, os.Remove(short))
	}
	l.short, l.path = short, filepath.Join(short, SocketName)
	if err := os.Symlink(l.path, l.link); err != nil {
		return errors.Join(err, os.Remove(short))
	}
	return nil
}

// shortBase returns where a short folder is made: the user's runtime folder if
// it is fit, else the system's for temporary files.
func shortBase() string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) && len(dir) < maxPath/2 && owned(dir) == nil {
		return dir
	}
	if dir := os.TempDir(); len(dir) < maxPath/2 {
		return dir
	}
	return "/tmp"
}

// clearStale removes the socket of a node that was killed.
func clearStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("opening the API's socket: %w", err)
	}
	if !isSocket(info) {
		return fmt.Errorf("%s stands where the API's socket belongs: move it away", path)
	}
	c, err := net.DialTimeout("unix", path, probeTime)
	if err == nil {
		return errors.Join(ErrRunning, c.Close())
	}
	if !refused(err) {
		return fmt.Errorf("%w: asking the socket that is there: %w", ErrRunning, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("opening the API's socket: %w", err)
	}
	return nil
}

// Dial connects to the node of a home: ErrNotRunning if none answers,
// ErrForeign if what answers is another user's.
func Dial(ctx context.Context, home string) (net.Conn, error) {
	path := filepath.Join(home, SocketName)
	if len(path) > maxPath {
		target, err := os.Readlink(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, ErrNotRunning
		}
		if err != nil {
			return nil, fmt.Errorf("finding the API's socket: %w", err)
		}
		if err := owned(filepath.Dir(target)); errors.Is(err, fs.ErrNotExist) {
			return nil, ErrNotRunning
		} else if err != nil {
			return nil, fmt.Errorf("finding the API's socket: %w", err)
		}
		path = target
	}
	return DialSocket(ctx, path)
}

// DialSocket connects to the node that listens on this socket, with the errors
// of Dial.
func DialSocket(ctx context.Context, path string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, "unix", path)
	switch {
	case errors.Is(err, fs.ErrNotExist), refused(err):
		return nil, ErrNotRunning
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("connecting to the node: %w: run the command as the user who runs the node", fs.ErrPermission)
	case err != nil:
		return nil, fmt.Errorf("connecting to the node: %w", err)
	}
	if err := checkPeer(c.(*net.UnixConn), false); err != nil {
		return nil, errors.Join(fmt.Errorf("connecting to the node: %w", err), c.Close())
	}
	return c, nil
}
