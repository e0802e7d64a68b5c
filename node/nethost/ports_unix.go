//go:build !windows

package nethost

import (
	"errors"
	"syscall"
)

// portTaken reports whether a listener failed because somebody else listens.
func portTaken(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }
