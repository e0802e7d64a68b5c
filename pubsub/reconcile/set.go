package reconcile

import (
	"context"
	"errors"
	"time"

	"github.com/kith-chat/kith/identity/event"
)

// Errors of sessions.
var (
	// ErrRefused says that the peer does not share the conversation with us,
	// or does not have it; it does not say which.
	ErrRefused = errors.New("the peer does not share this conversation")
	// ErrBusy says that the peer has no time now.
	ErrBusy = errors.New("the peer is busy")
	// ErrPeer says that the peer did what the protocol forbids.
	ErrPeer = errors.New("the peer does not keep to the protocol")
	// ErrNobody says that there is no peer left to be asked.
	ErrNobody = errors.New("nobody can be asked")
)

// Set is one conversation's events as they rest. Ranges are lo <= key < hi. It
// is safe for concurrent use.
type Set interface {
	// Summary returns how many events a range has, and the sum of their IDs
	// as big-endian numbers modulo 2^256. It should not scan the range.
	Summary(ctx context.Context, lo, hi Key) (count uint64, sum [32]byte, err error)
	// Newest returns at most n events of a range, the newest first.
	Newest(ctx context.Context, lo, hi Key, n int) ([]Key, error)
	// Split returns at most parts-1 ascending keys between lo and hi, both
	// excluded, that divide the range into parts of about equal counts.
	Split(ctx context.Context, lo, hi Key, parts int) ([]Key, error)
	// Raw returns encoded events in the order of ids, nil for each that is
	// not here any more.
	Raw(ctx context.Context, ids []event.ID) ([][]byte, error)
	// Put makes events durable that have been authenticated, and says of each
	// what became of it. Whether the author may speak here is for Put to say.
	Put(ctx context.Context, events []*event.Event) ([]Verdict, error)
	// Floor returns the key below which nothing is asked for and nothing is
	// offered, since it has been pruned.
	Floor(ctx context.Context) (Key, error)
}

// Verdict is what became of an event.
type Verdict uint8

// The verdicts.
const (
	Taken   Verdict = iota + 1 // it is new and here now
	Had                        // it was here before
	Refused                    // it is not wanted here, whoever brings it
	Doubted                    // it is not taken from this peer in this form
)

// Stream is a stream to a peer that carries frames of at most MaxFrame bytes.
// One goroutine may read while another writes.
type Stream interface {
	// Next returns the next frame, which is valid until the next call, and
	// io.EOF at a clean end.
	Next() ([]byte, error)
	// Write adds a frame to what Flush sends.
	Write(frame []byte) error
	Flush() error
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
}

// Window is a part of a conversation. The zero Window is all of it.
type Window struct {
	From  Key // included
	To    Key // excluded; zero for everything that is not dated too far ahead
	Limit int // at most so many events, the newest; 0 for all
}

// Task is what a session is about.
type Task struct {
	Conversation event.ConversationID
	Set          Set
	Window       Window
	// Exact compares by hashes over the IDs instead of sums: a scan of the
	// whole set on both sides.
	Exact bool
	// Certificates remembers verified certificates; nil for none.
	Certificates *event.CertificateCache
	// Refusals remembers what the set refused; nil for none.
	Refusals *Refusals
	// Progress is told after each batch that was stored or given; nil for
	// nobody.
	Progress func(Result)
}

// Result is what a session did.
type Result struct {
	Rounds   int // round trips of comparison, over all passes
	Passes   int
	Bytes    uint64 // of comparison, both ways, with the lengths of the frames
	Bodies   uint64 // bytes of bodies, both ways
	Taken    int    // events that are new here
	Given    int    // events that the peer has acknowledged
	Refused  int    // events that the set refused
	Bad      int    // events that did not verify, or that nobody asked for
	Equal    bool   // nothing is left to be exchanged, as far as the window goes
	Verified int    // signatures that were checked
	Part     bool   // a window was compared, and not the whole conversation
}
