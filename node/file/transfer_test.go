package file

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/file/pb"
)

func TestTransferSizes(t *testing.T) {
	t.Parallel()
	ann, bob := twoNodes(t)
	for _, size := range []int64{0, 1, groupSize - 1, groupSize, groupSize + 1, pieceSize + 1, 10 << 20} {
		path := randomFile(t, size)
		got := bob.get(t, ann.share(t, path), StateDone)
		sameFiles(t, path, got.Path)
		if got.Done != uint64(size) {
			t.Fatalf("%d of %d bytes done", got.Done, size)
		}
	}
	if entries, err := os.ReadDir(bob.cfg.Downloads); err != nil || len(entries) != 7 {
		t.Fatalf("%d things in the downloads folder: %v", len(entries), err)
	}
}

// TestCollisions: a file never replaces another.
func TestCollisions(t *testing.T) {
	t.Parallel()
	ann, bob := twoNodes(t)
	path := randomFile(t, 100)
	for _, want := range []string{"some file.bin", "some file (2).bin", "some file (3).bin"} {
		if got := bob.get(t, ann.share(t, path), StateDone); filepath.Base(got.Path) != want {
			t.Fatalf("it is called %q and not %q", filepath.Base(got.Path), want)
		}
	}
}

// TestRefused: who is not a member gets nothing, and learns nothing.
func TestRefused(t *testing.T) {
	t.Parallel()
	a, b := testHost(t), testHost(t)
	introduce(b, a)
	ann := startNode(t, a, t.TempDir(), newMemoryStore(), &everybody{}, nil)
	ann.Manager.cfg.Members = nobody{}
	bob := startNode(t, b, t.TempDir(), newMemoryStore(), &everybody{peers: []peer.ID{a.ID()}}, nil)
	offer := ann.share(t, randomFile(t, 3*groupSize))
	unknown := offer
	unknown.Offer, unknown.Root = randomID(), Root{1}
	var errs []string
	for _, o := range []Transfer{offer, unknown} {
		if _, err := bob.Offered(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		if _, err := bob.Want(t.Context(), o.Offer, ""); err != nil {
			t.Fatal(err)
		}
		got := bob.awaitEnd(t, o.Offer)
		if got.State != StateWaiting || got.Done != 0 {
			t.Fatalf("%s, %d bytes", got.State, got.Done)
		}
		errs = append(errs, got.Error)
	}
	if errs[0] != errs[1] {
		t.Fatalf("a file that is there is refused with %q, one that is not with %q", errs[0], errs[1])
	}
}

type nobody struct{}

func (nobody) Member(context.Context, peer.ID, event.ConversationID) bool { return false }

// TestChanged: a file that changed after the offer is refused with that
// reason, and its old content never appears half.
func TestChanged(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(path string) error{
		"a byte":   func(path string) error { return flip(path, 100_000) },
		"shorter":  func(path string) error { return os.Truncate(path, 200_000) },
		"longer":   func(path string) error { return os.Truncate(path, 1<<20) },
		"replaced": func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte{1}, 5*groupSize), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ann, bob := twoNodes(t)
			path := randomFile(t, 5*groupSize)
			offer := ann.share(t, path)
			if err := change(path); err != nil {
				t.Fatal(err)
			}
			if _, err := bob.Offered(t.Context(), offer); err != nil {
				t.Fatal(err)
			}
			if _, err := bob.Want(t.Context(), offer.Offer, ""); err != nil {
				t.Fatal(err)
			}
			got := bob.awaitEnd(t, offer.Offer)
			if got.State != StateFailed || !strings.Contains(got.Error, "changed") {
				t.Fatalf("%s: %q", got.State, got.Error)
			}
			if entries, _ := os.ReadDir(bob.cfg.Downloads); len(entries) > 0 {
				t.Fatalf("something was left: %v", entries)
			}
		})
	}
}

