//go:build darwin || freebsd

package local

import "golang.org/x/sys/unix"

// peerUID returns the user at the other end of a unix socket, as it was when
// the connection was made.
func peerUID(fd int) (uid uint32, known bool, err error) {
	const solLocal = 0 // SOL_LOCAL, which x/sys does not name
	cred, err := unix.GetsockoptXucred(fd, solLocal, unix.LOCAL_PEERCRED)
	if err != nil {
		return 0, false, err
	}
	return cred.Uid, true, nil
}
