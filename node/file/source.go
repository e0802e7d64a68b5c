package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/node/wire"
)

const (
	// streamsPerSource lets one stream write to the disk while another is
	// read; more gain nothing.
	streamsPerSource = 2
	// minDepth and maxDepth bound the pieces that a stream asks for ahead.
	// Two on two streams are 2 MiB on their way, which is also what an
	// interruption costs; more are asked for when the other side is far.
	minDepth = 2
	maxDepth = 12
	// nearby is the delay up to which the least depth fills the way.
	nearby = 10 * time.Millisecond
	// idleWait is how long a stream without work waits before it looks again
	// for a slow piece to take over.
	idleWait = 500 * time.Millisecond
)

// errContent says that a group is not the one that its hash names.
var errContent = errors.New("the content does not match the file's hash")

// localError is a fault of this machine, which no other source mends.
type localError struct{ err error }

func (e localError) Error() string { return e.err.Error() }
func (e localError) Unwrap() error { return e.err }

// source is a peer that a fetch takes pieces from.
type source struct {
	peer peer.ID

	mu    sync.Mutex
	delay time.Duration // from a request on an idle stream to its answer
	pace  time.Duration // from one piece to the next on a busy stream
}

// depth is how many pieces to ask for ahead: enough to fill the way.
func (s *source) depth() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pace == 0 || s.delay <= nearby {
		return minDepth
	}
	return max(minDepth, min(maxDepth, 1+int(2*s.delay/s.pace)))
}

func (s *source) patience() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(stealAfter, 2*s.pace)
}

// answered notes the shortest delay, paced the mean pace.
func (s *source) answered(delay time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.delay == 0 || delay < s.delay {
		s.delay = delay
	}
}

func (s *source) paced(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pace == 0 {
		s.pace = d
	}
	s.pace += (d - s.pace) / 8
}

