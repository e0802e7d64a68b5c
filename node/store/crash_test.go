//go:build linux

package store_test

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/store"
)

// The crash tests run a writer as a process of its own: this test binary,
// started again with these variables. It prints the ID of each message after
// the store has said that it is durable.
const (
	envDir = "KITH_TEST_WRITER_DIR"
	envLax = "KITH_TEST_WRITER_LAX"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(envDir); dir != "" {
		if err := writer(dir, os.Getenv(envLax) != ""); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// crashProfile is who the writer is: the same each time.
func crashProfile() (*identity.Device, store.Options, store.Chat, identity.AccountID, error) {
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	account := identity.NewAccountKey([32]byte{1})
	cert, err := identity.Certify(account, identity.DeviceID(key.Public().(ed25519.PublicKey)), time.UnixMilli(1_700_000_000_000))
	if err != nil {
		return nil, store.Options{}, store.Chat{}, identity.AccountID{}, err
	}
	d, err := identity.NewDevice(key, cert)
	peer := identity.NewAccountKey([32]byte{2}).ID()
	chat := store.Chat{ID: event.Direct(account.ID(), peer), Kind: store.Direct, Peer: peer, Joined: true}
	return d, store.Options{Key: [32]byte{7}, Self: account.ID(), MinFree: 1 << 20, Ballast: -1}, chat, peer, err
}

// writer sends messages from four callers until it is killed.
func writer(dir string, lax bool) error {
	device, opts, chat, peer, err := crashProfile()
	if err != nil {
		return err
	}
	opts.Dir = dir
	if lax {
		opts = opts.Lax()
	}
	s, err := store.Open(context.Background(), opts)
	if err != nil {
		return err
	}
	if err := s.PutChat(context.Background(), chat); err != nil {
		return err
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	failed := make(chan error, 4)
	for worker := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				e, err := s.PutOutgoing(context.Background(), store.Outgoing{
					Chat: chat.ID, To: []identity.AccountID{peer},
					Sign: func(p store.Slot) (*event.Event, error) {
						return event.Sign(device, event.Header{
							Conversation: chat.ID, Sequence: p.Sequence, Previous: p.Previous, Parents: p.Parents, Time: p.Time,
						}, event.Text{Text: fmt.Sprintf("message %d of worker %d", i, worker)})
					},
				})
				if err != nil {
					failed <- err
					return
				}
				mu.Lock()
				fmt.Println(e.Event.ID())
				mu.Unlock()
			}
		})
	}
	return <-failed
}

// child is a running writer.
type child struct {
	cmd  *exec.Cmd
	mu   sync.Mutex
	ids  []event.ID
	more chan struct{}
	done chan struct{}
	errs strings.Builder
}

func startWriter(t *testing.T, dir string, lax bool) *child {
	t.Helper()
	c := &child{cmd: exec.Command(os.Args[0]), more: make(chan struct{}, 1), done: make(chan struct{})}
	c.cmd.Env = append(os.Environ(), envDir+"="+dir)
	if lax {
		c.cmd.Env = append(c.cmd.Env, envLax+"=1")
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.cmd.Stderr = &c.errs
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(c.done)
		c.read(out)
		_ = c.cmd.Wait()
	}()
	return c
}

func (c *child) read(out io.Reader) {
	sc := bufio.NewScanner(out)
	for sc.Scan() {
		id, err := event.ParseID(sc.Text())
		if err != nil {
			continue
		}
		c.mu.Lock()
		c.ids = append(c.ids, id)
		c.mu.Unlock()
		select {
		case c.more <- struct{}{}:
		default:
		}
	}
}

// await waits until the writer has acknowledged n messages in all.
func (c *child) await(t *testing.T, n int) {
	t.Helper()
	deadline := time.After(60 * time.Second)
	for {
		if len(c.acked()) >= n {
			return
		}
		select {
		case <-c.more:
		case <-c.done:
			t.Fatalf("the writer ended: %s", c.errs.String())
		case <-deadline:
			t.Fatalf("the writer has acknowledged %d messages in a minute", len(c.acked()))
		}
	}
}

func (c *child) acked() []event.ID {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]event.ID(nil), c.ids...)
}

func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	<-c.done
}

// lost opens the store and returns how many of the messages are not there, or
// not in the outbox, or there twice.
func lost(t *testing.T, dir string, acked []event.ID) int {
	t.Helper()
	_, opts, chat, peer, err := crashProfile()
	if err != nil {
		t.Fatal(err)
	}
	opts.Dir = dir
	s, err := store.Open(t.Context(), opts)
	if err != nil {
		t.Fatalf("the store does not open after the crash: %v", err)
	}
	defer s.Close()
	waiting := make(map[event.ID]int)
	var after uint64
	for {
		rows, err := s.Outbox(t.Context(), peer, after, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) == 0 {
			break
		}
		for _, r := range rows {
			waiting[r.ID]++
			after = r.Position
		}
	}
	missing := 0
	for _, id := range acked {
		if _, err := s.Get(t.Context(), id); err != nil || waiting[id] != 1 {
			missing++
		}
	}
	if missing == 0 {
		if err := s.Check(t.Context(), chat.ID); err != nil {
			t.Errorf("after the crash: %v", err)
		}
		chains, err := s.Chains(t.Context(), chat.ID)
		if err != nil || len(chains) != 1 || chains[0].Forks != 0 || chains[0].Missing != 0 {
			t.Errorf("after the crash our own chain is %+v, %v", chains, err)
		}
	}
	return missing
}

