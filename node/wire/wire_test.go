package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"testing"

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

func FuzzRead(f *testing.F) {
	f.Add([]byte{0})
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
