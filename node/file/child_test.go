package file

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"

	"github.com/kith-chat/kith/identity/event"
)

// The test binary is also the other process: it runs as a child when this is
// set to what the child shall do.
const (
	childEnv = "KITH_FILE_TEST_CHILD"
	argsEnv  = "KITH_FILE_TEST_ARGS"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(childEnv); role != "" {
		if err := runChild(role, strings.Split(os.Getenv(argsEnv), "\n")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// usage is what a child says of itself at its end.
type usage struct {
	Seconds float64 // of the transfer
	CPU     float64 // seconds, user and system
	Memory  int64   // most KiB that were resident
	Bytes   uint64  // received and verified in this run
	Resumed uint64  // found on the disk at the start
}

func ownUsage() usage {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return usage{}
	}
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return usage{CPU: seconds(r.Utime) + seconds(r.Stime), Memory: r.Maxrss}
}

const rawProtocol = "/kith/file-test/raw"

func runChild(role string, args []string) error {
	ctx := context.Background()
	switch role {
	case "serve":
		return childServe(ctx, args)
	case "raw":
		return childRaw(ctx, args[0], args[1])
	case "fetch":
		return childFetch(ctx, args)
	}
	return fmt.Errorf("no role %q", role)
}

// childServe offers the file at a path, by the protocol and raw, until its
// input ends; the hashes are in a folder. With a seed and an address it is a
// host that was there before. It prints its address.
func childServe(ctx context.Context, args []string) error {
	path, dir, seed, listen := args[0], args[1], args[2], args[3]
	h, err := newSeededHost(seed, listen)
	if err != nil {
		return err
	}
	defer h.Close()
	t, err := openTrees(dir)
	if err != nil {
		return err
	}
	h.SetStreamHandler(rawProtocol, func(s network.Stream) {
		f, err := os.Open(path)
		if err != nil {
			_ = s.Reset()
			return
		}
		defer f.Close()
		_, _ = io.CopyBuffer(struct{ io.Writer }{s}, struct{ io.Reader }{f}, make([]byte, 1<<20))
		_ = s.Close()
	})
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	srv := newServer(t, oneFile{path, uint64(info.Size())}, discardLog())
	wg.Go(func() { srv.run(ctx, h) })
	fmt.Printf("%s/p2p/%s\n", h.Addrs()[0], h.ID())
	_, _ = io.Copy(io.Discard, os.Stdin)
	cancel()
	wg.Wait()
	u := ownUsage()
	u.Bytes = srv.sent.Load()
	return json.NewEncoder(os.Stdout).Encode(u)
}

// oneFile authorises everybody for whatever root.
type oneFile struct {
	path string
	size uint64
}

func (o oneFile) May(context.Context, peer.ID, Root) (string, uint64, bool) {
	return o.path, o.size, true
}

func childRaw(ctx context.Context, addr, to string) error {
	h, err := newTestHost()
	if err != nil {
		return err
	}
	defer h.Close()
	info, err := peer.AddrInfoFromString(addr)
	if err != nil {
		return err
	}
	if err := h.Connect(ctx, *info); err != nil {
		return err
	}
	start := time.Now()
	s, err := h.NewStream(ctx, info.ID, rawProtocol)
	if err != nil {
		return err
	}
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	defer f.Close()
	n, err := io.CopyBuffer(struct{ io.Writer }{f}, struct{ io.Reader }{s}, make([]byte, 1<<20))
	if err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	u := ownUsage()
	u.Seconds, u.Bytes = time.Since(start).Seconds(), uint64(n)
	return json.NewEncoder(os.Stdout).Encode(u)
}

// childFetch fetches from an address, into a folder, with the hashes at a
// path, a file of a size and a root. It says how much it found on the disk
// before it begins, so that a parent knows when to kill.
func childFetch(ctx context.Context, args []string) error {
	h, err := newTestHost()
	if err != nil {
		return err
	}
	defer h.Close()
	addr, dir, tree := args[0], args[1], args[2]
	size, err := strconv.ParseUint(args[3], 10, 64)
	if err != nil {
		return err
	}
	raw, err := hex.DecodeString(args[4])
	if err != nil {
		return err
	}
	info, err := peer.AddrInfoFromString(addr)
	if err != nil {
		return err
	}
	h.Peerstore().AddAddrs(info.ID, info.Addrs, time.Hour)
	s, err := newShape(size)
	if err != nil {
		return err
	}
	start := time.Now()
	at := partPlace{dir: dir, name: "file", short: "test", tree: tree}
	p, have, err := openPart(ctx, at, s, Root(raw), func(stamp) *pieceSet { return nil })
	if err != nil {
		return err
	}
	defer p.close()
	resumed := have.bytes()
	fmt.Printf("resumed %d\n", resumed)
	board := newBoard(have)
	received := uint64(0)
	for {
		f := &fetch{
			dialer: &dialer{h}, part: p, board: board, root: Root(raw), log: discardLog(), synced: func(uint64) {},
			peers:    func(context.Context) []peer.ID { return []peer.ID{info.ID} },
			verdicts: &verdicts{m: map[peer.ID]*verdict{}}, stall: receiveTimeout,
		}
		err := f.run(ctx)
		received += f.received.Load()
		if err == nil {
			break
		}
		if !errors.Is(err, ErrNoSource) {
			return err
		}
		h.Network().(*swarm.Swarm).Backoff().Clear(info.ID)
	}
	if _, err := p.finish(); err != nil {
		return err
	}
	u := ownUsage()
	u.Seconds, u.Bytes, u.Resumed = time.Since(start).Seconds(), received, resumed
	return json.NewEncoder(os.Stdout).Encode(u)
}

// child is a running child process.
type child struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   *bufio.Reader
}

func startChild(t testing.TB, role string, args ...string) *child {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{cmd: exec.Command(exe)}
	c.cmd.Env = append(os.Environ(), childEnv+"="+role, argsEnv+"="+strings.Join(args, "\n"))
	c.cmd.Stderr = os.Stderr
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.out = bufio.NewReader(out)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.kill)
	return c
}

// line reads one line of the child's output; empty at its end.
func (c *child) line() string {
	s, _ := c.out.ReadString('\n')
	return strings.TrimSpace(s)
}

// kill is kill -9.
func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

// end lets the child end and returns what it says of itself.
func (c *child) end(t testing.TB) usage {
	t.Helper()
	_ = c.stdin.Close()
	var u usage
	for {
		line := c.line()
		if line == "" {
			t.Fatal("the child ended without a word")
		}
		if json.Unmarshal([]byte(line), &u) == nil && strings.HasPrefix(line, "{") {
			break
		}
	}
	if err := c.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	return u
}

// served prepares a file and its tree for children; it returns the path of the
// file, the folder of the trees and the root.
func serveable(t testing.TB, size int64) (path, dir string, body event.File) {
	t.Helper()
	path = randomFile(t, size)
	dir = filepath.Join(t.TempDir(), "outboards")
	trees, err := openTrees(dir)
	if err != nil {
		t.Fatal(err)
	}
	if body, err = trees.describe(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	return path, dir, body
}