// take fetches pieces from a source over several streams until nothing is
// missing or the source fails. One failing stream does not end the others
// unless the source is at fault.
func (f *fetch) take(ctx context.Context, src *source) error {
	if err := f.dialer.connect(ctx, src.peer); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	streams := int(min(streamsPerSource, f.part.size().pieces()))
	errs := make([]error, streams)
	var wg sync.WaitGroup
	for i := range streams {
		wg.Go(func() {
			errs[i] = f.takeStream(ctx, src)
			if errs[i] != nil && !transient(errs[i]) {
				cancel(errs[i])
			}
		})
	}
	wg.Wait()
	if f.board.complete() {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return errors.Join(errs...)
}

// transient reports whether a stream's fault may be the network's.
func transient(err error) bool {
	var r refusal
	var local localError
	return !errors.As(err, &r) && !errors.As(err, &local) && !misbehaved(err)
}

// misbehaved reports whether an error proves that the other side lies or does
// not keep to the protocol.
func misbehaved(err error) bool {
	return errors.Is(err, errProof) || errors.Is(err, errContent) || errors.Is(err, errMalformed) ||
		errors.Is(err, wire.ErrMalformed) || errors.Is(err, wire.ErrTooLarge)
}

// lane is one stream of a source.
type lane struct {
	f       *fetch
	src     *source
	s       stream
	in      *wire.Reader
	out     *wire.Writer
	pending []span
	buf     []byte
}

func (f *fetch) takeStream(ctx context.Context, src *source) error {
	s, err := f.dialer.open(ctx, src.peer, f.part.size().size)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	defer stop()
	defer s.Reset() //nolint:errcheck // the stream is of no more use
	ln := &lane{
		f: f, src: src, s: s, buf: make([]byte, pieceSize),
		in: wire.NewReader(s, maxResponse), out: wire.NewWriter(s, maxRequest),
	}
	defer ln.giveBack()
	for {
		idle := len(ln.pending) == 0
		wait, err := ln.ask()
		if err != nil {
			return err
		}
		if len(ln.pending) == 0 {
			if f.board.complete() {
				return nil
			}
			if err := pause(ctx, wait); err != nil {
				return err
			}
			continue
		}
		if err := ln.receive(idle); err != nil {
			return err
		}
	}
}

// pause waits for new work, but not for long: a slow piece may be taken over.
func pause(ctx context.Context, wait <-chan struct{}) error {
	timer := time.NewTimer(idleWait)
	defer timer.Stop()
	select {
	case <-wait:
	case <-timer.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// ask sends requests until enough pieces are on their way.
func (ln *lane) ask() (<-chan struct{}, error) {
	asked := false
	var wait <-chan struct{}
	for depth := ln.src.depth(); len(ln.pending) < depth; {
		patience := time.Duration(-1)
		if len(ln.pending) == 0 {
			patience = ln.src.patience()
		}
		sp, ok, w := ln.f.board.take(ln.src, patience)
		if !ok {
			wait = w
			break
		}
		ln.pending = append(ln.pending, sp)
		if err := ln.out.WriteMessage(ln.request(sp).wire()); err != nil {
			return nil, fmt.Errorf("asking for a piece: %w", err)
		}
		asked = true
	}
	if !asked {
		return wait, nil
	}
	if err := ln.s.SetWriteDeadline(time.Now().Add(ln.f.stall)); err != nil {
		return nil, err
	}
	if err := ln.out.Flush(); err != nil {
		return nil, fmt.Errorf("asking for a piece: %w", err)
	}
	return wait, nil
}

func (ln *lane) request(sp span) request {
	return request{root: ln.f.root, shape: ln.f.part.size(), first: sp.first, count: sp.count}
}

// receive reads the answer to the oldest request, checks every group and
// writes those that are right.
func (ln *lane) receive(idle bool) error {
	sp := ln.pending[0]
	started := time.Now()
	q := ln.request(sp)
	if err := ln.s.SetReadDeadline(started.Add(ln.f.stall)); err != nil {
		return err
	}
	leaves, err := readResponse(ln.in, q)
	if err != nil {
		return fmt.Errorf("reading an answer: %w", err)
	}
	if idle {
		ln.src.answered(time.Since(started))
	}
	if !ln.f.board.has(sp) {
		if q.shape.groups > 1 {
			err = ln.f.part.begin(q.piece(), leaves)
		}
		if err != nil {
			return localError{err}
		}
	}
	if err := ln.content(q, leaves); err != nil {
		return err
	}
	ln.f.board.release(sp, ln.src)
	ln.pending = ln.pending[1:]
	if !idle {
		ln.src.paced(time.Since(started))
	}
	return nil
}

// content reads the groups of an answer. What was verified before a fault is
// kept.
func (ln *lane) content(q request, leaves []byte) error {
	if q.shape.groups > 1 {
		leaves = leaves[q.first%pieceGroups*hashSize:]
	}
	good, n := uint64(0), 0
	var fault error
	for good < q.count {
		data := ln.buf[n : n+q.shape.groupLength(q.first+good)]
		if fault = ln.s.SetReadDeadline(time.Now().Add(ln.f.stall)); fault != nil {
			break
		}
		if _, err := io.ReadFull(ln.in, data); err != nil {
			fault = fmt.Errorf("reading a piece: %w", err)
			break
		}
		if !q.shape.check(data, q.first+good, leaves[good*hashSize:(good+1)*hashSize]) {
			fault = errContent
			break
		}
		good++
		n += len(data)
	}
	ln.f.received.Add(uint64(n))
	if good > 0 && !ln.f.board.has(span{q.first, good}) {
		if err := ln.f.part.write(ln.buf[:n], q.first); err != nil {
			return localError{err}
		}
		ln.f.board.got(q.first, good)
	}
	return fault
}

// giveBack lets others have what this stream did not bring.
func (ln *lane) giveBack() {
	for _, sp := range ln.pending {
		ln.f.board.release(sp, ln.src)
	}
}
