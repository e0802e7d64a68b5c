package main

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The NAT lab: two people at home, each behind a router that masquerades, and
// public kith nodes that serve as relays and as the entry of a private DHT.
// "Public" are addresses of 11/8: libp2p takes the ranges for documentation
// for what they are.
//
//	ann 192.168.1.2 -- 192.168.1.1 [ left  ] 11.1.0.1 --+
//	                                                    +-- br0 -- hubs 11.10.0.1, 11.11.0.1, ...
//	bob 192.168.2.2 -- 192.168.2.1 [ right ] 11.2.0.1 --+
//
// There are four hubs because libp2p believes in an address of its own once
// four others have seen it.

// needs skips a test where a program is missing.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("this test needs the command %s", p)
		}
	}
}

// namespace makes one with nothing but loopback in it.
func (l *lab) namespace(name string) string {
	l.t.Helper()
	ns := l.prefix + "-" + name
	l.must("ip", "netns", "add", ns)
	l.t.Cleanup(func() { l.try("ip", "netns", "del", ns) })
	l.must("ip", "-n", ns, "link", "set", "lo", "up")
	return ns
}

// cable joins two namespaces by interfaces of these names.
func (l *lab) cable(a, nameA, b, nameB string) {
	l.t.Helper()
	l.must("ip", "-n", a, "link", "add", nameA, "type", "veth", "peer", "name", nameB, "netns", b)
	l.must("ip", "-n", a, "link", "set", nameA, "up")
	l.must("ip", "-n", b, "link", "set", nameB, "up")
}

// uplink gives a namespace an address of the internet on the bridge.
func (l *lab) uplink(ns, addr string) {
	l.t.Helper()
	l.next++
	port := fmt.Sprintf("p%d", l.next)
	l.cable(ns, "wan", l.bridge(), port)
	l.must("ip", "-n", l.bridge(), "link", "set", port, "master", "br0")
	l.must("ip", "-n", ns, "addr", "add", addr+"/8", "dev", "wan")
}

// public adds a machine with an address that everybody reaches.
func (l *lab) public(name, addr string) *machine {
	l.t.Helper()
	m := &machine{lab: l, name: name, ns: l.namespace(name), home: filepath.Join(l.t.TempDir(), name), addr: addr}
	l.uplink(m.ns, addr)
	m.kith("init", "--name", strings.ToUpper(name[:1])+name[1:])
	return m
}

