//go:build unix

package node_test

import (
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/node/store"
)

// floor is what a direct message cannot do without: the same bytes there and
// back over a bare libp2p stream, and one synced write of them on each side.
type floor struct {
	b      *testing.B
	stream network.Stream
	stores [2]*store.Store
	n      int
}

func newFloor(b *testing.B) *floor {
	b.Helper()
	f := &floor{b: b}
	x, err := bare()
	if err != nil {
		b.Fatal(err)
	}
	y, err := bare()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = x.Close(); _ = y.Close() })
	y.SetStreamHandler("/echo", func(s network.Stream) { _, _ = io.Copy(s, s) })
	if err := x.Connect(b.Context(), peer.AddrInfo{ID: y.ID(), Addrs: y.Addrs()}); err != nil {
		b.Fatal(err)
	}
	if f.stream, err = x.NewStream(b.Context(), y.ID(), "/echo"); err != nil {
		b.Fatal(err)
	}
	for i := range f.stores {
		o := store.Options{Dir: b.TempDir(), Self: identity.AccountID{1}, MinFree: 1, Ballast: -1}
		_, _ = rand.Read(o.Key[:])
		if f.stores[i], err = store.Open(b.Context(), o); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = f.stores[i].Close() })
	}
	return f
}

func (f *floor) once() time.Duration {
	buf := make([]byte, 450)
	start := time.Now()
	if _, err := f.stream.Write(buf); err != nil {
		f.b.Fatal(err)
	}
	if _, err := io.ReadFull(f.stream, buf); err != nil {
		f.b.Fatal(err)
	}
	f.n++
	for _, s := range f.stores {
		if err := s.PutSetting(f.b.Context(), fmt.Sprintf("floor/%d", f.n), buf); err != nil {
			f.b.Fatal(err)
		}
	}
	return time.Since(start)
}

// BenchmarkDirect is one direct message at a time between two whole nodes:
// from Send to its acknowledgement, durable on both sides. The floor is the
// sum of a raw libp2p echo and two synced store writes, in turns with it.
func BenchmarkDirect(b *testing.B) {
	ann, bob := newPersonWith(b, "Ann", quiet), newPersonWith(b, "Bob", quiet)
	befriend(b, ann, bob)
	f := newFloor(b)
	var ours, least []time.Duration
	const warm, rounds = 50, 1000
	for i := range warm + rounds {
		low := f.once()
		ann.atRest(b)
		start := time.Now()
		if _, err := ann.Send(b.Context(), "@Bob", usual, "", 10*time.Second); err != nil {
			b.Fatal(err)
		}
		if took := time.Since(start); i >= warm {
			ours, least = append(ours, took), append(least, low)
		}
		ann.atRest(b) // what follows a delivery must not slow the floor down
	}
	b.ReportMetric(micros(percentile(ours, 50)), "p50-µs")
	b.ReportMetric(micros(percentile(ours, 99)), "p99-µs")
	b.ReportMetric(micros(percentile(least, 50)), "floor-p50-µs")
	b.ReportMetric(micros(percentile(ours, 50))/micros(percentile(least, 50)), "of-floor")
	b.ReportMetric(0, "ns/op")
}

// atRest waits until nothing is left to be noted in the outbox.
func (p *person) atRest(b *testing.B) {
	for {
		cursor := p.Cursor()
		if s, err := p.Status(b.Context()); err != nil {
			b.Fatal(err)
		} else if s.Queued == 0 {
			return
		}
		if err := p.WaitChange(b.Context(), cursor); err != nil {
			b.Fatal(err)
		}
	}
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

// BenchmarkDirectBurst is 20,000 messages from 128 callers at once, from a
// node in one process to one in another: until all are durable on both sides
// and acknowledged.
func BenchmarkDirectBurst(b *testing.B) {
	ann, bob := couple(b)
	const count = 20_000
	ann.ask("say", "500") // both stores and the stream are warm
	sent, taken := ann.CPU, bob.ask("usage").CPU
	took := ann.ask("say", strconv.Itoa(count)).Seconds
	sent, taken = ann.CPU-sent, bob.ask("usage").CPU-taken
	b.ReportMetric(count/took, "messages/s")
	b.ReportMetric(1e6*sent/count, "sender-cpu-µs")
	b.ReportMetric(1e6*taken/count, "receiver-cpu-µs")
	b.ReportMetric(0, "ns/op")
}

// benchMiB is the size of BenchmarkFile's file in MiB; KITH_BENCH_MIB makes it
// smaller or larger.
func benchMiB(b *testing.B) int64 {
	b.Helper()
	if s := os.Getenv("KITH_BENCH_MIB"); s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		return n
	}
	return 1024
}

