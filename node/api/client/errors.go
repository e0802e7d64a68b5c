package client

import (
	"context"
	"errors"
	"io/fs"

	"connectrpc.com/connect"

	"github.com/kith-chat/kith/node/api/local"
	apiv1 "github.com/kith-chat/kith/node/api/v1"
)

// ErrNotRunning says that no node answers, and how to start one.
var ErrNotRunning = local.ErrNotRunning

// Reason says why a call failed: the closed set of the API. A Reason is an
// error itself, so that errors.Is(err, client.NotFound) asks for it.
type Reason apiv1.Reason

// The reasons. Unknown is that of errors that were made on the way.
const (
	Unknown         = Reason(apiv1.Reason_REASON_UNSPECIFIED)
	Invalid         = Reason(apiv1.Reason_REASON_INVALID)
	NotFound        = Reason(apiv1.Reason_REASON_NOT_FOUND)
	Ambiguous       = Reason(apiv1.Reason_REASON_AMBIGUOUS)
	NotAllowed      = Reason(apiv1.Reason_REASON_NOT_ALLOWED)
	Exists          = Reason(apiv1.Reason_REASON_EXISTS)
	Timeout         = Reason(apiv1.Reason_REASON_TIMEOUT)
	Offline         = Reason(apiv1.Reason_REASON_OFFLINE)
	TooLarge        = Reason(apiv1.Reason_REASON_TOO_LARGE)
	DiskFull        = Reason(apiv1.Reason_REASON_DISK_FULL)
	Unauthenticated = Reason(apiv1.Reason_REASON_UNAUTHENTICATED)
	Internal        = Reason(apiv1.Reason_REASON_INTERNAL)
)

// Error returns the name of the reason in the API.
func (r Reason) Error() string { return apiv1.Reason(r).String() }

// Error is why a call failed. errors.Is finds its Reason, ErrNotRunning and
// the context's errors; errors.As finds the *connect.Error.
type Error struct {
	Reason  Reason
	Message string // one sentence for a person
	causes  []error
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the reason and what came over the wire.
func (e *Error) Unwrap() []error { return append([]error{e.Reason}, e.causes...) }

// unreached marks why no connection to the node was made.
type unreached struct{ error }

func (u unreached) Unwrap() error { return u.error }

func (u unreached) reason() Reason {
	switch {
	case errors.As(u.error, new(misused)):
		return Invalid
	case errors.Is(u.error, local.ErrForeign), errors.Is(u.error, fs.ErrPermission):
		return Unauthenticated
	}
	return Unknown
}

// misused marks that the fields of a Client name no place.
type misused struct{ error }

func (m misused) Unwrap() error { return m.error }

// explain makes an *Error of the error of a call.
func explain(err error) error {
	var done *Error
	var wire *connect.Error
	var no unreached
	switch {
	case err == nil || errors.As(err, &done):
		return err
	case errors.Is(err, ErrNotRunning):
		return &Error{Message: ErrNotRunning.Error(), causes: []error{ErrNotRunning, err}}
	case errors.As(err, &no):
		return &Error{Reason: no.reason(), Message: no.Error(), causes: []error{err}}
	case !errors.As(err, &wire):
		return &Error{Message: err.Error(), causes: []error{err}}
	}
	out := &Error{Reason: reasonOf(wire), Message: wire.Message(), causes: []error{err}}
	switch {
	case out.Reason == Unknown && wire.Code() == connect.CodeUnavailable:
		// The connection broke, or the node said that it is closing.
		out.Message = ErrNotRunning.Error()
		out.causes = append(out.causes, ErrNotRunning)
	case wire.Code() == connect.CodeCanceled:
		out.causes = append(out.causes, context.Canceled)
	case wire.Code() == connect.CodeDeadlineExceeded:
		out.causes = append(out.causes, context.DeadlineExceeded)
	}
	return out
}

// reasonOf reads the reason that travels with an error. What has none was not
// made by the node's own code.
func reasonOf(err *connect.Error) Reason {
	for _, d := range err.Details() {
		if v, valueErr := d.Value(); valueErr == nil {
			if detail, ok := v.(*apiv1.ErrorDetail); ok {
				return Reason(detail.GetReason())
			}
		}
	}
	switch err.Code() {
	case connect.CodeUnauthenticated, connect.CodePermissionDenied:
		return Unauthenticated // the guard's answer, before any call
	case connect.CodeInvalidArgument:
		return Invalid
	case connect.CodeResourceExhausted:
		return TooLarge
	case connect.CodeDeadlineExceeded:
		return Timeout
	}
	return Unknown
}

// explainer makes every error of a call an *Error.
type explainer struct{}

// WrapUnary is connect.Interceptor's.
func (explainer) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		res, err := next(ctx, req)
		return res, explain(err)
	}
}

// WrapStreamingClient is connect.Interceptor's.
func (explainer) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return func(ctx context.Context, spec connect.Spec) connect.StreamingClientConn {
		return explainedStream{next(ctx, spec)}
	}
}

// WrapStreamingHandler is connect.Interceptor's; there are no handlers here.
func (explainer) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}

// explainedStream leaves io.EOF alone, which is the proper end of a stream.
type explainedStream struct{ connect.StreamingClientConn }

func (s explainedStream) Receive(m any) error { return explainStream(s.StreamingClientConn.Receive(m)) }

func (s explainedStream) Send(m any) error { return explainStream(s.StreamingClientConn.Send(m)) }
