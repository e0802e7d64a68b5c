package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"

	"connectrpc.com/connect"

	"github.com/kith-chat/kith/node"
	apiv1 "github.com/kith-chat/kith/node/api/v1"
)

// maxErrorText bounds the words of an error, in bytes.
const maxErrorText = 1024

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", node.ErrInvalid, fmt.Sprintf(format, args...))
}

func notAllowed(why string) error { return fmt.Errorf("%w: %s", node.ErrNotAllowed, why) }

// errInternal is all that a caller learns of an error that is not of the
// closed set: it may speak of paths and keys.
var errInternal = errors.New("something went wrong inside the node; its log says what")

// wireError is the one place where an error of the node becomes an error of
// the API. internal says that it is none of those that a caller can do
// anything about.
func wireError(err error, home string) (out *connect.Error, internal bool) {
	for _, k := range []struct {
		is     error
		code   connect.Code
		reason apiv1.Reason
	}{
		{node.ErrInvalid, connect.CodeInvalidArgument, apiv1.Reason_REASON_INVALID},
		{node.ErrNotFound, connect.CodeNotFound, apiv1.Reason_REASON_NOT_FOUND},
		{node.ErrAmbiguous, connect.CodeFailedPrecondition, apiv1.Reason_REASON_AMBIGUOUS},
		{node.ErrNotAllowed, connect.CodePermissionDenied, apiv1.Reason_REASON_NOT_ALLOWED},
		{node.ErrExists, connect.CodeAlreadyExists, apiv1.Reason_REASON_EXISTS},
		{node.ErrTooLarge, connect.CodeOutOfRange, apiv1.Reason_REASON_TOO_LARGE},
		{node.ErrDiskFull, connect.CodeResourceExhausted, apiv1.Reason_REASON_DISK_FULL},
		{node.ErrOffline, connect.CodeUnavailable, apiv1.Reason_REASON_OFFLINE},
		// A node that is closing is as good as none: the reason is left open,
		// and clients say that no node is running.
		{node.ErrClosed, connect.CodeUnavailable, apiv1.Reason_REASON_UNSPECIFIED},
		{node.ErrTimeout, connect.CodeDeadlineExceeded, apiv1.Reason_REASON_TIMEOUT},
		{context.DeadlineExceeded, connect.CodeDeadlineExceeded, apiv1.Reason_REASON_TIMEOUT},
		{context.Canceled, connect.CodeCanceled, apiv1.Reason_REASON_UNSPECIFIED},
	} {
		if errors.Is(err, k.is) {
			return withReason(connect.NewError(k.code, errors.New(clean(err.Error(), home))), k.reason), false
		}
	}
	// Connect's own errors, of a client that went away or sent nonsense.
	var own *connect.Error
	if errors.As(err, &own) {
		return own, own.Code() == connect.CodeInternal
	}
	return withReason(connect.NewError(connect.CodeInternal, errInternal), apiv1.Reason_REASON_INTERNAL), true
}

func withReason(err *connect.Error, r apiv1.Reason) *connect.Error {
	if r == apiv1.Reason_REASON_UNSPECIFIED {
		return err
	}
	if detail, derr := connect.NewErrorDetail(&apiv1.ErrorDetail{Reason: r}); derr == nil {
		err.AddDetail(detail)
	}
	return err
}

// clean makes one bounded line without the place of the profile, which is of
// no use to a caller and may be shown to others.
func clean(s, home string) string {
	if len(home) > 1 {
		s = strings.ReplaceAll(s, home, "(home)")
	}
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text(s))
	if len(s) > maxErrorText {
		s = text(s[:maxErrorText]) + "…"
	}
	return s
}

// translator turns the errors and panics of all handlers into errors of the
// API, and logs those that only the log may know.
type translator struct {
	home string
	log  *slog.Logger
}

func (t translator) error(procedure string, err error) error {
	if err == nil {
		return nil
	}
	out, internal := wireError(err, t.home)
	if internal {
		t.log.Error("a call of the local API failed", "call", procedure, "error", err)
	}
	return out
}

// recovered answers a call whose handler panicked. Its stack goes into the
// log; what it panicked over might be anything and does not.
func (t translator) recovered(_ context.Context, spec connect.Spec, _ http.Header, over any) error {
	t.log.Error("a call of the local API panicked", "call", spec.Procedure, "type", fmt.Sprintf("%T", over), "stack", string(debug.Stack()))
	out, _ := wireError(errInternal, t.home)
	return out
}

// WrapUnary is connect.Interceptor's.
func (t translator) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		res, err := next(ctx, req)
		return res, t.error(req.Spec().Procedure, err)
	}
}

// WrapStreamingClient is connect.Interceptor's; there are no clients here.
func (t translator) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// WrapStreamingHandler is connect.Interceptor's.
func (t translator) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		return t.error(conn.Spec().Procedure, next(ctx, conn))
	}
}
