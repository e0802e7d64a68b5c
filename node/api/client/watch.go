package client

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"time"

	"connectrpc.com/connect"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
)

const (
	// minPause and maxPause bound the wait before a lost stream is opened
	// again; it doubles from try to try.
	minPause = 100 * time.Millisecond
	maxPause = 5 * time.Second
)

func explainStream(err error) error {
	if errors.Is(err, io.EOF) {
		return err
	}
	return explain(err)
}

// Watch calls each with everything that happens after the cursor of req (0:
// from now on), in order. When the node goes away it waits for its return and
// goes on where it was, so that nothing is missed; lost, if it is not nil, is
// told of each interruption, and each of the return by the next news. Watch
// returns when ctx ends, each fails, or the node refuses for good.
func (c *Client) Watch(ctx context.Context, req *apiv1.WatchRequest, each func(*apiv1.WatchResponse) error, lost func(error)) error {
	at := &apiv1.WatchRequest{Cursor: req.GetCursor(), Ephemeral: req.GetEphemeral()}
	pause := minPause
	for {
		heard, err := c.watchOnce(ctx, at, each)
		var own refusal
		if errors.As(err, &own) {
			return own.error
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err != nil && !passing(err) {
			return err
		}
		if heard {
			pause = minPause
		}
		if lost != nil {
			lost(err)
		}
		// Spread out, so that several clients do not come back together.
		timer := time.NewTimer(pause/2 + rand.N(pause))
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
		pause = min(2*pause, maxPause)
	}
}

// watchOnce follows one stream to its end and keeps at where it was. Of the
// errors only those of each are passed as they are.
func (c *Client) watchOnce(ctx context.Context, at *apiv1.WatchRequest, each func(*apiv1.WatchResponse) error) (heard bool, err error) {
	ctx, cancel := context.WithCancel(ctx) // ends the stream if each fails
	defer cancel()
	stream, err := c.Node().Watch(ctx, connect.NewRequest(at))
	if err != nil {
		return false, err
	}
	defer func() {
		cancel()
		_ = stream.Close() // it is over, or not wanted any more
	}()
	for stream.Receive() {
		heard = true
		news := stream.Msg()
		if err := each(news); err != nil {
			return true, refusal{err}
		}
		if news.GetCursor() != 0 {
			at.Cursor = news.GetCursor()
		}
	}
	return heard, stream.Err()
}

// refusal marks an error of the caller's own function.
type refusal struct{ error }

// passing reports whether trying again may help: the node is away, was stopped
// in the middle, or has met a fault.
func passing(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	var wire *connect.Error
	if errors.As(err, &wire) && wire.Code() == connect.CodeUnimplemented {
		return false
	}
	switch e.Reason {
	case Unknown, Internal, Timeout, Offline, DiskFull:
		return true
	}
	return false
}
