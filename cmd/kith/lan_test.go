package main

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// offline is what keeps a default node from naming the public DHT: everything
// else is as a new user has it.
var offline = []string{"--bootstrap", "none"}

// TestLAN is the story of a household: three machines find each other, talk in
// the lobby, two become friends by a name found on the LAN, and a large file
// goes over.
func TestLAN(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	ann, bob, cy := l.machine("ann"), l.machine("bob"), l.machine("cy")
	for _, m := range []*machine{ann, bob, cy} {
		m.serve(offline...)
	}
	took := eventually(t, 10*time.Second, func() error {
		return found(ann.lines("friends", "find"), "Bob", "Cy")
	})
	t.Logf("found each other %v after the last one was ready", took.Round(time.Millisecond))

	t.Run("everybody reads everything in the lobby", func(t *testing.T) {
		chatInLobby(t, ann, bob, cy)
	})
	t.Run("two become friends by a name found on the LAN", func(t *testing.T) {
		befriend(t, ann, "Bob", bob, "Ann")
		ann.kith("send", "@Bob", "are you there?", "--wait", "10s")
		last := bob.lines("history", "@Ann", "-n", "1")
		if len(last) != 1 || last[0]["text"] != "are you there?" {
			t.Fatalf("Bob's history ends with %v", last)
		}
	})
	t.Run("nobody else can write to them", func(t *testing.T) {
		if out, err := cy.run("send", "@Bob", "psst", "--wait", "5s"); err == nil {
			t.Fatalf("a stranger's direct message went through: %s", out)
		}
	})
	t.Run("a file of 200 MiB goes over", func(t *testing.T) {
		sendFile(t, ann, "@Bob", bob, 200<<20)
	})
}

// found checks that the people listed include all these names.
func found(people []map[string]any, names ...string) error {
	have := map[string]bool{}
	for _, p := range people {
		have[fmt.Sprint(p["name"])] = true
	}
	for _, n := range names {
		if !have[n] {
			return fmt.Errorf("%s is not among %v", n, people)
		}
	}
	return nil
}

func chatInLobby(t *testing.T, all ...*machine) {
	const each = 20
	for _, m := range all {
		m.kith("join", "lobby")
	}
	for _, m := range all {
		eventually(t, 20*time.Second, func() error {
			if n := len(m.lines("members", "#lobby")); n < len(all)-1 {
				return fmt.Errorf("%s sees %d others in the lobby", m.name, n)
			}
			return nil
		})
	}
	want := map[string]bool{}
	for _, m := range all {
		for i := range each {
			text := fmt.Sprintf("%s says %d", m.name, i)
			want[text] = true
			m.kith("send", "#lobby", text)
		}
	}
	for _, m := range all {
		eventually(t, 20*time.Second, func() error {
			got := map[string]int{}
			for _, line := range m.lines("history", "#lobby", "-n", "200") {
				got[fmt.Sprint(line["text"])]++
			}
			for text := range want {
				if got[text] != 1 {
					return fmt.Errorf("%s has %q %d times", m.name, text, got[text])
				}
			}
			return nil
		})
	}
}

// befriend lets a ask b by name and b accept.
func befriend(t *testing.T, a *machine, nameOfB string, b *machine, nameOfA string) {
	t.Helper()
	a.kith("friends", "add", nameOfB, "--note", "it is me from the kitchen")
	eventually(t, 20*time.Second, func() error {
		for _, f := range b.lines("friends") {
			if f["name"] == nameOfA && f["state"] == "incoming" {
				return nil
			}
		}
		return fmt.Errorf("%s sees no request from %s", b.name, nameOfA)
	})
	b.kith("friends", "accept", nameOfA)
	for _, side := range []struct {
		m    *machine
		name string
	}{{a, nameOfB}, {b, nameOfA}} {
		eventually(t, 20*time.Second, func() error {
			for _, f := range side.m.lines("friends") {
				if f["name"] == side.name && f["state"] == "friend" {
					return nil
				}
			}
			return fmt.Errorf("%s is no friend of %s yet", side.name, side.m.name)
		})
	}
}

