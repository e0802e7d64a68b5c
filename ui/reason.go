package ui

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"connectrpc.com/connect"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
)

// Reason says why something did not work: a closed set of stable names that
// scripts may rely on. It is an error itself, so that whoever knows the reason
// can wrap it: fmt.Errorf("opening the vault: %w", ui.Passphrase).
type Reason string

// The reasons. Those of the local API have the same names there.
const (
	Failed          Reason = "failed"
	Usage           Reason = "usage"
	Invalid         Reason = "invalid"
	NotFound        Reason = "not_found"
	Ambiguous       Reason = "ambiguous"
	NotAllowed      Reason = "not_allowed"
	Exists          Reason = "exists"
	Timeout         Reason = "timeout"
	Offline         Reason = "offline"
	TooLarge        Reason = "too_large"
	DiskFull        Reason = "disk_full"
	Unauthenticated Reason = "unauthenticated"
	Internal        Reason = "internal"
	NoNode          Reason = "no_node"
	NoProfile       Reason = "no_profile"
	ProfileExists   Reason = "profile_exists"
	Passphrase      Reason = "passphrase"
	OtherVersion    Reason = "other_version"
	Interrupted     Reason = "interrupted"
)

// The exit codes of every command.
const (
	ExitDone     = 0
	ExitFailed   = 1
	ExitUsage    = 2
	ExitNoNode   = 3
	ExitNotFound = 4
	ExitRefused  = 5
	ExitTimeout  = 6
)

// Row is one line of the table of errors.
type Row struct {
	Reason Reason
	Exit   int
	Words  Literal // what happened, if nothing more exact is known
	Hint   Literal // what to do; "" if the words say it
}

// Table is the one table from a reason to words, advice and exit code.
func Table() []Row {
	return []Row{
		{Failed, ExitFailed, "it did not work", ""},
		{Usage, ExitUsage, "the command is not written right", "see 'kith help'"},
		{Invalid, ExitUsage, "the node cannot make sense of that", "check what you typed"},
		{NotFound, ExitNotFound, "there is no such person, chat, message or file", "'kith chats' and 'kith friends' list what there is"},
		{Ambiguous, ExitNotFound, "that name fits more than one", "use the account (kith1…), '#name' or a longer ID"},
		{NotAllowed, ExitRefused, "that is not allowed", "only friends can write to each other; 'kith friends' shows where you stand"},
		{Exists, ExitFailed, "it is so already", ""},
		{Timeout, ExitTimeout, "it took too long", "'kith doctor WHO' says why somebody cannot be reached"},
		{Offline, ExitFailed, "nobody could be reached", "'kith doctor' says how the node stands"},
		{TooLarge, ExitUsage, "that is too large", "send it as a file: kith files send CHAT PATH"},
		{DiskFull, ExitFailed, "the disk is full, so the node takes nothing new", "free some space; it goes on by itself"},
		{Unauthenticated, ExitRefused, "the node does not let this user in", "run the command as the user who runs the node"},
		{Internal, ExitFailed, "the node made a mistake", "its log says more: run 'kith serve --log debug'"},
		{NoNode, ExitNoNode, "no kith node is running here", "start one with 'kith serve', or just 'kith'"},
		{NoProfile, ExitNotFound, "there is no kith account here yet", "make one with 'kith init --name NAME', or just 'kith'"},
		{ProfileExists, ExitFailed, "there is already a kith account here", "'kith id' shows it; use --home for another one"},
		{Passphrase, ExitRefused, "the passphrase does not open the vault", "type it again, or give it with --passphrase-file or KITH_PASSPHRASE"},
		{OtherVersion, ExitFailed, "the node that runs is of another version and does not know this", "stop it with 'kith stop' and start it again"},
		{Interrupted, ExitFailed, "interrupted", ""},
	}
}

// row returns the line of r; an unknown reason is plain failure.
func (r Reason) row() Row {
	table := Table()
	for _, row := range table {
		if row.Reason == r {
			return row
		}
	}
	return table[0]
}

// Error returns what happened, without advice.
func (r Reason) Error() string { return string(r.row().Words) }

// fault is a Reason in other words.
type fault struct {
	reason Reason
	err    error
}

