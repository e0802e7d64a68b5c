//go:build unix

package node_test

import (
	"bufio"
	"context"
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

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/identity/vault"
	"github.com/kith-chat/kith/node"
)

// The test binary is also the other process of the benchmarks that need two:
// it runs as a child when this names a home. A child is a whole node on
// loopback TCP, which does what it reads, line by line, and answers each line
// with one of JSON.
const childEnv = "KITH_NODE_TEST_CHILD"

func TestMain(m *testing.M) {
	if home := os.Getenv(childEnv); home != "" {
		if err := runChild(context.Background(), home); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// answer is what a child says.
type answer struct {
	Invite  string  `json:",omitempty"`
	Address string  `json:",omitempty"`
	Error   string  `json:",omitempty"`
	Seconds float64 `json:",omitempty"` // of what was asked for
	CPU     float64 // seconds since the start, user and system
	Peak    float64 // MiB that were resident at most
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// residentPeak is the most MiB of this process that were in memory, zero where
// the system does not say. (The figure of getrusage begins with the parent's.)
func residentPeak() float64 {
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(raw), "VmHWM:")
	kib, err := strconv.ParseFloat(strings.TrimSpace(strings.SplitN(after, "kB", 2)[0]), 64)
	if err != nil {
		return 0
	}
	return kib / 1024
}

func runChild(ctx context.Context, home string) error {
	s, err := vault.NewAccount(filepath.Base(home), time.Now())
	if err != nil {
		return err
	}
	v, err := vault.Create(vault.Options{Dir: home}, s)
	if err != nil {
		return err
	}
	n, err := node.Open(ctx, node.Config{
		Home: home, Vault: v, Version: "bench", Listen: []string{"/ip4/127.0.0.1/tcp/0"}, DHT: "off",
		AutoAccept: 1 << 40, Downloads: filepath.Join(home, "downloads"), MinFree: 1 << 20,
	})
	if err != nil {
		return err
	}
	self, err := n.Self(ctx)
	if err != nil {
		return err
	}
	var accepting sync.WaitGroup
	accepting.Go(func() {
		_ = n.Watch(ctx, 0, false, func(news node.News) error {
			if f := news.Friend; f != nil && f.State == node.FriendIncoming {
				_, err := n.AcceptFriend(ctx, f.Person.Account.String())
				return err
			}
			return nil
		})
	})
	out := json.NewEncoder(os.Stdout)
	say := func(a answer, err error) error {
		if err != nil {
			a.Error = err.Error()
		}
		a.CPU, a.Peak = cpuTime().Seconds(), residentPeak()
		return out.Encode(a)
	}
	err = say(answer{Invite: self.Invite}, nil)
	c := &childNode{n: n, home: home}
	in := bufio.NewScanner(os.Stdin)
	for err == nil && in.Scan() {
		err = say(c.do(ctx, strings.Fields(in.Text())))
	}
	err = errors.Join(err, n.Close())
	accepting.Wait()
	if c.host != nil {
		err = errors.Join(err, c.host.Close())
	}
	return err
}

// childNode is a child at work.
type childNode struct {
	n    *node.Node
	home string
	host host.Host // a bare one, beside the node
}

const rawFile = "/bench/raw-file"

func (c *childNode) do(ctx context.Context, words []string) (a answer, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	start := time.Now()
	switch words[0] {
	case "befriend": // by an invite
		err = c.befriend(ctx, words[1])
	case "say": // so many messages at once, until all are acknowledged
		count, _ := strconv.Atoi(words[1])
		err = c.say(ctx, count)
	case "offer":
		_, _, err = c.n.OfferFile(ctx, c.friend(ctx), words[1], "", "", "")
	case "whole": // wait for an offered file of this name, and remove it
		err = c.whole(ctx, words[1])
	case "raw-serve":
		a.Address, err = c.serveRaw(words[1])
	case "raw-fetch":
		err = c.fetchRaw(ctx, words[1])
	case "usage":
	default:
		err = fmt.Errorf("no command %q", words[0])
	}
	a.Seconds = time.Since(start).Seconds()
	return a, err
}

func (c *childNode) friend(ctx context.Context) string {
	all, err := c.n.Friends(ctx)
	if err != nil || len(all) == 0 {
		return ""
	}
	return "@" + all[0].Person.Account.String()
}

func (c *childNode) befriend(ctx context.Context, invite string) error {
	if _, err := c.n.AddFriend(ctx, invite, ""); err != nil {
		return err
	}
	errFriends := errors.New("friends")
	err := c.n.Watch(ctx, 1, false, func(node.News) error {
		if all, err := c.n.Friends(ctx); err == nil && len(all) > 0 && all[0].State == node.FriendYes {
			return errFriends
		}
		return nil
	})
	if errors.Is(err, errFriends) {
		return nil
	}
	return fmt.Errorf("becoming friends: %w", err)
}

// talkers is how many callers say messages at once in a burst.
const talkers = 128

const usual = "a message of usual length, such as people write"

func (c *childNode) say(ctx context.Context, count int) error {
	to := c.friend(ctx)
	var wg sync.WaitGroup
	errs := make([]error, talkers)
	for i := range talkers {
		wg.Go(func() {
			for n := i; n < count && errs[i] == nil; n += talkers {
				_, errs[i] = c.n.Send(ctx, to, usual, "", 0)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	// Acknowledgements come in the order of the messages: the last one's says
	// that all are there.
	_, err := c.n.Send(ctx, to, "the last one", "", 2*time.Minute)
	return err
}

func (c *childNode) whole(ctx context.Context, name string) error {
	path := filepath.Join(c.home, "downloads", name)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Stat(path); err == nil { // it appears when it is whole
			return os.Remove(path)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// bare returns a libp2p host on loopback TCP with TLS: the reference.
func bare() (host.Host, error) {
	return libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableRelay(),
		libp2p.ResourceManager(&network.NullResourceManager{}))
}

func (c *childNode) serveRaw(path string) (string, error) {
	h, err := bare()
	if err != nil {
		return "", err
	}
	c.host = h
	h.SetStreamHandler(rawFile, func(s network.Stream) {
		f, err := os.Open(path)
		if err != nil {
			_ = s.Reset()
			return
		}
		defer f.Close()
		_, _ = io.CopyBuffer(struct{ io.Writer }{s}, struct{ io.Reader }{f}, make([]byte, 1<<20))
		_ = s.Close()
	})
	return fmt.Sprintf("%s/p2p/%s", h.Addrs()[0], h.ID()), nil
}

func (c *childNode) fetchRaw(ctx context.Context, addr string) error {
	h, err := bare()
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
	s, err := h.NewStream(ctx, info.ID, rawFile)
	if err != nil {
		return err
	}
	path := filepath.Join(c.home, "raw")
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer os.Remove(path)
	_, err = io.CopyBuffer(struct{ io.Writer }{f}, struct{ io.Reader }{s}, make([]byte, 1<<20))
	return errors.Join(err, f.Sync(), f.Close())
}

// child is a running child process.
type child struct {
	b    *testing.B
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *json.Decoder
	home string
	answer
}

// startChild starts a node of this name in a process of its own.
func startChild(b *testing.B, name string) *child {
	b.Helper()
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	c := &child{b: b, cmd: exec.Command(exe), home: filepath.Join(b.TempDir(), name)}
	c.cmd.Env = append(os.Environ(), childEnv+"="+c.home)
	c.cmd.Stderr = os.Stderr
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		b.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	c.out = json.NewDecoder(out)
	if err := c.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = c.in.Close()
		if err := c.cmd.Wait(); err != nil {
			b.Errorf("%s: %v", name, err)
		}
	})
	c.hear()
	return c
}

func (c *child) hear() answer {
	c.b.Helper()
	c.answer = answer{}
	if err := c.out.Decode(&c.answer); err != nil {
		c.b.Fatalf("the child ended without a word: %v", err)
	}
	if c.Error != "" {
		c.b.Fatal(c.Error)
	}
	return c.answer
}

// tell gives a child something to do; ask waits for the answer as well.
func (c *child) tell(words ...string) {
	c.b.Helper()
	if _, err := fmt.Fprintln(c.in, strings.Join(words, " ")); err != nil {
		c.b.Fatal(err)
	}
}

func (c *child) ask(words ...string) answer {
	c.b.Helper()
	c.tell(words...)
	return c.hear()
}

// couple are two friends in two processes.
func couple(b *testing.B) (ann, bob *child) {
	b.Helper()
	ann, bob = startChild(b, "Ann"), startChild(b, "Bob")
	ann.ask("befriend", bob.Invite)
	return ann, bob
}
