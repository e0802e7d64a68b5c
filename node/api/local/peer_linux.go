package local

import "golang.org/x/sys/unix"

// peerUID returns the user at the other end of a unix socket, as it was when
// the connection was made.
func peerUID(fd int) (uid uint32, known bool, err error) {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0, false, err
	}
	return cred.Uid, true, nil
}
