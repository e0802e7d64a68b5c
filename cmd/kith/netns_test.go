package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The namespaces lab: real kith processes, each in a network namespace of its
// own, joined by one bridge that stands in a namespace too, so that no packet
// and no multicast touches the machine's own interfaces:
//
//	 ann 10.77.0.1 --+
//	 bob 10.77.0.2 --+-- br0 (in a namespace of its own)
//	 cy  10.77.0.3 --+

// lab is a bridge with machines on it.
type lab struct {
	t      *testing.T
	prefix string
	bin    string
	next   int
}

// machine is one namespace with one kith profile.
type machine struct {
	lab  *lab
	name string
	ns   string
	home string
	addr string
	node *process
}

// process is a running kith serve.
type process struct {
	cmd    *exec.Cmd
	ready  chan struct{}
	done   chan struct{}
	mu     sync.Mutex
	output bytes.Buffer
}

// newLab makes the bridge; it skips the test where namespaces cannot be made.
func newLab(t *testing.T) *lab {
	t.Helper()
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Skip("network namespaces need Linux and root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("network namespaces need the ip command (iproute2)")
	}
	l := &lab{t: t, prefix: fmt.Sprintf("k%d", os.Getpid()%100000), bin: buildKith(t)}
	l.prefix += string(rune('a' + labs.next()))
	if out, err := exec.Command("ip", "netns", "add", l.bridge()).CombinedOutput(); err != nil {
		t.Skipf("this machine makes no network namespaces: %s", out)
	}
	t.Cleanup(func() { l.try("ip", "netns", "del", l.bridge()) })
	l.must("ip", "-n", l.bridge(), "link", "add", "br0", "type", "bridge")
	l.must("ip", "-n", l.bridge(), "link", "set", "br0", "up")
	return l
}

// counter numbers the labs of one test process, so that they can run at once.
type counter struct {
	mu sync.Mutex
	n  int
}

func (c *counter) next() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	return c.n - 1
}

var (
	labs      counter
	buildOnce sync.Once
	builtPath string
	errBuild  error
)

// buildKith builds the program once for a test process.
func buildKith(t *testing.T) string {
	t.Helper()
	buildOnce.Do(func() {
		dir, err := os.MkdirTemp("", "kith-lab-")
		if err != nil {
			errBuild = err
			return
		}
		builtPath = filepath.Join(dir, "kith")
		out, err := exec.Command("go", "build", "-o", builtPath, ".").CombinedOutput()
		if err != nil {
			errBuild = fmt.Errorf("building kith: %w\n%s", err, out)
		}
	})
	if errBuild != nil {
		t.Fatal(errBuild)
	}
	return builtPath
}

func (l *lab) bridge() string { return l.prefix + "-br" }

func (l *lab) must(args ...string) {
	l.t.Helper()
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		l.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func (l *lab) try(args ...string) { _ = exec.Command(args[0], args[1:]...).Run() }

// machine adds a namespace on the bridge and a profile in it.
func (l *lab) machine(name string) *machine {
	l.t.Helper()
	l.next++
	m := &machine{
		lab: l, name: name, ns: l.prefix + "-" + name,
		home: filepath.Join(l.t.TempDir(), name), addr: fmt.Sprintf("10.77.0.%d", l.next),
	}
	port := fmt.Sprintf("p%d", l.next)
	l.must("ip", "netns", "add", m.ns)
	l.t.Cleanup(func() { l.try("ip", "netns", "del", m.ns) })
	l.must("ip", "-n", m.ns, "link", "add", "eth0", "type", "veth", "peer", "name", port, "netns", l.bridge())
	l.must("ip", "-n", l.bridge(), "link", "set", port, "master", "br0", "up")
	l.must("ip", "-n", m.ns, "addr", "add", m.addr+"/24", "dev", "eth0")
	l.must("ip", "-n", m.ns, "link", "set", "lo", "up")
	l.must("ip", "-n", m.ns, "link", "set", "eth0", "up")
	l.must("ip", "-n", m.ns, "route", "add", "224.0.0.0/4", "dev", "eth0")
	m.kith("init", "--name", strings.ToUpper(name[:1])+name[1:])
	return m
}

// command prepares kith with the machine's profile, in its namespace.
func (m *machine) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", m.ns, m.lab.bin, "--home", m.home}, args...)...)
	cmd.Env = append(os.Environ(), "KITH_KEYRING=off", "HOME="+m.home)
	return cmd
}

