package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"lukechampine.com/blake3"
)

const (
	// reserveBytes and reserveShare are what a fetch leaves free on a disk,
	// whichever is less: a store on the same disk dies when it is full.
	reserveBytes = 256 << 20
	reserveShare = 50 // one fiftieth
	// maxCollisions bounds the search for a free name.
	maxCollisions = 10_000
	// writebackStep is how much is written before the disk is told to begin.
	writebackStep = 8 << 20
)

// DiskFullError says that a file does not fit. The numbers are bytes; they are
// 0 when a write failed without our asking before.
type DiskFullError struct{ Need, Have uint64 }

// Error says it in words.
func (e *DiskFullError) Error() string {
	if e.Need == 0 {
		return "disk full"
	}
	return fmt.Sprintf("disk full: needs %s, has %s", amount(e.Need), amount(e.Have))
}

// amount writes a number of bytes for people.
func amount(n uint64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	v, u := float64(n), 0
	for v >= 1024 && u < len(units)-1 {
		v, u = v/1024, u+1
	}
	if u == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", v, units[u])
}

// part is the hidden file beside the final name that a fetch fills, and its
// tree in the profile. Which groups are in it is never taken from a note: on
// opening each group is hashed again and compared with the verified hashes in
// the tree. So neither a kill nor a power cut can make it claim too much, and
// a kill loses only what had not been written.
type part struct {
	shape shape
	name  string // final name, before numbering
	temp  string
	root  *os.Root
	dir   *os.File
	f     *os.File
	tree  *treeFile

	mu      sync.Mutex
	written int64 // since the disk was last told to begin
}

// partName is the hidden name of an unfinished file.
func partName(name, short string) string { return "." + name + "." + short + ".kith-part" }

// partPlace says where a part lies: the folder and the final name, what tells
// it from the part of another offer, and the path of its hashes.
type partPlace struct{ dir, name, short, tree string }

// openPart opens or makes a part and says which groups are in it. known may
// vouch for a part that has not been touched since; else its groups are
// hashed.
func openPart(ctx context.Context, at partPlace, s shape, hash Root, known func(stamp) *pieceSet) (*part, *pieceSet, error) {
	root, err := os.OpenRoot(at.dir)
	if err != nil {
		return nil, nil, fmt.Errorf("opening the folder: %w", err)
	}
	p := &part{shape: s, name: at.name, temp: partName(at.name, at.short), root: root}
	have, err := p.open(ctx, at.tree, hash, known)
	if err != nil {
		p.close()
		return nil, nil, err
	}
	return p, have, nil
}

func (p *part) open(ctx context.Context, tree string, hash Root, known func(stamp) *pieceSet) (*pieceSet, error) {
	var err error
	if p.dir, err = p.root.Open("."); err != nil {
		return nil, fmt.Errorf("opening the folder: %w", err)
	}
	var now stamp
	if p.f, now = p.reopen(); p.f != nil {
		if p.tree = reopenTree(tree, p.shape, hash); p.tree != nil {
			if have := known(now); have != nil {
				return have, nil
			}
			have := newPieceSet(p.shape)
			return have, p.scan(ctx, have)
		}
		p.f.Close()
	}
	// Whatever stands under the hidden name is not ours: it goes, unopened.
	if err := p.root.Remove(p.temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("removing an older unfinished file: %w", err)
	}
	if p.tree, err = createTree(tree, p.shape, hash); err != nil {
		return nil, err
	}
	if p.f, err = p.root.OpenFile(p.temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		return nil, fmt.Errorf("making the file: %w", err)
	}
	return newPieceSet(p.shape), nil
}

// reopen opens the unfinished file if it is a regular file of ours.
func (p *part) reopen() (*os.File, stamp) {
	before, err := p.root.Lstat(p.temp)
	if err != nil || !before.Mode().IsRegular() || !mine(before) {
		return nil, stamp{}
	}
	f, err := p.root.OpenFile(p.temp, os.O_RDWR, 0)
	if err != nil {
		return nil, stamp{}
	}
	after, err := f.Stat()
	if err != nil || !os.SameFile(before, after) {
		f.Close()
		return nil, stamp{}
	}
	return f, stampOf(after)
}

func reopenTree(path string, s shape, hash Root) *treeFile {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil
	}
	t, err := readTree(f, s, hash)
	if err != nil {
		f.Close()
		return nil
	}
	return t
}

func createTree(path string, s shape, hash Root) (*treeFile, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("removing older hashes: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("making a file for hashes: %w", err)
	}
	if _, err := f.WriteAt(encodeTreeHeader(s, hash, [markSize]byte{}), 0); err != nil {
		f.Close()
		return nil, writeError(err)
	}
	return &treeFile{f: f, shape: s, root: hash}, nil
}

// scan hashes the groups that were asked for before and finds out which are
// there.
func (p *part) scan(ctx context.Context, have *pieceSet) error {
	var leaves [pieceGroups * hashSize]byte
	buf := make([]byte, groupSize)
	for piece := range p.shape.pieces() {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := p.tree.leaves(piece, &leaves); err != nil {
			return fmt.Errorf("reading the hashes: %w", err)
		}
		for i := range p.shape.pieceLeaves(piece) {
			want := leaves[i*hashSize : (i+1)*hashSize]
			if [hashSize]byte(want) == [hashSize]byte{} {
				continue
			}
			group := piece*pieceGroups + i
			data := buf[:p.shape.groupLength(group)]
			if _, err := p.f.ReadAt(data, int64(group)*groupSize); err != nil {
				continue // a hole at the end: not there
			}
			if p.shape.check(data, group, want) {
				have.add(group, 1)
			}
		}
	}
	return nil
}

