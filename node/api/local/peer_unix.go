//go:build unix

package local

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
)

// checkPeer returns ErrForeign unless the process at the other end is run by
// the user who runs this one, or the client is the superuser, who could
// get in anyway.
func checkPeer(c *net.UnixConn, serving bool) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var uid uint32
	var known bool
	var peerErr error
	if err := raw.Control(func(fd uintptr) { uid, known, peerErr = peerUID(int(fd)) }); err != nil {
		return err
	}
	if peerErr != nil {
		return fmt.Errorf("asking who is at the other end: %w", peerErr)
	}
	own, other := os.Geteuid(), int(uid)
	client := own
	if serving {
		client = other
	}
	if known && own != other && client != 0 {
		return fmt.Errorf("%w: the other end is user %d", ErrForeign, uid)
	}
	return nil
}

// owned returns ErrForeign unless path is a folder that only its owner can
// use, and we are that owner.
func owned(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a folder", path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("%w: %s has mode %o: run chmod 700 %s", ErrForeign, path, mode, path)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && os.Geteuid() != 0 && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%w: %s is not yours", ErrForeign, path)
	}
	return nil
}

func isSocket(info fs.FileInfo) bool { return info.Mode()&fs.ModeSocket != 0 }

// refused reports whether nobody listens on a socket that is there.
func refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