// TestTouched: a file that only looks changed is still served, and so is one
// whose hashes were lost or damaged.
func TestTouched(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(n *node, o Transfer, path string) error{
		"new time":      func(_ *node, _ Transfer, path string) error { return os.Chtimes(path, time.Now(), time.Unix(1, 0)) },
		"no hashes":     func(n *node, o Transfer, _ string) error { return os.Remove(n.trees.path(o.Root)) },
		"damaged hash":  func(n *node, o Transfer, _ string) error { return flip(n.trees.path(o.Root), treeHeader+50) },
		"short hashes":  func(n *node, o Transfer, _ string) error { return os.Truncate(n.trees.path(o.Root), treeHeader+40) },
		"broken header": func(n *node, o Transfer, _ string) error { return flip(n.trees.path(o.Root), 3) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ann, bob := twoNodes(t)
			path := randomFile(t, 20*groupSize)
			offer := ann.share(t, path)
			if err := do(ann, offer, path); err != nil {
				t.Fatal(err)
			}
			sameFiles(t, path, bob.get(t, offer, StateDone).Path)
		})
	}
}

// TestServesOn: who has fetched a file serves it to other members.
func TestServesOn(t *testing.T) {
	t.Parallel()
	ann, bob := twoNodes(t)
	path := randomFile(t, 3*pieceSize+1)
	offer := ann.share(t, path)
	bob.get(t, offer, StateDone)
	ann.stop()
	h := testHost(t)
	introduce(h, bob.host)
	cy := startNode(t, h, t.TempDir(), newMemoryStore(), &everybody{peers: []peer.ID{bob.host.ID()}}, nil)
	sameFiles(t, path, cy.get(t, offer, StateDone).Path)
}