// size returns the file's size in groups.
func (p *part) size() shape { return p.shape }

// room makes sure that what is missing fits.
func (p *part) room(missing uint64) error {
	need, have, err := p.needs(missing)
	if err != nil {
		return err
	}
	if missing > 0 && have < need {
		return &DiskFullError{Need: need, Have: have}
	}
	return nil
}

// needs says how much must be free for what is missing, and how much is.
func (p *part) needs(missing uint64) (need, have uint64, err error) {
	free, total, err := space(p.dir)
	if err != nil {
		return 0, 0, fmt.Errorf("asking for free space: %w", err)
	}
	return missing + min(reserveBytes, total/reserveShare), free, nil
}

// begin notes the verified hashes of a piece, before its groups.
func (p *part) begin(piece uint64, leaves []byte) error {
	return writeError(p.tree.putLeaves(piece, leaves))
}

// write puts verified groups in their place.
func (p *part) write(data []byte, group uint64) error {
	off := int64(group) * groupSize
	if _, err := p.f.WriteAt(data, off); err != nil {
		return writeError(err)
	}
	p.mu.Lock()
	p.written += int64(len(data))
	due := p.written >= writebackStep
	if due {
		p.written = 0
	}
	p.mu.Unlock()
	if due {
		startWriteback(p.f, max(0, off-2*writebackStep), 2*writebackStep+int64(len(data)))
	}
	return nil
}

func writeError(err error) error {
	if err == nil {
		return nil
	}
	if diskFull(err) {
		return &DiskFullError{}
	}
	return fmt.Errorf("writing the file: %w", err)
}

// sync makes what was written so far survive a power cut.
func (p *part) sync() error {
	if err := p.f.Sync(); err != nil {
		return writeError(err)
	}
	if err := p.tree.f.Sync(); err != nil {
		return writeError(err)
	}
	return nil
}

// finish gives the whole file its name, or the next free number of it, and
// returns that name. The caller has every group verified.
func (p *part) finish() (string, error) {
	if err := p.f.Sync(); err != nil {
		return "", writeError(err)
	}
	info, err := p.f.Stat()
	if err != nil {
		return "", fmt.Errorf("reading the file: %w", err)
	}
	named, err := p.root.Lstat(p.temp)
	if err != nil || !os.SameFile(info, named) || uint64(info.Size()) != p.shape.size {
		return "", errors.New("the unfinished file was replaced by another program")
	}
	markForeign(p.f)
	name := p.name
	for n := 2; ; n++ {
		err := renameNew(p.dir, p.root, p.temp, name)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrExist) || n > maxCollisions {
			return "", fmt.Errorf("naming the file: %w", err)
		}
		name = numbered(p.name, strconv.Itoa(n))
	}
	if err := syncDir(p.dir); err != nil {
		return "", fmt.Errorf("naming the file: %w", err)
	}
	return name, nil
}

// linkNew is a rename that never replaces, out of a hard link and a removal.
func linkNew(root *os.Root, from, to string) error {
	if err := root.Link(from, to); err != nil {
		return err
	}
	return root.Remove(from)
}

// close closes the files and leaves them for the next time.
func (p *part) close() {
	if p.f != nil {
		p.f.Close()
	}
	if p.tree != nil {
		p.tree.f.Close()
	}
	if p.dir != nil {
		p.dir.Close()
	}
	p.root.Close()
}

// discardPart removes an unfinished file and its hashes.
func discardPart(dir, name, short, tree string) error {
	err := os.Remove(tree)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	root, openErr := os.OpenRoot(dir)
	if openErr != nil {
		if errors.Is(openErr, fs.ErrNotExist) {
			return err
		}
		return errors.Join(err, openErr)
	}
	defer root.Close()
	if removeErr := root.Remove(partName(name, short)); removeErr != nil && !errors.Is(removeErr, fs.ErrNotExist) {
		err = errors.Join(err, removeErr)
	}
	return err
}

// findFinished looks for a file that was given its name by a run that ended
// before it could say so: under the name or a number of it, with this content.
func findFinished(ctx context.Context, dir, name string, s shape, hash Root) (string, bool) {
	for n := 1; n <= 9; n++ {
		candidate := name
		if n > 1 {
			candidate = numbered(name, strconv.Itoa(n))
		}
		if ctx.Err() == nil && sameContent(ctx, filepath.Join(dir, candidate), s, hash) {
			return candidate, true
		}
	}
	return "", false
}

func sameContent(ctx context.Context, path string, s shape, hash Root) bool {
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() || uint64(info.Size()) != s.size {
		return false
	}
	f, _, err := openSource(path)
	if err != nil {
		return false
	}
	defer f.Close()
	h, in := blake3.New(hashSize, nil), withContext(ctx, f)
	buf := make([]byte, readSize)
	for {
		n, err := in.Read(buf)
		h.Write(buf[:n])
		if n == 0 || err != nil {
			break
		}
	}
	return Root(h.Sum(nil)) == hash
}
