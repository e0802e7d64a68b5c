package nethost

import (
	"errors"

	"golang.org/x/sys/windows"
)

// portTaken reports whether a listener failed because somebody else listens.
func portTaken(err error) bool {
	return errors.Is(err, windows.WSAEADDRINUSE) || errors.Is(err, windows.WSAEACCES)
}
