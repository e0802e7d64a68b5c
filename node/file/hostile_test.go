package file

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/node/file/pb"
	"github.com/kith-chat/kith/node/wire"
)

// answers is a server that does as a test says: it gets the right answer and
// may spoil it. n counts the requests.
type answers func(n int, m *pb.Response, data []byte) (*pb.Response, []byte)

// serveSpoilt serves a file through a function that spoils the answers.
func serveSpoilt(t *testing.T, h host.Host, trees *trees, path string, spoil answers) {
	t.Helper()
	var n atomic.Int64
	srv := newServer(trees, nil, discardLog())
	h.SetStreamHandler(Protocol, func(s network.Stream) {
		defer s.Reset() //nolint:errcheck // whatever is left
		in, out := wire.NewReader(s, maxRequest), wire.NewWriter(s, 1<<20)
		for {
			q, err := readRequest(in)
			if err != nil {
				return
			}
			v, st := srv.openServed(context.Background(), path, q)
			if st != statusOK {
				return
			}
			data := make([]byte, q.length())
			_, _ = v.f.ReadAt(data, int64(q.first)*groupSize)
			proof, _ := v.tree.proof(q.piece(), nil)
			v.close()
			m, data := spoil(int(n.Add(1)), &pb.Response{Status: pb.Status_STATUS_OK, Proof: proof, Length: uint32(len(data))}, data)
			if m == nil || out.WriteMessage(m) != nil || out.WriteRaw(data) != nil || out.Flush() != nil {
				return
			}
		}
	})
}

// fetchHere runs one fetch on a host, as a manager does.
func fetchHere(t *testing.T, h host.Host, dir string, size uint64, root Root, sources ...peer.ID) (*fetch, error) {
	t.Helper()
	s, err := newShape(size)
	if err != nil {
		t.Fatal(err)
	}
	at := partPlace{dir: dir, name: "file", short: "test", tree: filepath.Join(t.TempDir(), "x.part")}
	p, have, err := openPart(t.Context(), at, s, root, func(stamp) *pieceSet { return nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	f := &fetch{
		dialer: &dialer{h}, part: p, board: newBoard(have), root: root, log: discardLog(), synced: func(uint64) {},
		peers:    func(context.Context) []peer.ID { return sources },
		verdicts: &verdicts{m: map[peer.ID]*verdict{}}, stall: 300 * time.Millisecond,
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	err = f.run(ctx)
	if err == nil {
		_, err = p.finish()
	}
	return f, err
}

// spoilt are the ways of a hostile server.
func spoilt() map[string]answers {
	endless := make([]byte, 8<<20)
	return map[string]answers{
		"wrong data": func(_ int, m *pb.Response, data []byte) (*pb.Response, []byte) {
			data[len(data)/2] ^= 1
			return m, data
		},
		"wrong data later": func(n int, m *pb.Response, data []byte) (*pb.Response, []byte) {
			if n > 3 {
				data[0] ^= 1
			}
			return m, data
		},
		"wrong proof": func(_ int, m *pb.Response, data []byte) (*pb.Response, []byte) {
			m.Proof[40] ^= 1
			return m, data
		},
		"no proof": func(_ int, m *pb.Response, data []byte) (*pb.Response, []byte) { m.Proof = nil; return m, data },
		"longer proof": func(_ int, m *pb.Response, data []byte) (*pb.Response, []byte) {
			m.Proof = make([]byte, 64<<10)
			return m, data
		},
		"longer": func(_ int, m *pb.Response, data []byte) (*pb.Response, []byte) {
			m.Length++
			return m, append(data, 0)
		},
		"longer than said": func(_ int, m *pb.Response, data []byte) (*pb.Response, []byte) {
			return m, append(data, make([]byte, 100)...)
		},
		"shorter":    func(_ int, m *pb.Response, data []byte) (*pb.Response, []byte) { m.Length--; return m, data[1:] },
		"four gigas": func(_ int, m *pb.Response, data []byte) (*pb.Response, []byte) { m.Length = 1<<32 - 1; return m, data },
		"endless":    func(_ int, m *pb.Response, _ []byte) (*pb.Response, []byte) { return m, endless },
		"a status of its own": func(_ int, m *pb.Response, _ []byte) (*pb.Response, []byte) {
			m.Status, m.Proof, m.Length = 99, nil, 0
			return m, nil
		},
		"a refusal with content": func(_ int, m *pb.Response, data []byte) (*pb.Response, []byte) {
			m.Status = pb.Status_STATUS_UNAVAILABLE
			return m, data
		},
		"stalls":    func(_ int, m *pb.Response, data []byte) (*pb.Response, []byte) { return m, data[:len(data)/2] },
		"hangs up":  func(int, *pb.Response, []byte) (*pb.Response, []byte) { return nil, nil },
		"refuses":   func(int, *pb.Response, []byte) (*pb.Response, []byte) { return &pb.Response{Status: 2}, nil },
		"prepares":  func(int, *pb.Response, []byte) (*pb.Response, []byte) { return &pb.Response{Status: 4}, nil },
		"old piece": replay(),
	}
}

// replay answers every request with the first answer.
func replay() answers {
	var once sync.Once
	var first *pb.Response
	var content []byte
	return func(_ int, m *pb.Response, data []byte) (*pb.Response, []byte) {
		once.Do(func() { first, content = m, data })
		return first, content
	}
}

// TestHostileServer: whatever a server does, no wrong byte is kept, and one
// honest source is enough.
func TestHostileServer(t *testing.T) {
	t.Parallel()
	path, dir, body := serveable(t, 9*pieceSize+70_000)
	trees, err := openTrees(dir)
	if err != nil {
		t.Fatal(err)
	}
	good := testHost(t)
	serveSpoilt(t, good, trees, path, func(_ int, m *pb.Response, data []byte) (*pb.Response, []byte) { return m, data })
	for name, spoil := range spoilt() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad, h := testHost(t), testHost(t)
			serveSpoilt(t, bad, trees, path, spoil)
			introduce(h, bad)
			introduce(h, good)
			to := t.TempDir()
			f, err := fetchHere(t, h, to, body.Size, body.Root, bad.ID(), good.ID())
			if err != nil {
				t.Fatalf("with an honest source: %v", err)
			}
			sameFiles(t, path, filepath.Join(to, "file"))
			if v := f.verdicts.m[bad.ID()]; v != nil && v.err != nil {
				t.Logf("the other was dropped: %v", v.err)
			}
		})
	}
}

