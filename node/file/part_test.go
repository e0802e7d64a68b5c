package file

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// place is a fresh place for a part.
func place(t *testing.T) partPlace {
	t.Helper()
	return partPlace{dir: t.TempDir(), name: "file.bin", short: "abc", tree: filepath.Join(t.TempDir(), "abc.part")}
}

func unknown(stamp) *pieceSet { return nil }

// content is a file, its tree and its shape, to fill parts from.
type content struct {
	data  []byte
	shape shape
	root  Root
	tree  *treeFile
}

func newContent(t *testing.T, size int64) *content {
	t.Helper()
	path, dir, body := serveable(t, size)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newShape(uint64(size))
	if err != nil {
		t.Fatal(err)
	}
	tree, err := (&trees{dir: dir}).open(s, body.Root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tree.f.Close() })
	return &content{data: data, shape: s, root: body.Root, tree: tree}
}

// fill does the steps by which a fetch fills one piece, as many as told.
func (c *content) fill(t *testing.T, p *part, have *pieceSet, piece uint64, steps int) {
	t.Helper()
	proof, err := c.tree.proof(piece, nil)
	if err != nil {
		t.Fatal(err)
	}
	leaves, err := c.shape.verify(c.root, piece, proof)
	if err != nil {
		t.Fatal(err)
	}
	if steps > 0 {
		if err := p.begin(piece, leaves); err != nil {
			t.Fatal(err)
		}
	}
	first, count := piece*pieceGroups, c.shape.pieceLeaves(piece)
	if steps > 1 {
		if err := p.write(c.data[first*groupSize:][:c.shape.spanLength(first, count)], first); err != nil {
			t.Fatal(err)
		}
	}
	if steps > 2 {
		have.add(first, count)
	}
}

func (c *content) open(t *testing.T, at partPlace) (*part, *pieceSet) {
	t.Helper()
	p, have, err := openPart(t.Context(), at, c.shape, c.root, unknown)
	if err != nil {
		t.Fatal(err)
	}
	return p, have
}

// TestAbandon gives a fetch up after every step of every piece, without
// closing anything properly, and looks at what the next one finds.
func TestAbandon(t *testing.T) {
	t.Parallel()
	c := newContent(t, 3*pieceSize+100)
	at := place(t)
	for piece := range c.shape.pieces() {
		for steps := range 4 {
			p, have := c.open(t, at)
			if want := piece * pieceGroups; steps < 3 && have.groups != want && steps < 2 {
				t.Fatalf("piece %d, step %d: %d groups are there instead of %d", piece, steps, have.groups, want)
			}
			c.fill(t, p, have, piece, steps)
			if stands(at.dir, at.name) {
				t.Fatal("the file has its name before it is whole")
			}
			p.close()
		}
	}
	p, have := c.open(t, at)
	defer p.close()
	if !have.complete() || have.bytes() != c.shape.size {
		t.Fatalf("%d of %d bytes are there", have.bytes(), c.shape.size)
	}
	name, err := p.finish()
	if err != nil || name != at.name {
		t.Fatal(name, err)
	}
	got, err := os.ReadFile(filepath.Join(at.dir, name))
	if err != nil || !bytes.Equal(got, c.data) {
		t.Fatal("not the content", err)
	}
	info, err := os.Lstat(filepath.Join(at.dir, name))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info.Mode(), err)
	}
	if found, ok := findFinished(t.Context(), at.dir, at.name, c.shape, c.root); !ok || found != at.name {
		t.Fatal("a file that got its name just before the end is not found")
	}
	if stands(at.dir, partName(at.name, at.short)) {
		t.Fatal("the unfinished file is still there")
	}
}

// TestDamagedPart: what a power cut or another program does to the part or to
// its hashes costs the groups it hit and no more.
func TestDamagedPart(t *testing.T) {
	t.Parallel()
	c := newContent(t, 2*pieceSize+100)
	for name, damage := range map[string]struct {
		do   func(part, tree string) error
		left uint64 // groups
	}{
		"a flipped bit":     {func(part, _ string) error { return flip(part, 5*groupSize+17) }, 16},
		"a cut end":         {func(part, _ string) error { return os.Truncate(part, 2*pieceSize-1) }, 15},
		"an empty part":     {func(part, _ string) error { return os.Truncate(part, 0) }, 0},
		"a flipped hash":    {func(_, tree string) error { return flip(tree, treeHeader+3*hashSize) }, 16},
		"cut hashes":        {func(_, tree string) error { return os.Truncate(tree, treeHeader+4*hashSize) }, 4},
		"a damaged header":  {func(_, tree string) error { return flip(tree, 20) }, 0},
		"no hashes":         {func(_, tree string) error { return os.Remove(tree) }, 0},
		"a link for a part": {func(part, _ string) error { return relink(part) }, 0},
		"a second name":     {func(part, _ string) error { return os.Link(part, part+"x") }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := place(t)
			p, have := c.open(t, at)
			for piece := range c.shape.pieces() {
				c.fill(t, p, have, piece, 3)
			}
			p.close()
			if err := damage.do(filepath.Join(at.dir, partName(at.name, at.short)), at.tree); err != nil {
				t.Fatal(err)
			}
			p, have = c.open(t, at)
			defer p.close()
			if have.groups != damage.left {
				t.Fatalf("%d groups are there instead of %d", have.groups, damage.left)
			}
		})
	}
}

