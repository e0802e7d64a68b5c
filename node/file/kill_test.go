package file

import (
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	killSize = 96 << 20
	kills    = 10 // of each side
	// maxResent is what one interruption may cost.
	maxResent = 2 << 20
)

// fetchArgs are the arguments of a fetching child.
func fetchArgs(addr, dir, tree string, root Root) []string {
	return []string{addr, dir, tree, fmt.Sprint(killSize), hex.EncodeToString(root[:])}
}

// after waits a random time of up to limit: the instant of a kill is to be any.
func after(limit time.Duration) { <-time.After(time.Duration(randomInt(int64(limit)))) }

// TestKillReceiver kills the one who fetches with kill -9 at random instants;
// whoever comes next goes on where it was.
func TestKillReceiver(t *testing.T) {
	t.Parallel()
	path, trees, body := serveable(t, killSize)
	dir := t.TempDir()
	tree := filepath.Join(t.TempDir(), "x.part")
	server := startChild(t, "serve", path, trees, "", "")
	addr := server.line()
	killed, resumed := 0, uint64(0)
	for killed < kills {
		c := startChild(t, "fetch", fetchArgs(addr, dir, tree, body.Root)...)
		var found uint64
		if _, err := fmt.Sscanf(c.line(), "resumed %d", &found); err != nil {
			t.Fatal(err)
		}
		if found < resumed {
			t.Fatalf("%d bytes were there, and then %d", resumed, found)
		}
		resumed = found
		after(25 * time.Millisecond)
		c.kill()
		killed++
		if stands(dir, "file") {
			break // it was faster than the kill
		}
	}
	if !stands(dir, "file") {
		last := startChild(t, "fetch", fetchArgs(addr, dir, tree, body.Root)...)
		last.line()
		last.end(t)
	}
	sameFiles(t, path, filepath.Join(dir, "file"))
	sent := server.end(t).Bytes
	t.Logf("%d kills, %d KiB resumed at the last, %d KiB sent twice", killed, resumed>>10, (sent-killSize)>>10)
	if sent > killSize+uint64(killed)*maxResent {
		t.Fatalf("%d bytes were sent again for %d kills", sent-killSize, killed)
	}
}

// TestKillSender kills the one who serves; the other side waits for it to be
// back.
func TestKillSender(t *testing.T) {
	t.Parallel()
	path, trees, body := serveable(t, killSize)
	dir := t.TempDir()
	server := startChild(t, "serve", path, trees, "seed", "")
	addr := server.line()
	listen, _, _ := strings.Cut(addr, "/p2p/")
	c := startChild(t, "fetch", fetchArgs(addr, dir, filepath.Join(t.TempDir(), "x.part"), body.Root)...)
	c.line()
	for range kills {
		after(25 * time.Millisecond)
		server.kill()
		server = startChild(t, "serve", path, trees, "seed", listen)
		if got := server.line(); got != addr {
			t.Fatalf("the server came back as %s", got)
		}
	}
	u := c.end(t)
	sameFiles(t, path, filepath.Join(dir, "file"))
	if u.Bytes > killSize+kills*maxResent {
		t.Fatalf("%d bytes came twice", u.Bytes-killSize)
	}
}
