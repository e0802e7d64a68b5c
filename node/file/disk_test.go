//go:build linux

package file

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sys/unix"

	"github.com/kith-chat/kith/node/file/pb"
)

// smallDisk mounts a file system of so many MiB.
func smallDisk(t *testing.T, mib int) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", mib)); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestDiskFull: a file that does not fit waits, says so, and goes on by itself
// when there is room.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, 24)
	ann, bob := twoNodes(t)
	path := randomFile(t, 30<<20)
	offer := ann.share(t, path)
	if _, err := bob.Offered(t.Context(), offer); err != nil {
		t.Fatal(err)
	}
	if _, err := bob.Want(t.Context(), offer.Offer, disk); err != nil {
		t.Fatal(err)
	}
	got := bob.awaitEnd(t, offer.Offer)
	if got.State != StateWaiting || !strings.HasPrefix(got.Error, "disk full: needs 30.5 MiB, has ") {
		t.Fatalf("%s: %q", got.State, got.Error)
	}
	if err := unix.Mount("", disk, "", unix.MS_REMOUNT, "size=100m"); err != nil {
		t.Fatal(err)
	}
	sameFiles(t, path, bob.await(t, offer.Offer, StateDone).Path)
}

// TestDiskFills: the disk is filled by another program in the middle.
func TestDiskFills(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, 64)
	path, dir, body := serveable(t, 30<<20)
	trees, err := openTrees(dir)
	if err != nil {
		t.Fatal(err)
	}
	src, h := testHost(t), testHost(t)
	introduce(h, src)
	ballast := filepath.Join(disk, "ballast")
	filled := make(chan struct{})
	serveSpoilt(t, src, trees, path, func(n int, m *pb.Response, data []byte) (*pb.Response, []byte) {
		if n == 20 {
			_ = writeRandom(ballast, 64<<20) // until nothing is free
			close(filled)
		}
		return m, data
	})
	s, err := newShape(body.Size)
	if err != nil {
		t.Fatal(err)
	}
	at := partPlace{dir: disk, name: "file", short: "test", tree: filepath.Join(t.TempDir(), "x.part")}
	p, have, err := openPart(t.Context(), at, s, body.Root, unknown)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	newFetch := func() *fetch {
		return &fetch{
			dialer: &dialer{h}, part: p, board: newBoard(have), root: body.Root, log: discardLog(), synced: func(uint64) {},
			peers:    func(context.Context) []peer.ID { return []peer.ID{src.ID()} },
			verdicts: &verdicts{m: map[peer.ID]*verdict{}}, stall: 5 * time.Second,
		}
	}
	var full *DiskFullError
	if err := newFetch().run(t.Context()); !errors.As(err, &full) || full.Need <= full.Have {
		t.Fatalf("ended with %v", err)
	}
	if stands(disk, "file") {
		t.Fatal("a file that is not whole has its name")
	}
	if have.bytes() < 5<<20 {
		t.Fatalf("only %d bytes are kept", have.bytes())
	}
	<-filled // its room comes back when it is closed
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := newFetch().run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.finish(); err != nil {
		t.Fatal(err)
	}
	sameFiles(t, path, filepath.Join(disk, "file"))
}

// TestMemory fetches 512 MiB between two processes; neither grows by more
// than 50 MiB.
func TestMemory(t *testing.T) {
	t.Parallel()
	const size = 512 << 20
	path := filepath.Join(t.TempDir(), "sparse")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "outboards")
	trees, err := openTrees(dir)
	if err != nil {
		t.Fatal(err)
	}
	body, err := trees.describe(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	idle := startChild(t, "serve", path, dir, "", "")
	idle.line()
	base := idle.end(t).Memory
	server := startChild(t, "serve", path, dir, "", "")
	to := t.TempDir()
	client := startChild(t, "fetch", server.line(), to, filepath.Join(dir, "x.part"), fmt.Sprint(size), fmt.Sprintf("%x", body.Root))
	c, s := client.end(t), server.end(t)
	t.Logf("KiB resident at most: idle %d, sending %d, receiving %d", base, s.Memory, c.Memory)
	if grown := max(c.Memory, s.Memory) - base; grown > 50<<10*memoryFactor {
		t.Fatalf("a process grew by %d KiB", grown)
	}
}