func flip(path string, at int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		return err
	}
	b[0] ^= 4
	_, err = f.WriteAt(b[:], at)
	return err
}

func relink(path string) error {
	if err := os.Rename(path, path+".real"); err != nil {
		return err
	}
	return os.Symlink(path+".real", path)
}

// TestFileName_Symlinks: links that somebody placed before are neither
// followed nor replaced.
func TestFileName_Symlinks(t *testing.T) {
	t.Parallel()
	c := newContent(t, 2*groupSize)
	at := place(t)
	outside := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(outside, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{at.name, partName(at.name, at.short), "file (2).bin"} {
		if err := os.Symlink(outside, filepath.Join(at.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	p, have := c.open(t, at)
	defer p.close()
	c.fill(t, p, have, 0, 3)
	name, err := p.finish()
	if err != nil {
		t.Fatal(err)
	}
	if name != "file (3).bin" {
		t.Fatalf("it is called %q", name)
	}
	if got, err := os.ReadFile(outside); err != nil || string(got) != "precious" {
		t.Fatalf("a link was followed: %q %v", got, err)
	}
	if info, err := os.Lstat(filepath.Join(at.dir, name)); err != nil || !info.Mode().IsRegular() {
		t.Fatal("not a regular file", err)
	}
}

// TestPartReplaced: a part that another program put in place of ours does not
// get the name.
func TestPartReplaced(t *testing.T) {
	t.Parallel()
	c := newContent(t, 2*groupSize)
	at := place(t)
	p, have := c.open(t, at)
	defer p.close()
	c.fill(t, p, have, 0, 3)
	part := filepath.Join(at.dir, partName(at.name, at.short))
	if err := os.Remove(part); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(part, make([]byte, 2*groupSize), 0o600); err != nil {
		t.Fatal(err)
	}
	if name, err := p.finish(); err == nil {
		t.Fatalf("it was called %q", name)
	}
	if stands(at.dir, at.name) {
		t.Fatal("another file has the name")
	}
}

func TestLinkNew(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for _, name := range []string{"a", "b"} {
		if err := root.WriteFile(name, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := linkNew(root, "a", "b"); !errors.Is(err, os.ErrExist) {
		t.Fatalf("a name that is taken: %v", err)
	}
	if err := linkNew(root, "a", "c"); err != nil {
		t.Fatal(err)
	}
	if got, err := root.ReadFile("c"); err != nil || string(got) != "a" || stands(dir, "a") {
		t.Fatal(string(got), err)
	}
}

// TestPieceSet compares the set with a plain one.
func TestPieceSet(t *testing.T) {
	t.Parallel()
	for _, size := range []uint64{1, groupSize + 1, pieceSize, 3*pieceSize + 2*groupSize + 1} {
		s, err := newShape(size)
		if err != nil {
			t.Fatal(err)
		}
		set, plain := newPieceSet(s), map[uint64]bool{}
		for !set.complete() {
			group := uint64(randomInt(int64(s.groups)))
			if set.add(group, 1) == plain[group] {
				t.Fatal("add says the wrong thing")
			}
			plain[group] = true
			bytes := uint64(0)
			for g := range plain {
				bytes += uint64(s.groupLength(g))
			}
			if set.bytes() != bytes || set.groups != uint64(len(plain)) {
				t.Fatalf("%d bytes instead of %d", set.bytes(), bytes)
			}
			piece := group / pieceGroups
			first, count := set.missing(piece)
			for g := piece * pieceGroups; g < piece*pieceGroups+s.pieceLeaves(piece); g++ {
				if !plain[g] && (g < first || g >= first+count) {
					t.Fatal("missing leaves one out")
				}
			}
			if count > 0 && (plain[first] || plain[first+count-1]) {
				t.Fatal("missing is too wide")
			}
		}
	}
}

// TestScanEnds: hashing a large part again can be ended.
func TestScanEnds(t *testing.T) {
	t.Parallel()
	c := newContent(t, pieceSize)
	at := place(t)
	p, have := c.open(t, at)
	c.fill(t, p, have, 0, 3)
	p.close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := openPart(ctx, at, c.shape, c.root, unknown); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestDiskFullWords(t *testing.T) {
	t.Parallel()
	if s := (&DiskFullError{Need: 3 << 29, Have: 5}).Error(); s != "disk full: needs 1.5 GiB, has 5 B" {
		t.Fatal(s)
	}
}
