package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"testing"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/kith-chat/kith/node/wire"
)

func TestFramesRoundTrip(t *testing.T) {
	t.Parallel()
	frames := [][]byte{{}, []byte("a"), bytes.Repeat([]byte("b"), 5000), bytes.Repeat([]byte("c"), wire.MaxFrame), []byte("d")}
	var buf bytes.Buffer
	w := wire.NewWriter(&buf, wire.MaxFrame)
	for _, f := range frames {
		if err := w.Write(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	r := wire.NewReader(&buf, wire.MaxFrame)
	for i, f := range frames {
		got, err := r.Next()
		if err != nil || !bytes.Equal(got, f) {
			t.Fatalf("frame %d: %d bytes, %v", i, len(got), err)
		}
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Fatalf("at the end: %v", err)
	}
}

func TestAnnouncedLengthTakesNoMemory(t *testing.T) {
	t.Parallel()
	head := binary.AppendUvarint(nil, wire.MaxFrame)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		r := wire.NewReader(bytes.NewReader(append(head, 1, 2, 3)), wire.MaxFrame)
		if _, err := r.Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("a frame that is cut short: %v", err)
		}
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 100*128<<10 {
		t.Fatalf("100 announcements took %d bytes", got)
	}
}

func TestTooLargeIsRefused(t *testing.T) {
	t.Parallel()
	r := wire.NewReader(bytes.NewReader(binary.AppendUvarint(nil, 101)), 100)
	if _, err := r.Next(); !errors.Is(err, wire.ErrTooLarge) {
		t.Fatalf("reading: %v", err)
	}
	if err := wire.NewWriter(io.Discard, 100).Write(make([]byte, 101)); !errors.Is(err, wire.ErrTooLarge) {
		t.Fatalf("writing: %v", err)
	}
}

func TestLengths(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		in   []byte
		want error
	}{
		{"none", nil, io.EOF},
		{"cut", []byte{0x80}, io.ErrUnexpectedEOF},
		{"not the shortest", []byte{0x81, 0x00, 'a'}, wire.ErrMalformed},
		{"without end", bytes.Repeat([]byte{0xff}, 12), wire.ErrTooLarge},
		{"beyond 64 bits", append(bytes.Repeat([]byte{0x80}, 9), 2), wire.ErrTooLarge},
		{"the largest", binary.AppendUvarint(nil, wire.MaxFrame), io.ErrUnexpectedEOF},
		{"one more", binary.AppendUvarint(nil, wire.MaxFrame+1), wire.ErrTooLarge},
		{"empty", []byte{0}, nil},
	} {
		if _, err := wire.NewReader(bytes.NewReader(c.in), 2*wire.MaxFrame).Next(); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, not %v", c.name, err, c.want)
		}
	}
}

func TestMessagesShareWrites(t *testing.T) {
	t.Parallel()
	counted := &counter{}
	w := wire.NewWriter(counted, 1000)
	for range 100 {
		if err := w.WriteMessage(wrapperspb.String("a")); err != nil {
			t.Fatal(err)
		}
	}
	if counted.writes != 0 {
		t.Fatalf("%d writes before Flush", counted.writes)
	}
	if err := w.Flush(); err != nil || counted.writes != 1 {
		t.Fatalf("%d writes, %v", counted.writes, err)
	}
	r := wire.NewReader(&counted.Buffer, 1000)
	var m wrapperspb.StringValue
	for range 100 {
		if err := r.ReadMessage(&m); err != nil || m.GetValue() != "a" {
			t.Fatalf("%q, %v", m.GetValue(), err)
		}
	}
	junk := wire.NewReader(bytes.NewReader([]byte{2, 0x0a, 0x7f}), 1000)
	if err := junk.ReadMessage(&m); !errors.Is(err, wire.ErrMalformed) {
		t.Fatalf("a frame that is no message: %v", err)
	}
	if err := w.WriteMessage(wrapperspb.Bytes(make([]byte, 1000))); !errors.Is(err, wire.ErrTooLarge) {
		t.Fatalf("a message that is too large: %v", err)
	}
}

// counter counts the writes that it takes.
type counter struct {
	bytes.Buffer
	writes int
}

func (c *counter) Write(p []byte) (int, error) {
	c.writes++
	return c.Buffer.Write(p)
}

func FuzzRead(f *testing.F) {
	f.Add([]byte{0})
	f.Add(binary.AppendUvarint(nil, 1000))
	f.Add([]byte{0x81, 0x00, 'a'})
	f.Add([]byte{3, 'a', 'b', 'c', 1, 'd'})
	f.Add(bytes.Repeat([]byte{0xff}, 12))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := wire.NewReader(bytes.NewReader(in), 1000)
		var out bytes.Buffer
		w := wire.NewWriter(&out, 1000)
		total := 0
		for {
			frame, err := r.Next()
			if err != nil {
				return
			}
			if total += len(frame); len(frame) > 1000 || total > len(in) {
				t.Fatalf("%d bytes of frames out of %d", total, len(in))
			}
			if err := w.Write(frame); err != nil {
				t.Fatal(err)
			}
		}
	})
}
