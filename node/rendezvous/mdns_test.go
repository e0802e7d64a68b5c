package rendezvous

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/node/nethost"
)

// machineEnv makes the test binary run as one machine of the mDNS lab: its
// value is the seed of the machine's key.
const machineEnv = "KITH_TEST_MDNS_MACHINE"

// TestMDNSMachine is no test but a machine of TestMDNS: it says whom it meets,
// and when.
func TestMDNSMachine(t *testing.T) {
	seed, err := strconv.Atoi(os.Getenv(machineEnv))
	if err != nil {
		t.Skip("runs within TestMDNS only")
	}
	h, err := nethost.New(t.Context(), nethost.Config{
		Device: device(t, byte(seed)), Listen: []string{"/ip4/0.0.0.0/tcp/0", "/ip4/0.0.0.0/udp/0/quic-v1"}, DHT: "off", Agent: "kith/test",
	})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	p := &person{all: &registry{}, device: device(t, byte(seed)), host: h, stop: func() {}}
	p.Service = New(Config{Host: h, Contacts: p, Directory: p, MDNS: true, Secret: func() identity.DiscoverySecret { return p.secret }})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	go func() { // until standard input ends
		for sc := bufio.NewScanner(os.Stdin); sc.Scan(); {
			say(ctx, h, sc.Text())
		}
		cancel()
	}()
	fmt.Println("ready")
	met := map[string]bool{}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		for _, id := range h.Network().Peers() {
			if !met[id.String()] {
				met[id.String()] = true
				fmt.Println("met", id)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// say tells whether a peer answers over the connection that there is.
func say(ctx context.Context, h host.Host, who string) {
	id, err := peer.Decode(who)
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(network.WithNoDial(ctx, "a test"), time.Second)
	defer cancel()
	if r, ok := <-ping.Ping(ctx, h, id); ok && r.Error == nil {
		fmt.Println("answers", id)
		return
	}
	fmt.Println("silent", id)
}

// lab is a bridge in a namespace of its own, with machines on it.
type lab struct {
	t      *testing.T
	prefix string
	n      int
}

func (l *lab) ip(args ...string) {
	l.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		l.t.Fatalf("ip %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func newLab(t *testing.T) *lab {
	t.Helper()
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Skip("network namespaces need Linux and root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("network namespaces need the ip command (iproute2)")
	}
	l := &lab{t: t, prefix: fmt.Sprintf("km%d", os.Getpid()%1000000)}
	if out, err := exec.Command("ip", "netns", "add", l.prefix+"br").CombinedOutput(); err != nil {
		t.Skipf("this machine makes no network namespaces: %s", out)
	}
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", l.prefix+"br").Run() })
	l.ip("-n", l.prefix+"br", "link", "add", "br0", "type", "bridge")
	l.ip("-n", l.prefix+"br", "link", "set", "br0", "up")
	return l
}

// machine is one namespace with one process in it.
type machine struct {
	l     *lab
	ns    string
	addr  string
	in    io.Writer
	lines chan string
	said  map[string]bool
}

func (l *lab) machine(plugged bool) *machine {
	l.t.Helper()
	l.n++
	m := &machine{l: l, ns: fmt.Sprintf("%sm%d", l.prefix, l.n), addr: fmt.Sprintf("10.78.0.%d/24", l.n), lines: make(chan string, 100), said: map[string]bool{}}
	l.ip("netns", "add", m.ns)
	l.t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", m.ns).Run() })
	l.ip("-n", m.ns, "link", "set", "lo", "up")
	if plugged {
		m.plug()
	}
	cmd := exec.Command("ip", "netns", "exec", m.ns, os.Args[0], "-test.run=^TestMDNSMachine$", "-test.timeout=120s")
	cmd.Env = append(os.Environ(), machineEnv+"="+strconv.Itoa(l.n))
	in, errIn := cmd.StdinPipe()
	out, errOut := cmd.StdoutPipe()
	if err := errors.Join(errIn, errOut, cmd.Start()); err != nil {
		l.t.Fatal(err)
	}
	m.in = in
	go func() {
		defer close(m.lines)
		for sc := bufio.NewScanner(out); sc.Scan(); {
			m.lines <- sc.Text()
		}
	}()
	l.t.Cleanup(func() {
		_ = in.Close()
		kill := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Signal(syscall.SIGKILL) })
		for range m.lines { // to its end
		}
		_ = cmd.Wait()
		kill.Stop()
	})
	m.until(30*time.Second, "ready")
	return m
}

// plug connects the machine with the bridge.
func (m *machine) plug() {
	l, port := m.l, "p"+m.ns[len(m.l.prefix):]
	l.ip("-n", m.ns, "link", "add", "eth0", "type", "veth", "peer", "name", port, "netns", l.prefix+"br")
	l.ip("-n", l.prefix+"br", "link", "set", port, "master", "br0", "up")
	l.ip("-n", m.ns, "addr", "add", m.addr, "dev", "eth0")
	l.ip("-n", m.ns, "link", "set", "eth0", "up")
	l.ip("-n", m.ns, "route", "add", "224.0.0.0/4", "dev", "eth0")
}

// until reads what the machine says up to a line, unless it has said it before,
// and returns how long it took.
func (m *machine) until(within time.Duration, want string) time.Duration {
	m.l.t.Helper()
	start, timer := time.Now(), time.After(within)
	for !m.said[want] {
		select {
		case line, ok := <-m.lines:
			if !ok {
				m.l.t.Fatalf("%s ended before it said %q", m.ns, want)
			}
			m.said[line] = true
		case <-timer:
			m.l.t.Fatalf("%s did not say %q within %v", m.ns, want, within)
		}
	}
	return time.Since(start)
}

// Machines on one LAN find each other within a second; one that is plugged in
// later, and one whose address changes, are found as well.
func TestMDNS(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds of real time")
	}
	l := newLab(t)
	a := l.machine(true)
	b := l.machine(true)
	took := b.until(5*time.Second, "met "+device(t, 1).ID().String())
	t.Logf("two machines met after %v", took.Round(time.Millisecond))
	if took > time.Second {
		t.Errorf("it took %v to meet on a LAN", took)
	}
	a.until(5*time.Second, "met "+device(t, 2).ID().String())

	late := l.machine(false)
	late.plug()
	took = late.until(15*time.Second, "met "+device(t, 1).ID().String())
	t.Logf("a machine that was plugged in was met after %v", took.Round(time.Millisecond))
	late.until(15*time.Second, "met "+device(t, 2).ID().String())

	l.ip("-n", late.ns, "addr", "del", late.addr, "dev", "eth0")
	l.ip("-n", late.ns, "addr", "add", "10.78.0.77/24", "dev", "eth0")
	l.ip("-n", late.ns, "route", "replace", "224.0.0.0/4", "dev", "eth0")
	for _, other := range []byte{1, 2} {
		t.Logf("a machine with a new address was reached after %v", late.reaches(30*time.Second, other).Round(time.Millisecond))
	}
}

// reaches asks the machine until another answers it.
func (m *machine) reaches(within time.Duration, seed byte) time.Duration {
	m.l.t.Helper()
	start, id := time.Now(), device(m.l.t, seed).ID().String()
	for time.Since(start) < within {
		if _, err := fmt.Fprintln(m.in, id); err != nil {
			m.l.t.Fatal(err)
		}
		for line := range m.lines {
			if line == "answers "+id {
				return time.Since(start)
			}
			if line == "silent "+id {
				break
			}
		}
	}
	m.l.t.Fatalf("%s does not reach %s within %v", m.ns, id, within)
	return 0
}