// home adds a router with a public address, and one machine behind it. What
// nobody inside has asked for is dropped. A symmetric router chooses another
// port for each destination, so nobody can be told where to knock.
func (l *lab) home(name, lan, wan string, symmetric bool) *machine {
	l.t.Helper()
	router := l.namespace(name + "-gw")
	l.uplink(router, wan)
	m := &machine{lab: l, name: name, ns: l.namespace(name), home: filepath.Join(l.t.TempDir(), name), addr: lan + ".2"}
	l.cable(m.ns, "eth0", router, "lan")
	l.must("ip", "-n", router, "addr", "add", lan+".1/24", "dev", "lan")
	l.must("ip", "-n", m.ns, "addr", "add", m.addr+"/24", "dev", "eth0")
	l.must("ip", "-n", m.ns, "route", "add", "default", "via", lan+".1")
	masquerade := []string{"-t", "nat", "-A", "POSTROUTING", "-o", "wan", "-j", "MASQUERADE"}
	if symmetric {
		masquerade = append(masquerade, "--random-fully")
	}
	for _, rule := range [][]string{
		masquerade,
		{"-P", "FORWARD", "DROP"},
		{"-A", "FORWARD", "-i", "lan", "-j", "ACCEPT"},
		{"-A", "FORWARD", "-m", "conntrack", "--ctstate", "ESTABLISHED,RELATED", "-j", "ACCEPT"},
		{"-A", "INPUT", "-i", "wan", "-j", "DROP"},
	} {
		l.must(append([]string{"ip", "netns", "exec", router, "iptables", "-w"}, rule...)...)
	}
	l.must("ip", "netns", "exec", router, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
	m.kith("init", "--name", strings.ToUpper(name[:1])+name[1:])
	return m
}

// internet starts the hubs and returns how to enter their DHT.
func (l *lab) internet() (hubs []*machine, enter []string) {
	l.t.Helper()
	enter = []string{"--no-mdns", "--dht", "private"}
	for i := range 4 {
		h := l.public(fmt.Sprintf("hub%d", i), fmt.Sprintf("11.%d.0.1", 10+i))
		flags := append([]string{"--relay", "--listen", "/ip4/0.0.0.0/tcp/4001", "--listen", "/ip4/0.0.0.0/udp/4001/quic-v1"}, enter...)
		if i == 0 {
			flags = append(flags, "--bootstrap", "none")
		}
		h.serve(flags...)
		hubs = append(hubs, h)
		enter = append(enter, "--bootstrap", h.entry("tcp/4001"), "--bootstrap", h.entry("udp/4001/quic-v1"))
	}
	return hubs, enter
}

// entry is where a hub can be dialled.
func (m *machine) entry(port string) string {
	m.lab.t.Helper()
	return fmt.Sprintf("/ip4/%s/%s/p2p/%s", m.addr, port, m.lines("id")[0]["device"])
}

// homes starts Ann and Bob behind their routers, and makes them friends by an
// invite that carries no address. Whoever is behind a router must have found
// that out, and have a relay.
func homes(t *testing.T, l *lab, enter []string, symmetric bool) (ann, bob *machine) {
	t.Helper()
	ann = l.home("ann", "192.168.1", "11.1.0.1", symmetric)
	bob = l.home("bob", "192.168.2", "11.2.0.1", symmetric)
	invite := fmt.Sprint(bob.lines("invite")[0]["invite"])
	for _, m := range []*machine{ann, bob} {
		m.serve(enter...)
	}
	for _, m := range []*machine{ann, bob} {
		took := eventually(t, 90*time.Second, func() error {
			s := m.lines("status")[0]
			if !strings.Contains(fmt.Sprint(s["addresses"]), "/p2p-circuit") {
				return fmt.Errorf("%s has no relay: %v", m.name, s["addresses"])
			}
			if s["nat"] != "private" {
				return fmt.Errorf("%s takes itself for %v", m.name, s["nat"])
			}
			return nil
		})
		t.Logf("%s knew it is behind a router, and had a relay, after %v", m.name, took.Round(time.Second))
	}
	ann.kith("friends", "add", invite)
	took := eventually(t, 90*time.Second, func() error { return found(bob.lines("friends"), "Ann") })
	t.Logf("the request arrived after %v", took.Round(10*time.Millisecond))
	bob.kith("friends", "accept", "Ann")
	eventually(t, 30*time.Second, func() error {
		for _, f := range ann.lines("friends") {
			if f["name"] == "Bob" && f["state"] == "friend" {
				return nil
			}
		}
		return errors.New("Bob is no friend yet")
	})
	return ann, bob
}

// way returns the record of a person among the peers of a machine.
func (m *machine) way(name string) (map[string]any, error) {
	m.lab.t.Helper()
	for _, p := range m.lines("peers") {
		if who, ok := p["person"].(map[string]any); ok && who["name"] == name {
			return p, nil
		}
	}
	return nil, fmt.Errorf("%s is not connected with %s", m.name, name)
}

// spent returns the bytes that a machine has received for a purpose.
func (m *machine) spent(purpose string) float64 {
	m.lab.t.Helper()
	all, _ := m.lines("status")[0]["traffic"].([]any)
	for _, one := range all {
		if t, ok := one.(map[string]any); ok && t["purpose"] == purpose {
			in, _ := t["in"].(float64)
			return in
		}
	}
	return 0
}

// TestNAT_HolePunch is the story of two people behind ordinary routers: they
// meet through a relay, and then talk directly. The hubs are entered by QUIC,
// as a default node prefers: holes for TCP need both routers to understand
// two first packets that cross, and Linux itself does not always.
func TestNAT_HolePunch(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	needs(t, "iptables")
	hubs, enter := l.internet()
	ann, bob := homes(t, l, enter, false)
	ann.kith("send", "@Bob", "found you", "--wait", "20s")
	bob.kith("send", "@Ann", "so you did", "--wait", "20s")
	took := eventually(t, 90*time.Second, func() error {
		p, err := ann.way("Bob")
		if err == nil && p["relayed"] == true {
			err = fmt.Errorf("still through a relay: %v", p["addresses"])
		}
		return err
	})
	t.Logf("direct %v after the first words", took.Round(10*time.Millisecond))
	// Where both happen to dial in the same moment, they cross each other and
	// nothing needs to be agreed on.
	t.Logf("bytes of agreeing when to knock: %v; of the relay: %v", ann.spent("hole punching"), ann.spent("relaying"))
	ann.kith("send", "@Bob", "no longer through somebody else", "--wait", "20s")
	if out := ann.kith("doctor", "Bob"); strings.Contains(out, "relay") || !strings.Contains(out, "11.2.0.1") {
		t.Errorf("the doctor says\n%s", out)
	}
	eventually(t, time.Minute, func() error {
		if s := hubs[0].lines("status")[0]; s["nat"] != "public" {
			return fmt.Errorf("a hub takes itself for %v", s["nat"])
		}
		return nil
	})
}

// TestNAT_Symmetric is the story of two people whose routers let no hole be
// punched: they stay on the relay, chat, and send a small file.
func TestNAT_Symmetric(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	needs(t, "iptables")
	_, enter := l.internet()
	ann, bob := homes(t, l, enter, true)
	for i := range 10 {
		ann.kith("send", "@Bob", fmt.Sprintf("line %d", i), "--wait", "20s")
		bob.kith("send", "@Ann", fmt.Sprintf("answer %d", i), "--wait", "20s")
	}
	sendFile(t, ann, "@Bob", bob, 2<<20)
	p, err := ann.way("Bob")
	if err != nil || p["relayed"] != true {
		t.Fatalf("they are said to be connected directly: %v, %v", p, err)
	}
	if out := ann.kith("doctor", "Bob"); !strings.Contains(out, "through a relay") {
		t.Errorf("the doctor says\n%s", out)
	}
}

// TestEclipse_WrongEntry is the story of somebody who was given entry nodes
// that are not what they are said to be: the node works, finds nobody, and
// the doctor says of each entry what is wrong with it.
func TestEclipse_WrongEntry(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	hub := l.public("hub", "11.10.0.1")
	hub.serve("--no-mdns", "--dht", "private", "--bootstrap", "none", "--listen", "/ip4/0.0.0.0/tcp/4001")
	loner := l.public("loner", "11.11.0.1")
	loner.serve("--no-mdns", "--dht", "off", "--bootstrap", "none", "--listen", "/ip4/0.0.0.0/tcp/4001")
	bob := l.public("bob", "11.12.0.1")
	invite := fmt.Sprint(bob.lines("invite")[0]["invite"])
	ann := l.public("ann", "11.13.0.1")

	device := func(m *machine) string { return fmt.Sprint(m.lines("id")[0]["device"]) }
	for _, c := range []struct{ name, entry, says string }{
		// First: a hub that has met Ann once may call her again.
		{"no entry at all", "none", "--bootstrap names one"},
		{"another key than was said", "/ip4/11.10.0.1/tcp/4001/p2p/" + device(bob), "peer id mismatch"},
		{"nobody there", "/ip4/11.10.0.1/tcp/4002/p2p/" + device(hub), "connection refused"},
		{"somebody without a DHT", loner.entry("tcp/4001"), "is in another DHT, or in none"},
		{"a DHT that does not know Bob", hub.entry("tcp/4001"), "no record under the key of the day"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ann.serve("--no-mdns", "--dht", "private", "--bootstrap", c.entry)
			defer ann.stop()
			if len(ann.lines("friends")) == 0 {
				ann.kith("friends", "add", invite)
			}
			account := fmt.Sprint(bob.lines("id")[0]["account"])
			eventually(t, 60*time.Second, func() error {
				out, err := ann.run("doctor", account)
				switch {
				case err == nil:
					t.Fatalf("Bob, who is not there, was found:\n%s", out)
				case !strings.Contains(out, c.says):
					return fmt.Errorf("the doctor does not say %q:\n%s", c.says, out)
				}
				return nil
			})
		})
	}
}
