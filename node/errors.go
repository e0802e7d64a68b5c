package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/kith-chat/kith/node/store"
)

// The errors of a Node, a closed set that survives the local API. What is
// wrapped around them says what was being done.
var (
	ErrInvalid    = errors.New("that is not valid")
	ErrNotFound   = errors.New("not found")
	ErrAmbiguous  = errors.New("that fits more than one")
	ErrNotAllowed = errors.New("not allowed")
	ErrExists     = errors.New("that is so already")
	ErrTimeout    = errors.New("it took too long")
	ErrOffline    = errors.New("nobody could be reached")
	ErrTooLarge   = errors.New("that is too large")
	ErrDiskFull   = errors.New("the disk is full")
	ErrClosed     = errors.New("the node is closing")
)

// kindOf turns the store's sentinels into the node's, so that callers need to
// know one set only. Other errors pass.
func kindOf(err error) error {
	for _, m := range []struct{ from, to error }{
		{store.ErrDiskFull, ErrDiskFull},
		{store.ErrNotFound, ErrNotFound},
		{store.ErrAmbiguous, ErrAmbiguous},
		{store.ErrClosed, ErrClosed},
		{context.DeadlineExceeded, ErrTimeout},
	} {
		if errors.Is(err, m.from) && !errors.Is(err, m.to) {
			return fmt.Errorf("%w: %w", m.to, err)
		}
	}
	return err
}
