package api

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"connectrpc.com/connect"

	"github.com/kith-chat/kith/node"
	apiv1 "github.com/kith-chat/kith/node/api/v1"
)

func reasonIn(err *connect.Error) apiv1.Reason {
	for _, d := range err.Details() {
		if v, valueErr := d.Value(); valueErr == nil {
			if detail, ok := v.(*apiv1.ErrorDetail); ok {
				return detail.GetReason()
			}
		}
	}
	return apiv1.Reason_REASON_UNSPECIFIED
}

func TestErrorTable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err    error
		code   connect.Code
		reason apiv1.Reason
	}{
		{node.ErrInvalid, connect.CodeInvalidArgument, apiv1.Reason_REASON_INVALID},
		{node.ErrNotFound, connect.CodeNotFound, apiv1.Reason_REASON_NOT_FOUND},
		{node.ErrAmbiguous, connect.CodeFailedPrecondition, apiv1.Reason_REASON_AMBIGUOUS},
		{node.ErrNotAllowed, connect.CodePermissionDenied, apiv1.Reason_REASON_NOT_ALLOWED},
		{node.ErrExists, connect.CodeAlreadyExists, apiv1.Reason_REASON_EXISTS},
		{node.ErrTimeout, connect.CodeDeadlineExceeded, apiv1.Reason_REASON_TIMEOUT},
		{node.ErrOffline, connect.CodeUnavailable, apiv1.Reason_REASON_OFFLINE},
		{node.ErrTooLarge, connect.CodeOutOfRange, apiv1.Reason_REASON_TOO_LARGE},
		{node.ErrDiskFull, connect.CodeResourceExhausted, apiv1.Reason_REASON_DISK_FULL},
		{node.ErrClosed, connect.CodeUnavailable, apiv1.Reason_REASON_UNSPECIFIED},
		{context.DeadlineExceeded, connect.CodeDeadlineExceeded, apiv1.Reason_REASON_TIMEOUT},
		{context.Canceled, connect.CodeCanceled, apiv1.Reason_REASON_UNSPECIFIED},
		{errors.New("anything else"), connect.CodeInternal, apiv1.Reason_REASON_INTERNAL},
	} {
		got, internal := wireError(fmt.Errorf("doing it: %w", c.err), "")
		if got.Code() != c.code || reasonIn(got) != c.reason || internal != (c.code == connect.CodeInternal) {
			t.Errorf("%v: got %v with %v, want %v with %v", c.err, got.Code(), reasonIn(got), c.code, c.reason)
		}
	}
}

// TestErrorsAreClean: words for a caller are one bounded line, and those of an
// unknown error stay in the log.
func TestErrorsAreClean(t *testing.T) {
	t.Parallel()
	home := "/home/ann/.local/share/kith"
	inside := &os.PathError{Op: "open", Path: home + "/store/000001.vlog", Err: os.ErrPermission}
	if got, _ := wireError(inside, home); strings.Contains(got.Message(), "vlog") || strings.Contains(got.Message(), "ann") {
		t.Errorf("an unknown error says %q", got.Message())
	}
	known, _ := wireError(fmt.Errorf("%w: %w\x1b[2J\nnext line \xff", node.ErrDiskFull, inside), home)
	if m := known.Message(); strings.Contains(m, "ann") || strings.ContainsAny(m, "\x1b\n") || !utf8.ValidString(m) {
		t.Errorf("a known error says %q", m)
	}
	long, _ := wireError(fmt.Errorf("%w: %s", node.ErrInvalid, strings.Repeat("é", maxErrorText)), home)
	if m := long.Message(); len(m) > maxErrorText+8 || !utf8.ValidString(m) {
		t.Errorf("a long error has %d bytes", len(m))
	}
}

// TestFaultsAreLogged: what a caller is not told is in the log, with the call.
func TestFaultsAreLogged(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	tr := translator{log: textLog(&log)}
	_ = tr.error("/x.Y/Z", errors.New("the disk is on fire"))
	_ = tr.error("/x.Y/Q", node.ErrNotFound)
	_ = tr.recovered(t.Context(), connect.Spec{Procedure: "/x.Y/P"}, nil, planted)
	out := log.String()
	if !strings.Contains(out, "/x.Y/Z") || !strings.Contains(out, "on fire") || !strings.Contains(out, "/x.Y/P") {
		t.Errorf("the log lacks a fault: %s", out)
	}
	if strings.Contains(out, "/x.Y/Q") || strings.Contains(out, planted) {
		t.Errorf("the log holds what it should not: %s", out)
	}
}