// TestAutoAccept: an offer is fetched by itself only if the rule says so.
func TestAutoAccept(t *testing.T) {
	t.Parallel()
	a, b := testHost(t), testHost(t)
	introduce(b, a)
	ann := startNode(t, a, t.TempDir(), newMemoryStore(), &everybody{}, nil)
	small := func(t Transfer) bool { return t.Size <= 100_000 }
	bob := startNode(t, b, t.TempDir(), newMemoryStore(), &everybody{peers: []peer.ID{a.ID()}}, small)
	wanted, not := ann.share(t, randomFile(t, 100_000)), ann.share(t, randomFile(t, 100_001))
	for _, o := range []Transfer{not, wanted} {
		if _, err := bob.Offered(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	bob.await(t, wanted.Offer, StateDone)
	if now, err := bob.Get(t.Context(), not.Offer); err != nil || now.State != StateOffered {
		t.Fatalf("%s %v", now.State, err)
	}
}

// TestWakeAndRestart: a wanted file waits for its source, over a restart too,
// and is fetched when the source appears.
func TestWakeAndRestart(t *testing.T) {
	t.Parallel()
	a, b := testHost(t), testHost(t)
	ann := startNode(t, a, t.TempDir(), newMemoryStore(), &everybody{}, nil)
	path := randomFile(t, 2*pieceSize)
	offer := ann.share(t, path)
	dir, store, sources := t.TempDir(), newMemoryStore(), &everybody{}
	bob := startNode(t, b, dir, store, sources, nil)
	if got := bob.get(t, offer, StateWaiting); !got.Want {
		t.Fatal("it is not wanted")
	}
	bob.stop()
	bob = startNode(t, b, dir, store, sources, nil)
	introduce(b, a)
	sources.set(a.ID())
	bob.Wake(a.ID())
	sameFiles(t, path, bob.await(t, offer.Offer, StateDone).Path)
	bob.stop()
	bob = startNode(t, b, dir, store, sources, nil)
	if now, err := bob.Get(t.Context(), offer.Offer); err != nil || now.State != StateDone {
		t.Fatalf("%s %v", now.State, err)
	}
}

// TestNamedJustBefore: a node that died after it named the file and before it
// noted so finds it again without fetching.
func TestNamedJustBefore(t *testing.T) {
	t.Parallel()
	ann, bob := twoNodes(t)
	path := randomFile(t, 2*pieceSize)
	offer := ann.share(t, path)
	got := bob.get(t, offer, StateDone)
	bob.stop()
	// As it was before the last step.
	if err := os.Rename(bob.trees.path(offer.Root), bob.partTree(offer.Offer)); err != nil {
		t.Fatal(err)
	}
	before := got
	before.State, before.Want, before.Path = StateRunning, true, filepath.Join(bob.cfg.Downloads, offer.Name)
	if err := bob.store.PutTransfer(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	ann.stop()
	again := startNode(t, bob.host, filepath.Dir(bob.cfg.Downloads), bob.store, bob.sources, nil)
	if now := again.await(t, offer.Offer, StateDone); now.Path != got.Path {
		t.Fatalf("found at %q", now.Path)
	}
}

// TestCancel: what was fetched goes, and a shared file is served no more.
func TestCancel(t *testing.T) {
	t.Parallel()
	path, dir, body := serveable(t, 8*pieceSize)
	trees, err := openTrees(dir)
	if err != nil {
		t.Fatal(err)
	}
	a, b := testHost(t), testHost(t)
	introduce(b, a)
	started, hold := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(hold) })
	serveSpoilt(t, a, trees, path, func(n int, m *pb.Response, data []byte) (*pb.Response, []byte) {
		if n == 4 {
			close(started)
		}
		if n > 3 {
			<-hold
			return nil, nil
		}
		return m, data
	})
	bob := startNode(t, b, t.TempDir(), newMemoryStore(), &everybody{peers: []peer.ID{a.ID()}}, nil)
	offer := Incoming(randomID(), event.Public("lobby"), [32]byte{1}, body)
	if _, err := bob.Offered(t.Context(), offer); err != nil {
		t.Fatal(err)
	}
	if _, err := bob.Want(t.Context(), offer.Offer, ""); err != nil {
		t.Fatal(err)
	}
	<-started
	got, err := bob.Cancel(t.Context(), offer.Offer)
	if err != nil || got.State != StateCancelled {
		t.Fatal(got.State, err)
	}
	if entries, _ := os.ReadDir(bob.cfg.Downloads); len(entries) > 0 {
		t.Fatalf("something was left: %v", entries)
	}
	if stands(bob.trees.dir, filepath.Base(bob.partTree(offer.Offer))) {
		t.Fatal("the hashes were left")
	}
}

// TestSeveralSources: a file comes from all who have it, and pieces are taken
// over from one that is slow.
func TestSeveralSources(t *testing.T) {
	t.Parallel()
	path, dir, body := serveable(t, 40*pieceSize)
	trees, err := openTrees(dir)
	if err != nil {
		t.Fatal(err)
	}
	h := testHost(t)
	var counts [3]atomic.Int64
	var peers []peer.ID
	slow := make(chan struct{})
	t.Cleanup(func() { close(slow) })
	for i := range counts {
		src := testHost(t)
		introduce(h, src)
		peers = append(peers, src.ID())
		serveSpoilt(t, src, trees, path, func(_ int, m *pb.Response, data []byte) (*pb.Response, []byte) {
			if i == 2 {
				<-slow // it takes pieces and brings none
				return nil, nil
			}
			counts[i].Add(1)
			return m, data
		})
	}
	to := t.TempDir()
	s, err := newShape(body.Size)
	if err != nil {
		t.Fatal(err)
	}
	at := partPlace{dir: to, name: "file", short: "test", tree: filepath.Join(t.TempDir(), "x.part")}
	p, have, err := openPart(t.Context(), at, s, body.Root, unknown)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	f := &fetch{
		dialer: &dialer{h}, part: p, board: newBoard(have), root: body.Root, log: discardLog(), synced: func(uint64) {},
		peers:    func(context.Context) []peer.ID { return []peer.ID{peers[2], peers[0], peers[1]} },
		verdicts: &verdicts{m: map[peer.ID]*verdict{}}, stall: receiveTimeout,
	}
	start := time.Now()
	if err := f.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.finish(); err != nil {
		t.Fatal(err)
	}
	sameFiles(t, path, filepath.Join(to, "file"))
	if took := time.Since(start); took > receiveTimeout/2 {
		t.Fatalf("it waited %v for the slow one", took)
	}
	if counts[0].Load() == 0 || counts[1].Load() == 0 {
		t.Fatalf("pieces came from %d and %d", counts[0].Load(), counts[1].Load())
	}
}