// run runs a command to its end; the error carries what it wrote.
func (m *machine) run(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(m.lab.t.Context(), 60*time.Second)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := m.command(ctx, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s: kith %s: %w: %s", m.name, strings.Join(args, " "), err, stderr.String())
	}
	return stdout.String(), nil
}

// kith runs a command that must succeed and returns its output.
func (m *machine) kith(args ...string) string {
	m.lab.t.Helper()
	out, err := m.run(args...)
	if err != nil {
		m.lab.t.Fatal(err)
	}
	return out
}

// lines runs a command with --json and returns its objects.
func (m *machine) lines(args ...string) []map[string]any {
	m.lab.t.Helper()
	return objects(m.lab.t, m.kith(append(args, "--json")...))
}

func objects(t *testing.T, out string) []map[string]any {
	t.Helper()
	var all []map[string]any
	dec := json.NewDecoder(strings.NewReader(out))
	for {
		var o map[string]any
		switch err := dec.Decode(&o); {
		case errors.Is(err, io.EOF):
			return all
		case err != nil:
			t.Fatalf("not JSON lines: %v\n%s", err, out)
		}
		all = append(all, o)
	}
}

// serve starts the node and waits until it answers.
func (m *machine) serve(flags ...string) {
	m.lab.t.Helper()
	p := &process{ready: make(chan struct{}), done: make(chan struct{})}
	p.cmd = m.command(context.Background(), append([]string{"serve"}, flags...)...)
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		m.lab.t.Fatal(err)
	}
	p.cmd.Stderr = &lockedWriter{p: p}
	if err := p.cmd.Start(); err != nil {
		m.lab.t.Fatal(err)
	}
	go p.watch(out)
	m.node = p
	m.lab.t.Cleanup(func() {
		m.stop()
		if m.lab.t.Failed() {
			m.lab.t.Logf("--- %s\n%s", m.name, p.text())
		}
	})
	select {
	case <-p.ready:
	case <-p.done:
		m.lab.t.Fatalf("%s ended before it was ready:\n%s", m.name, p.text())
	case <-time.After(30 * time.Second):
		m.lab.t.Fatalf("%s is not ready after 30 s:\n%s", m.name, p.text())
	}
}

type lockedWriter struct{ p *process }

func (w *lockedWriter) Write(b []byte) (int, error) {
	w.p.mu.Lock()
	defer w.p.mu.Unlock()
	return w.p.output.Write(b)
}

// watch collects the output; the first line on standard output says ready.
func (p *process) watch(out io.Reader) {
	defer close(p.done)
	sc := bufio.NewScanner(out)
	first := true
	for sc.Scan() {
		_, _ = (&lockedWriter{p}).Write(append(sc.Bytes(), '\n'))
		if first {
			close(p.ready)
			first = false
		}
	}
	_ = p.cmd.Wait()
}

func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String()
}

// stop ends the node politely; kill ends it at once. Both wait for its end.
func (m *machine) stop() { m.end(syscall.SIGTERM) }
func (m *machine) kill() { m.end(syscall.SIGKILL) }

func (m *machine) end(sig syscall.Signal) {
	if m.node == nil {
		return
	}
	_ = m.node.cmd.Process.Signal(sig)
	select {
	case <-m.node.done:
	case <-time.After(20 * time.Second):
		_ = m.node.cmd.Process.Kill()
		<-m.node.done
		m.lab.t.Errorf("%s did not end within 20 s of a signal", m.name)
	}
	m.node = nil
}

// eventually repeats check until it returns nil, and returns how long it took.
func eventually(t *testing.T, within time.Duration, check func() error) time.Duration {
	t.Helper()
	start := time.Now()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return time.Since(start)
		}
		if time.Since(start) > within {
			t.Fatalf("still not so after %v: %v", within, err)
		}
		<-tick.C
	}
}