// sendFile makes a file of random bytes, sends it and compares what arrived.
func sendFile(t *testing.T, from *machine, chat string, to *machine, size int64) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "holiday.bin")
	sum := randomFile(t, path, size)
	from.kith("files", "send", chat, path)
	var id string
	eventually(t, 30*time.Second, func() error {
		for _, f := range to.lines("files", "list") {
			if f["name"] == "holiday.bin" {
				id = fmt.Sprint(f["id"])
				return nil
			}
		}
		return fmt.Errorf("%s has no offer yet", to.name)
	})
	dir := t.TempDir()
	start := time.Now()
	to.kith("files", "get", id, "--to", dir)
	got := filepath.Join(dir, "holiday.bin")
	eventually(t, 2*time.Minute, func() error {
		_, err := os.Stat(got)
		return err
	})
	t.Logf("%d MiB in %v", size>>20, time.Since(start).Round(time.Millisecond))
	if s := fileSum(t, got); s != sum {
		t.Fatal("the file that arrived is another one")
	}
}

func randomFile(t *testing.T, path string, size int64) [32]byte {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.CopyN(io.MultiWriter(f, h), rand.Reader, size); err != nil {
		t.Fatal(err)
	}
	return [32]byte(h.Sum(nil))
}

func fileSum(t *testing.T, path string) [32]byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return [32]byte(h.Sum(nil))
}

// TestPrivateDHT is the story of two people far apart: no multicast reaches
// between them, they share only a private DHT of four further nodes, and one
// holds the other's invite. A third who knows the account ID alone finds no
// address.
func TestPrivateDHT(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	var hubs []string
	for i := range 4 {
		h := l.machine(fmt.Sprintf("hub%d", i))
		flags := []string{"--no-mdns", "--dht", "private", "--listen", "/ip4/0.0.0.0/tcp/4001"}
		if len(hubs) == 0 {
			flags = append(flags, "--bootstrap", "none")
		}
		for _, b := range hubs {
			flags = append(flags, "--bootstrap", b)
		}
		h.serve(flags...)
		device := h.lines("id")[0]["device"]
		hubs = append(hubs, fmt.Sprintf("/ip4/%s/tcp/4001/p2p/%s", h.addr, device))
	}
	flags := []string{"--no-mdns", "--dht", "private"}
	for _, b := range hubs {
		flags = append(flags, "--bootstrap", b)
	}
	ann, bob, eve := l.machine("ann"), l.machine("bob"), l.machine("eve")
	// The invite is made before the network is up, so it carries no address:
	// the DHT alone can lead from it to Bob.
	invite := fmt.Sprint(bob.lines("invite")[0]["invite"])
	for _, m := range []*machine{ann, bob, eve} {
		m.serve(flags...)
	}
	ann.kith("friends", "add", invite)
	eventually(t, 90*time.Second, func() error { return found(bob.lines("friends"), "Ann") })
	bob.kith("friends", "accept", "Ann")
	eventually(t, 30*time.Second, func() error {
		for _, f := range ann.lines("friends") {
			if f["name"] == "Bob" && f["state"] == "friend" {
				return nil
			}
		}
		return fmt.Errorf("Bob is no friend yet")
	})
	ann.kith("send", "@Bob", "found you", "--wait", "20s")
	bob.kith("send", "@Ann", "so you did", "--wait", "20s")

	account := fmt.Sprint(bob.lines("id")[0]["account"])
	eve.kith("friends", "add", account)
	out, err := eve.run("doctor", account)
	if err == nil {
		t.Fatalf("a stranger who knows the account ID alone reached it: %s", out)
	}
	for _, line := range strings.Split(out, "\n") {
		if strings.Contains(line, bob.addr) {
			t.Fatalf("a stranger learned the address: %s", line)
		}
	}
	if len(named(bob.lines("friends"), "Eve")) != 0 {
		t.Fatal("the stranger's request arrived without an invite")
	}
}

func named(people []map[string]any, name string) []map[string]any {
	var out []map[string]any
	for _, p := range people {
		if p["name"] == name {
			out = append(out, p)
		}
	}
	return out
}