// TestHostileServerAlone: without an honest source nothing appears.
func TestHostileServerAlone(t *testing.T) {
	t.Parallel()
	path, dir, body := serveable(t, 8*pieceSize)
	trees, err := openTrees(dir)
	if err != nil {
		t.Fatal(err)
	}
	bad, h := testHost(t), testHost(t)
	introduce(h, bad)
	serveSpoilt(t, bad, trees, path, spoilt()["wrong data later"])
	to := t.TempDir()
	f, err := fetchHere(t, h, to, body.Size, body.Root, bad.ID())
	if !errors.Is(err, ErrNoSource) || !misbehaved(err) {
		t.Fatalf("ended with %v", err)
	}
	if !f.verdicts.m[bad.ID()].banned {
		t.Fatal("the liar may try again")
	}
	if stands(to, "file") {
		t.Fatal("a file that is not whole has its name")
	}
}

// TestSizeLies: an offer whose size is not the file's leads nowhere.
func TestSizeLies(t *testing.T) {
	t.Parallel()
	ann, bob := twoNodes(t)
	path := randomFile(t, 3*groupSize+5)
	honest := ann.share(t, path)
	for _, size := range []uint64{0, 1, groupSize, honest.Size - 1, honest.Size + 1, honest.Size + pieceSize, 1 << 44} {
		lie := honest
		lie.Offer, lie.Size = randomID(), size
		if _, err := bob.Offered(t.Context(), lie); err != nil {
			t.Fatal(err)
		}
		if _, err := bob.Want(t.Context(), lie.Offer, ""); err != nil {
			t.Fatal(err)
		}
		got := bob.awaitEnd(t, lie.Offer)
		if got.State == StateDone || got.Error == "" {
			t.Fatalf("%d bytes instead of %d: %s %q", size, honest.Size, got.State, got.Error)
		}
		if entries, _ := os.ReadDir(filepath.Dir(got.Path)); len(entries) > 0 && stands(filepath.Dir(got.Path), honest.Name) {
			t.Fatal("a file has its name")
		}
		if _, err := bob.Cancel(t.Context(), lie.Offer); err != nil {
			t.Fatal(err)
		}
	}
	for _, size := range []uint64{1<<44 + 1, 1 << 63, 1<<64 - 1} {
		lie := honest
		lie.Offer, lie.Size = randomID(), size
		if _, err := bob.Offered(t.Context(), lie); err != nil {
			t.Fatal(err)
		}
		if _, err := bob.Want(t.Context(), lie.Offer, ""); err == nil {
			t.Fatalf("a file of %d bytes is wanted", size)
		}
	}
}

// TestMalformedRequests sends a thousand broken requests to a live server,
// which goes on serving others.
func TestMalformedRequests(t *testing.T) {
	t.Parallel()
	ann, bob := twoNodes(t)
	path := randomFile(t, 2*pieceSize)
	offer := ann.share(t, path)
	evil := testHost(t)
	introduce(evil, ann.host)
	for range 1000 {
		s, err := evil.NewStream(t.Context(), ann.host.ID(), Protocol)
		if err != nil {
			t.Fatal(err)
		}
		junk := make([]byte, 1+randomInt(300))
		if _, err := rand.Read(junk); err != nil {
			t.Fatal(err)
		}
		_, _ = s.Write(junk)
		_ = s.CloseWrite()
		_ = s.SetReadDeadline(time.Now().Add(5 * time.Second))
		if n, _ := io.Copy(io.Discard, s); n > 1<<10 {
			t.Fatalf("%d bytes in answer to junk", n)
		}
		_ = s.Reset()
	}
	sameFiles(t, path, bob.get(t, offer, StateDone).Path)
}

// TestStreamLimit: one peer gets so many streams and no more.
func TestStreamLimit(t *testing.T) {
	t.Parallel()
	ann, bob := twoNodes(t)
	offer := ann.share(t, randomFile(t, pieceSize))
	s, err := newShape(offer.Size)
	if err != nil {
		t.Fatal(err)
	}
	open := 0
	for range 2 * MaxStreamsPerPeer {
		str, err := bob.host.NewStream(t.Context(), ann.host.ID(), Protocol)
		if err != nil {
			t.Fatal(err)
		}
		_ = str.SetDeadline(time.Now().Add(5 * time.Second))
		out := wire.NewWriter(str, maxRequest)
		q := request{root: offer.Root, shape: s, first: 0, count: 1}
		if out.WriteMessage(q.wire()) != nil || out.Flush() != nil {
			continue
		}
		if _, err := readResponse(wire.NewReader(str, maxResponse), q); err == nil {
			open++
		}
	}
	if open != MaxStreamsPerPeer {
		t.Fatalf("%d streams are served", open)
	}
}