// BenchmarkFile is a file of 1 GiB between whole nodes in two processes: from
// the offer until it stands under its name at the friend's, verified and
// synced. Beside it, in turns, a bare libp2p stream over TCP with TLS to a
// synced file, unverified, and scp.
func BenchmarkFile(b *testing.B) {
	mib := benchMiB(b)
	gib := float64(mib) / 1024
	path := filepath.Join(b.TempDir(), "large.bin")
	writeRandom(b, path, mib<<20)
	ann, bob := couple(b)
	address := ann.ask("raw-serve", path).Address
	copyBy := scp(b)
	busy := func() float64 { return ann.ask("usage").CPU + bob.ask("usage").CPU }
	ann.ask("usage")
	idle := max(ann.Peak, bob.ask("usage").Peak)
	var ours, oursCPU, peak, raw, rawCPU, by, byCPU []float64
	for range 3 {
		cpu, start := busy(), time.Now()
		bob.tell("whole", filepath.Base(path))
		ann.ask("offer", path)
		bob.hear()
		ours = append(ours, time.Since(start).Seconds())
		oursCPU = append(oursCPU, busy()-cpu)
		peak = append(peak, max(ann.Peak, bob.Peak))

		if copyBy != nil {
			took, cpu := copyBy(path)
			by, byCPU = append(by, took), append(byCPU, cpu)
		}
	}
	for range 3 { // after the peaks of memory were taken
		cpu := busy()
		raw = append(raw, bob.ask("raw-fetch", address).Seconds)
		rawCPU = append(rawCPU, busy()-cpu)
	}
	b.ReportMetric(float64(mib)/median(ours), "MiB/s")
	b.ReportMetric(float64(mib)/median(raw), "raw-MiB/s")
	b.ReportMetric(median(raw)/median(ours), "of-raw")
	b.ReportMetric(median(oursCPU)/gib, "cpu-s/GiB")
	b.ReportMetric(median(rawCPU)/gib, "raw-cpu-s/GiB")
	b.ReportMetric(peak[len(peak)-1], "peak-MiB")
	b.ReportMetric(peak[len(peak)-1]-idle, "peak-over-idle-MiB")
	if copyBy != nil {
		b.ReportMetric(float64(mib)/median(by), "scp-MiB/s")
		b.ReportMetric(median(by)/median(ours), "times-scp")
		b.ReportMetric(median(byCPU)/gib, "scp-cpu-s/GiB")
	}
	b.ReportMetric(0, "ns/op")
}

func median(all []float64) float64 {
	d := make([]time.Duration, len(all))
	for i, x := range all {
		d[i] = time.Duration(x * float64(time.Second))
	}
	return percentile(d, 50).Seconds()
}

func writeRandom(b *testing.B, path string, size int64) {
	b.Helper()
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	if _, err := io.CopyN(f, rand.Reader, size); err != nil {
		b.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		b.Fatal(err)
	}
}

// scp starts an ssh server of its own on loopback, with its own keys and
// settings, and returns what copies a file over it and says how long it took
// and what it cost both ends. It is nil where there is no server.
func scp(b *testing.B) func(path string) (seconds, cpu float64) {
	b.Helper()
	sshd, err := exec.LookPath("/usr/sbin/sshd")
	if err != nil {
		b.Log("no sshd (openssh-server): scp is left out")
		return nil
	}
	dir := b.TempDir()
	key, port := filepath.Join(dir, "key"), strconv.Itoa(30_000+os.Getpid()%20_000)
	run(b, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
	run(b, "cp", key+".pub", filepath.Join(dir, "authorized"))
	config := fmt.Sprintf("Port %s\nListenAddress 127.0.0.1\nHostKey %s\nAuthorizedKeysFile %s\nPidFile none\n"+
		"StrictModes no\nUsePAM no\nPasswordAuthentication no\nSubsystem sftp internal-sftp\n", port, key, filepath.Join(dir, "authorized"))
	if err := os.WriteFile(filepath.Join(dir, "config"), []byte(config), 0o600); err != nil {
		b.Fatal(err)
	}
	_ = os.MkdirAll("/run/sshd", 0o755) // where the package has not made it
	return func(path string) (float64, float64) {
		server := exec.Command(sshd, "-D", "-f", filepath.Join(dir, "config"))
		if err := server.Start(); err != nil {
			b.Fatal(err)
		}
		args := []string{"-q", "-i", key, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectionAttempts=20"}
		eventuallyRuns(b, append(append([]string{"ssh", "-p", port}, args...), "127.0.0.1", "true")...)
		to := filepath.Join(dir, "copy")
		client := exec.Command("scp", append(append([]string{"-P", port}, args...), path, "127.0.0.1:"+to)...)
		start := time.Now()
		if out, err := client.CombinedOutput(); err != nil {
			b.Fatalf("scp: %v\n%s", err, out)
		}
		run(b, "sync", to) // as the others do
		took := time.Since(start).Seconds()
		_ = os.Remove(to)
		_ = server.Process.Signal(os.Interrupt)
		_ = server.Wait()
		cpu := client.ProcessState.UserTime() + client.ProcessState.SystemTime() +
			server.ProcessState.UserTime() + server.ProcessState.SystemTime()
		return took, cpu.Seconds()
	}
}

func run(b *testing.B, args ...string) {
	b.Helper()
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		b.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// eventuallyRuns repeats a command until it succeeds, five seconds at most.
func eventuallyRuns(b *testing.B, args ...string) {
	b.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range 100 {
		if exec.Command(args[0], args[1:]...).Run() == nil {
			return
		}
		<-tick.C
	}
	b.Fatalf("%s never succeeds", strings.Join(args, " "))
}
