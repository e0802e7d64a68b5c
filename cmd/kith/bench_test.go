package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/identity/vault"
	"github.com/kith-chat/kith/node/store"
)

// benchMessages is how many messages stand in the store of BenchmarkIdle;
// KITH_BENCH_N makes it fewer or more.
func benchMessages(b *testing.B) int {
	b.Helper()
	if s := os.Getenv("KITH_BENCH_N"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			b.Fatal(err)
		}
		return n
	}
	return 1_000_000
}

// fullHome is a profile that is in #lobby, where so many messages were said.
func fullHome(b *testing.B, n int) string {
	b.Helper()
	home := filepath.Join(b.TempDir(), "full")
	secrets, err := vault.NewAccount("Full", time.Now())
	if err != nil {
		b.Fatal(err)
	}
	if _, err := vault.Create(vault.Options{Dir: home}, secrets); err != nil {
		b.Fatal(err)
	}
	device, err := secrets.Device()
	if err != nil {
		b.Fatal(err)
	}
	s, err := store.Open(b.Context(), store.Options{Dir: filepath.Join(home, "store"), Key: secrets.StoreKey, Self: device.Account()})
	if err != nil {
		b.Fatal(err)
	}
	chat := event.Public("lobby")
	if err := s.PutChat(b.Context(), store.Chat{ID: chat, Kind: store.Public, Name: "lobby", Joined: true, Created: time.Now()}); err != nil {
		b.Fatal(err)
	}
	words := []string{"meeting", "tomorrow", "coffee", "report", "garden", "我们明天见面", "今天天气很好", "下午去公园"}
	var batch []store.Outgoing
	for i := range n {
		text := fmt.Sprintf("%s %s number %d", words[i%len(words)], words[(i/7)%len(words)], i)
		batch = append(batch, store.Outgoing{Chat: chat, Sign: func(at store.Slot) (*event.Event, error) {
			return event.Sign(device, event.Header{
				Conversation: chat, Sequence: at.Sequence, Previous: at.Previous, Parents: at.Parents, Time: at.Time,
			}, event.Text{Text: text})
		}})
		if len(batch) == 256 || i == n-1 {
			if _, err := s.PutOutgoingBatch(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
			batch = batch[:0]
		}
	}
	// A search waits until the index has caught up.
	if _, _, err := s.Search(b.Context(), store.SearchQuery{Text: "garden", Limit: 1}); err != nil {
		b.Fatal(err)
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	return home
}

// resident is what a process holds in memory and has used of the processor.
type resident struct {
	rss, anonymous float64 // MiB
	busy           time.Duration
}

// look reads what the kernel says of a process.
func look(b *testing.B, pid int) (r resident) {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		name, rest, _ := strings.Cut(line, ":")
		f := strings.Fields(rest)
		if len(f) == 0 {
			continue
		}
		kib, _ := strconv.ParseFloat(f[0], 64)
		switch name {
		case "VmRSS":
			r.rss = kib / 1024
		case "RssAnon":
			r.anonymous = kib / 1024
		}
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	f := strings.Fields(after)
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	r.busy = time.Duration(user+system) * time.Second / 100 // clock ticks
	return r
}

// started starts a program, waits for its first line, and returns how long
// that took.
func started(b *testing.B, program string, args ...string) (*exec.Cmd, time.Duration) {
	b.Helper()
	cmd := exec.CommandContext(context.Background(), program, args...)
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "KITH_") }), "KITH_KEYRING=off")
	if _, err := cmd.StdinPipe(); err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	start := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	r := bufio.NewReader(out)
	if _, err := r.ReadString('\n'); err != nil {
		b.Fatalf("%s ended before it was ready", program)
	}
	took := time.Since(start)
	go func() { _, _ = r.WriteTo(io.Discard) }()
	return cmd, took
}

func ended(b *testing.B, cmd *exec.Cmd) {
	b.Helper()
	_ = cmd.Process.Signal(syscall.SIGTERM)
	_ = cmd.Wait()
}

// idleFor is how long an idle process is watched.
const idleFor = 20 * time.Second

// BenchmarkIdle is the whole program, from its start until it says that it is
// ready, with 1,000,000 messages in its store, then its memory and its work
// while nothing happens. Beside it, in turns, a bare libp2p host with a DHT and
// gossipsub.
func BenchmarkIdle(b *testing.B) {
	if runtime.GOOS != "linux" {
		b.Skip("memory and work of a process are read from /proc")
	}
	dir := b.TempDir()
	programs := []string{filepath.Join(dir, "kith"), filepath.Join(dir, "barehost")}
	for i, from := range []string{".", "./testdata/barehost"} {
		if out, err := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", programs[i], from).CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
	}
	home := fullHome(b, benchMessages(b))
	args := [][]string{{
		"--home", home, "serve", "--dht", "private", "--bootstrap", "none", "--no-mdns",
		"--listen", "/ip4/127.0.0.1/tcp/0", "--listen", "/ip4/127.0.0.1/udp/0/quic-v1",
	}, nil}
	var starts [2][]time.Duration
	for range 10 {
		for i := range programs {
			cmd, took := started(b, programs[i], args[i]...)
			starts[i] = append(starts[i], took)
			ended(b, cmd)
		}
	}
	var idle [2]resident
	var busy [2]time.Duration
	for i := range programs {
		cmd, _ := started(b, programs[i], args[i]...)
		<-time.After(5 * time.Second) // what follows a start
		before := look(b, cmd.Process.Pid)
		<-time.After(idleFor)
		idle[i] = look(b, cmd.Process.Pid)
		busy[i] = idle[i].busy - before.busy
		ended(b, cmd)
	}
	for i, name := range []string{"", "bare-"} {
		slices.Sort(starts[i])
		b.ReportMetric(float64(starts[i][len(starts[i])/2].Microseconds())/1000, name+"start-p50-ms")
		b.ReportMetric(idle[i].rss, name+"idle-MiB")
		b.ReportMetric(idle[i].anonymous, name+"idle-heap-MiB")
		b.ReportMetric(100*busy[i].Seconds()/idleFor.Seconds(), name+"idle-%cpu")
	}
	b.ReportMetric(idle[0].rss/idle[1].rss, "memory-of-bare")
	b.ReportMetric(0, "ns/op")
}