func times(env string, normal int) int {
	if n, err := strconv.Atoi(os.Getenv(env)); err == nil && n > 0 {
		return n
	}
	return normal
}

// TestKill kills the writer at any moment: nothing that was acknowledged is
// lost or there twice, and the store opens by itself. It does not show that
// writes are synced, since the page cache survives a process: TestPowerCut does.
func TestKill(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "store")
	var acked []event.ID
	for i := range times("KITH_KILLS", 20) {
		c := startWriter(t, dir, false)
		c.await(t, 1+(i*37)%150)
		c.kill()
		acked = append(acked, c.acked()...)
		if n := lost(t, dir, acked); n > 0 {
			t.Fatalf("kill %d: %d of %d acknowledged messages are lost or twice there", i, n, len(acked))
		}
	}
	t.Logf("%d messages acknowledged, none lost", len(acked))
}

// disk is a file system in a file, mounted.
type disk struct {
	t           *testing.T
	image, path string
}

func newDisk(t *testing.T, dir, name string, image string) *disk {
	t.Helper()
	d := &disk{t: t, image: image, path: filepath.Join(dir, name)}
	if err := os.MkdirAll(d.path, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-o", "loop", image, d.path).CombinedOutput(); err != nil {
		t.Skipf("this machine mounts no images: %s", out)
	}
	t.Cleanup(d.unmount)
	return d
}

func (d *disk) unmount() { _ = exec.Command("umount", d.path).Run() }

func needMount(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Skip("mounting an image needs Linux and root")
	}
	if _, err := exec.LookPath("mkfs.ext4"); err != nil {
		t.Skip("mkfs.ext4 is not here")
	}
}

// image makes an empty file system in a file.
func image(t *testing.T, path string, size int64) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mkfs.ext4", "-q", "-F", path).CombinedOutput(); err != nil {
		t.Skipf("mkfs.ext4: %s", out)
	}
}

// TestPowerCut copies a mounted image under a live writer, as a power cut would
// leave it, and opens the copy: nothing that was acknowledged before the cut is
// lost. The same with synced writes off must lose something, or the test would
// show nothing.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	needMount(t)
	cuts := times("KITH_CUTS", 30)
	if n := powerCuts(t, cuts, false); n > 0 {
		t.Errorf("%d acknowledged messages are lost in %d power cuts", n, cuts)
	}
	if n := powerCuts(t, 3, true); n == 0 {
		t.Error("even without synced writes nothing is lost: this test shows nothing")
	}
}

func powerCuts(t *testing.T, cuts int, lax bool) (missing int) {
	dir := t.TempDir()
	original := filepath.Join(dir, "disk.img")
	image(t, original, 192<<20)
	live := newDisk(t, dir, "live", original)
	defer live.unmount()
	c := startWriter(t, filepath.Join(live.path, "store"), lax)
	defer c.kill()
	for i := range cuts {
		c.await(t, len(c.acked())+20+(i*13)%60)
		_ = c.cmd.Process.Signal(syscall.SIGSTOP)
		acked := c.acked()
		cut := filepath.Join(dir, "cut.img")
		if out, err := exec.Command("cp", "--sparse=always", original, cut).CombinedOutput(); err != nil {
			t.Fatalf("copying the image: %s", out)
		}
		after := newDisk(t, dir, "cut"+hex.EncodeToString([]byte{byte(i)}), cut)
		missing += lost(t, filepath.Join(after.path, "store"), acked)
		after.unmount()
		_ = c.cmd.Process.Signal(syscall.SIGCONT)
	}
	t.Logf("synced writes %v: %d cuts, %d acknowledged, %d lost", !lax, cuts, len(c.acked()), missing)
	return missing
}

// TestDiskFull fills a small disk: new work is refused with a clear error,
// what was acknowledged stays, nothing crashes, and when there is room again
// the store goes on by itself.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	needMount(t)
	dir := t.TempDir()
	img := filepath.Join(dir, "disk.img")
	image(t, img, 320<<20)
	d := newDisk(t, dir, "small", img)
	w := newWorld(t)
	if err := w.s.Close(); err != nil {
		t.Fatal(err)
	}
	w.opts.Dir, w.opts.MinFree = filepath.Join(d.path, "store"), 128<<20
	w.open()
	defer func() { _ = w.s.Close() }()
	if err := w.s.PutChat(t.Context(), w.direct); err != nil {
		t.Fatal(err)
	}
	sent := w.send("while there is room").Event.ID()
	foreign := filepath.Join(d.path, "somebody else's")
	fill(t, foreign, 170<<20)
	_, err := w.s.PutOutgoing(t.Context(), w.outgoing(event.Text{Text: "no room"}))
	if state, free, detail := w.s.Space(); err == nil || state != store.SpaceFull {
		t.Fatalf("a full disk: %v, state %v, %d MiB free, %s", err, state, free>>20, detail)
	}
	if _, err := w.s.Get(t.Context(), sent); err != nil {
		t.Fatalf("reading while the disk is full: %v", err)
	}
	w.reopen() // starts while the disk is full, and reads
	if len(w.history(10)) != 1 {
		t.Fatal("the history is gone")
	}
	if err := os.Remove(foreign); err != nil {
		t.Fatal(err)
	}
	w.send("room again")
	if state, _, _ := w.s.Space(); state != store.SpaceOK {
		t.Fatalf("with room again the state is %v", state)
	}
}

func fill(t *testing.T, path string, size int64) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := syscall.Fallocate(int(f.Fd()), 0, 0, size); err != nil {
		t.Fatal(err)
	}
}