func (f fault) Error() string   { return f.err.Error() }
func (f fault) Unwrap() []error { return []error{f.reason, f.err} }

// Because returns an error with this reason and words of its own, which are
// formatted as by fmt.Errorf.
func (r Reason) Because(format string, args ...any) error {
	return fault{r, fmt.Errorf(format, args...)}
}

// Problem is an error in the form in which people and scripts get it.
type Problem struct {
	Reason Reason
	Text   Text // one line: what happened; what to do
	Exit   int
}

// Explain finds the reason of an error and the words for it. The error may
// come from the local API or wrap a Reason. A nil error gives ExitDone.
func Explain(err error) Problem {
	if err == nil {
		return Problem{Exit: ExitDone}
	}
	reason, message := diagnose(err)
	row := reason.row()
	text := Line(message)
	if text.Empty() {
		text = Text{string(row.Words)}
	}
	// An error that already says what to do gets no second advice.
	if row.Hint != "" && !strings.Contains(text.s, "; ") && !strings.Contains(text.s, "'kith ") && !strings.Contains(text.s, ": kith ") {
		text = F("%s; %s", text, Text{string(row.Hint)})
	}
	return Problem{Reason: row.Reason, Text: text, Exit: row.Exit}
}

// diagnose finds the most exact reason and the message without decoration.
func diagnose(err error) (Reason, string) {
	var r Reason
	if errors.As(err, &r) {
		return r, err.Error()
	}
	var remote *connect.Error
	if errors.As(err, &remote) {
		r, exact := remoteReason(remote)
		if !exact && (r == NoNode || r == OtherVersion || r == Interrupted) {
			return r, "" // the words of the connection help nobody
		}
		return r, remote.Message()
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return Timeout, ""
	case errors.Is(err, context.Canceled):
		return Interrupted, ""
	}
	return Failed, err.Error()
}

// remoteReason reads the reason that travels with an API error. Errors that
// have none were made on the way, by the connection or by a node that does not
// know the call, and are not exact.
func remoteReason(err *connect.Error) (r Reason, exact bool) {
	for _, d := range err.Details() {
		v, decodeErr := d.Value()
		if decodeErr != nil {
			continue
		}
		if detail, ok := v.(*apiv1.ErrorDetail); ok && detail.GetReason() != apiv1.Reason_REASON_UNSPECIFIED {
			return reasonOf(detail.GetReason()), true
		}
	}
	return codeReason(err.Code()), false
}

func codeReason(code connect.Code) Reason {
	switch code {
	case connect.CodeDeadlineExceeded:
		return Timeout
	case connect.CodeCanceled:
		return Interrupted
	case connect.CodeInvalidArgument, connect.CodeOutOfRange:
		return Invalid
	case connect.CodeNotFound:
		return NotFound
	case connect.CodeAlreadyExists:
		return Exists
	case connect.CodePermissionDenied, connect.CodeFailedPrecondition:
		return NotAllowed
	case connect.CodeUnauthenticated:
		return Unauthenticated
	case connect.CodeUnimplemented:
		return OtherVersion
	case connect.CodeUnavailable:
		return NoNode
	case connect.CodeInternal, connect.CodeDataLoss:
		return Internal
	}
	return Failed
}

func reasonOf(r apiv1.Reason) Reason {
	switch r {
	case apiv1.Reason_REASON_INVALID:
		return Invalid
	case apiv1.Reason_REASON_NOT_FOUND:
		return NotFound
	case apiv1.Reason_REASON_AMBIGUOUS:
		return Ambiguous
	case apiv1.Reason_REASON_NOT_ALLOWED:
		return NotAllowed
	case apiv1.Reason_REASON_EXISTS:
		return Exists
	case apiv1.Reason_REASON_TIMEOUT:
		return Timeout
	case apiv1.Reason_REASON_OFFLINE:
		return Offline
	case apiv1.Reason_REASON_TOO_LARGE:
		return TooLarge
	case apiv1.Reason_REASON_DISK_FULL:
		return DiskFull
	case apiv1.Reason_REASON_UNAUTHENTICATED:
		return Unauthenticated
	case apiv1.Reason_REASON_INTERNAL:
		return Internal
	}
	return Failed
}
