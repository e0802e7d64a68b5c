package wire

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"google.golang.org/protobuf/proto"
)

// MaxFrame is the most bytes that a frame of the direct protocol may have; it
// is also the upper bound for every other protocol's limit.
const MaxFrame = 1 << 20

// bufferSize is how much is read and written at once; a protocol whose frames
// are smaller takes no more than one of them.
const bufferSize = 32 << 10

// maxShift is the place of the last seven bits that a length within MaxFrame
// can have.
const maxShift = 14

// buffer returns how much to buffer for frames of at most limit bytes.
func buffer(limit int) int { return min(bufferSize, limit+binary.MaxVarintLen32) }

// Errors of frames.
var (
	// ErrTooLarge says that a frame is longer than the protocol allows.
	ErrTooLarge = errors.New("the frame is too large")
	// ErrMalformed says that a frame's length or content cannot be read.
	ErrMalformed = errors.New("the frame is malformed")
)

// Reader reads frames of at most a fixed length. It is not safe for concurrent
// use.
type Reader struct {
	r   *bufio.Reader
	max int
	buf []byte
}

// NewReader returns a reader of frames of at most limit bytes, which is capped
// at MaxFrame.
func NewReader(r io.Reader, limit int) *Reader {
	limit = min(limit, MaxFrame)
	return &Reader{r: bufio.NewReaderSize(r, buffer(limit)), max: limit}
}

// Next returns the next frame. The bytes are valid until the next call. At a
// clean end it returns io.EOF, within a frame io.ErrUnexpectedEOF.
func (r *Reader) Next() ([]byte, error) {
	n, err := r.length()
	if err != nil {
		return nil, err
	}
	if n <= cap(r.buf) {
		r.buf = r.buf[:n]
		_, err := io.ReadFull(r.r, r.buf)
		return r.buf, unexpected(err)
	}
	return r.grow(n)
}

// grow reads a frame that is longer than any before it. Memory is taken as
// the bytes arrive and not as they are announced: a peer that announces a
// megabyte has to send it.
func (r *Reader) grow(n int) ([]byte, error) {
	buf := r.buf[:0]
	for len(buf) < n {
		next := min(n, max(2*len(buf), 4<<10))
		if next > cap(buf) {
			larger := make([]byte, len(buf), next)
			copy(larger, buf)
			buf = larger
		}
		at := len(buf)
		buf = buf[:min(next, cap(buf), n)]
		if _, err := io.ReadFull(r.r, buf[at:]); err != nil {
			return nil, unexpected(err)
		}
	}
	r.buf = buf
	return buf, nil
}

// length reads the length of the next frame: an unsigned varint in its shortest
// form. A length beyond the limit is refused as soon as it is known.
func (r *Reader) length() (int, error) {
	n := 0
	for shift := 0; ; shift += 7 {
		b, err := r.r.ReadByte()
		switch {
		case err != nil && shift > 0:
			return 0, unexpected(err)
		case err != nil:
			return 0, err
		case b == 0 && shift > 0:
			return 0, fmt.Errorf("%w: its length is not in the shortest form", ErrMalformed)
		}
		n |= int(b&0x7f) << shift
		if n > r.max || b >= 0x80 && shift >= maxShift {
			return 0, fmt.Errorf("%w: it announces more than %d bytes", ErrTooLarge, r.max)
		}
		if b < 0x80 {
			return n, nil
		}
	}
}

// ReadMessage reads the next frame into m. m keeps no reference to the
// reader's buffer.
func (r *Reader) ReadMessage(m proto.Message) error {
	raw, err := r.Next()
	if err != nil {
		return err
	}
	if err := proto.Unmarshal(raw, m); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}

// Read reads bytes that follow the last frame without framing, for protocols
// that announce bulk data in a frame.
func (r *Reader) Read(p []byte) (int, error) { return r.r.Read(p) }

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Writer writes frames of at most a fixed length into a buffer, until Flush. It
// is not safe for concurrent use.
type Writer struct {
	w   *bufio.Writer
	max int
	buf []byte
}

// NewWriter returns a writer of frames of at most limit bytes, which is capped
// at MaxFrame.
func NewWriter(w io.Writer, limit int) *Writer {
	limit = min(limit, MaxFrame)
	return &Writer{w: bufio.NewWriterSize(w, buffer(limit)), max: limit}
}

// Write adds a frame. Nothing is sent before Flush, unless the buffer is full.
func (w *Writer) Write(frame []byte) error {
	if len(frame) > w.max {
		return fmt.Errorf("%w: it has %d bytes, more than %d", ErrTooLarge, len(frame), w.max)
	}
	var head [binary.MaxVarintLen64]byte
	if _, err := w.w.Write(head[:binary.PutUvarint(head[:], uint64(len(frame)))]); err != nil {
		return err
	}
	_, err := w.w.Write(frame)
	return err
}

// WriteMessage adds m as a frame.
func (w *Writer) WriteMessage(m proto.Message) error {
	raw, err := proto.MarshalOptions{}.MarshalAppend(w.buf[:0], m)
	if err != nil {
		return fmt.Errorf("encoding a frame: %w", err)
	}
	w.buf = raw
	return w.Write(raw)
}

// WriteRaw adds bytes without framing, after a frame that announced them.
func (w *Writer) WriteRaw(p []byte) error {
	_, err := w.w.Write(p)
	return err
}

// Flush sends what was added.
func (w *Writer) Flush() error { return w.w.Flush() }

// Attach prepares a stream for a service: it names the service to the
// resource manager, reserves memory bytes for it, sets a first deadline (0 for
// none), and resets the stream when ctx ends. The caller calls the returned
// function once when it is done with the stream: it closes the stream if err
// is nil and resets it otherwise.
func Attach(ctx context.Context, s network.Stream, service string, memory int, deadline time.Duration) (func(err error), error) {
	if err := s.Scope().SetService(service); err != nil {
		_ = s.ResetWithError(network.StreamResourceLimitExceeded)
		return nil, fmt.Errorf("taking the stream into %s: %w", service, err)
	}
	if err := s.Scope().ReserveMemory(memory, network.ReservationPriorityAlways); err != nil {
		_ = s.ResetWithError(network.StreamResourceLimitExceeded)
		return nil, fmt.Errorf("reserving memory for %s: %w", service, err)
	}
	if deadline > 0 {
		if err := s.SetDeadline(time.Now().Add(deadline)); err != nil {
			_ = s.Reset()
			return nil, fmt.Errorf("setting a deadline: %w", err)
		}
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	return func(err error) {
		stop()
		s.Scope().ReleaseMemory(memory)
		if err != nil {
			_ = s.Reset()
			return
		}
		_ = s.Close()
	}, nil
}
