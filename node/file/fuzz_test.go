package file

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kith-chat/kith/node/file/pb"
	"github.com/kith-chat/kith/node/wire"
)

// frames encodes messages and raw bytes as they travel.
func frames(t testing.TB, m proto.Message, raw []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := wire.NewWriter(&buf, wire.MaxFrame)
	if err := w.WriteMessage(m); err != nil {
		t.Fatal(err)
	}
	if err := w.WriteRaw(raw); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func FuzzRequest(f *testing.F) {
	root := bytes.Repeat([]byte{7}, 32)
	for _, m := range []*pb.Request{
		{Root: root, Size: 10, First: 0, Count: 1},
		{Root: root, Size: 1 << 30, First: 9, Count: 7},
		{Root: root, Size: 1 << 44, First: 1<<28 - 1, Count: 1},
		{Root: root, Size: 1 << 30, First: 1<<64 - 1, Count: 8},
		{Root: root[1:], Size: 1<<64 - 1, First: 1 << 63, Count: 1<<32 - 1},
	} {
		f.Add(frames(f, m, nil))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		q, err := readRequest(wire.NewReader(bytes.NewReader(in), maxRequest))
		if err != nil {
			return
		}
		n := q.length()
		if n <= 0 || n > pieceSize || q.first*groupSize+uint64(n) > q.shape.size || q.piece() >= q.shape.pieces() {
			t.Fatalf("a request for %d bytes at %d of %d was taken", n, q.first*groupSize, q.shape.size)
		}
		again, err := readRequest(wire.NewReader(bytes.NewReader(frames(t, q.wire(), nil)), maxRequest))
		if err != nil || again != q {
			t.Fatalf("%v became %v: %v", q, again, err)
		}
	})
}

// tape is a stream that plays what was recorded.
type tape struct{ *bytes.Reader }

func (tape) Write(p []byte) (int, error)      { return len(p), nil }
func (tape) SetReadDeadline(time.Time) error  { return nil }
func (tape) SetWriteDeadline(time.Time) error { return nil }
func (tape) Reset() error                     { return nil }

// FuzzSlice plays arbitrary answers to a request: whatever they are, only the
// file's own bytes are written.
func FuzzSlice(f *testing.F) {
	data := make([]byte, 2*groupSize+1000)
	if _, err := rand.Read(data); err != nil {
		f.Fatal(err)
	}
	src := filepath.Join(f.TempDir(), "src")
	if err := os.WriteFile(src, data, 0o600); err != nil {
		f.Fatal(err)
	}
	trees, err := openTrees(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	body, err := trees.describe(f.Context(), src)
	if err != nil {
		f.Fatal(err)
	}
	s, err := newShape(body.Size)
	if err != nil {
		f.Fatal(err)
	}
	tree, err := trees.open(s, body.Root)
	if err != nil {
		f.Fatal(err)
	}
	defer tree.f.Close()
	proof, err := tree.proof(0, nil)
	if err != nil {
		f.Fatal(err)
	}
	whole := frames(f, &pb.Response{Status: 1, Proof: proof, Length: uint32(len(data))}, data)
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add(append(bytes.Clone(whole[:60]), whole[61:]...))
	f.Add(frames(f, &pb.Response{Status: 3}, nil))
	f.Add(frames(f, &pb.Response{Status: 1, Proof: proof, Length: 1<<32 - 1}, nil))
	f.Add(bytes.Repeat([]byte{0xff}, 20))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, in []byte) {
		at := partPlace{dir: dir, name: "file", short: "fuzz", tree: filepath.Join(dir, "fuzz.part")}
		defer discardPart(dir, "file", "fuzz", at.tree) //nolint:errcheck // made anew each time
		p, have, err := openPart(t.Context(), at, s, body.Root, unknown)
		if err != nil {
			t.Fatal(err)
		}
		defer p.close()
		str := tape{bytes.NewReader(in)}
		ln := &lane{
			f: &fetch{part: p, board: newBoard(have), root: body.Root, stall: time.Second}, src: &source{},
			s: str, in: wire.NewReader(str, maxResponse), out: wire.NewWriter(str, maxRequest), buf: make([]byte, pieceSize),
		}
		ln.pending = []span{{0, 3}}
		err = ln.receive(true)
		if err == nil && !have.complete() {
			t.Fatal("an answer was taken and the file is not whole")
		}
		got, readErr := os.ReadFile(filepath.Join(dir, partName("file", "fuzz")))
		if readErr != nil || !bytes.HasPrefix(data, got) || uint64(len(got)) < have.bytes() {
			t.Fatalf("%d bytes that are not the file's were written", len(got))
		}
	})
}

func FuzzOrientation(f *testing.F) {
	f.Add(jpegWithOrientation(f, 6))
	f.Add([]byte("\xff\xd8\xff\xe1\x00\x10Exif\x00\x00MM\x00*\xff\xff\xff\xff"))
	f.Add([]byte("II*\x00\x08\x00\x00\x00\xff\xff"))
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, o := range []int{jpegOrientation(bytes.NewReader(in)), exifOrientation(in)} {
			if o < 1 || o > 8 {
				t.Fatalf("orientation %d", o)
			}
		}
	})
}

// FuzzTree: a damaged tree file never gives a proof that does not hold.
func FuzzTree(f *testing.F) {
	f.Add(uint64(0), []byte{1, 2, 3}, int64(70))
	f.Add(uint64(1), []byte{}, int64(0))
	data := make([]byte, 11*groupSize)
	src := filepath.Join(f.TempDir(), "src")
	if err := os.WriteFile(src, data, 0o600); err != nil {
		f.Fatal(err)
	}
	trees, err := openTrees(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	body, err := trees.describe(f.Context(), src)
	if err != nil {
		f.Fatal(err)
	}
	s, err := newShape(body.Size)
	if err != nil {
		f.Fatal(err)
	}
	raw, err := os.ReadFile(trees.path(body.Root))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, piece uint64, patch []byte, at int64) {
		bad := bytes.Clone(raw)
		if at >= 0 && at < int64(len(bad)) {
			copy(bad[at:], patch)
		}
		path := filepath.Join(t.TempDir(), "tree")
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		tree := reopenTree(path, s, body.Root)
		if tree == nil {
			return
		}
		defer tree.f.Close()
		proof, err := tree.proof(piece, nil)
		if err != nil {
			return
		}
		if _, err := s.verify(body.Root, piece, proof); err != nil {
			t.Fatal("a proof that does not hold")
		}
	})
}
