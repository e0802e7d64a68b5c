package file

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// A tree file keeps the hashes of a file's groups and of the levels above
// them, 0.1 % of the file's size:
//
//	header  64 bytes: magic, size of the file, its root, and a mark of the
//	        file on disk that it was made from (zero while fetching)
//	level 0 32 bytes for each group, then level 1, and so on below the root
//
// While a file is being fetched only level 0 is there, and a group whose hash
// is all zero has not been asked for yet. Nothing in a tree file is believed:
// a proof is checked against the root before it is sent, and a group on disk
// against its hash before it counts.
const (
	treeMagic  = "kithtre1"
	treeHeader = 64
	markSize   = 16
	markOffset = treeHeader - markSize
)

// errTree says that a tree file is damaged or for another file.
var errTree = errors.New("the stored hashes are damaged")

type treeFile struct {
	mu sync.Mutex // of siblings

	f     *os.File
	shape shape
	root  Root
	mark  [markSize]byte

	// siblings are the nodes last read of each level: neighbouring pieces
	// share all but the lowest. Only the proof method uses them.
	siblings [48]struct {
		index uint64
		known bool
		hash  [hashSize]byte
	}
}

func (s shape) levelOffset(level int) int64 {
	off := int64(treeHeader)
	for k := range level {
		off += int64(s.width(k)) * hashSize
	}
	return off
}

func encodeTreeHeader(s shape, root Root, mark [markSize]byte) []byte {
	b := make([]byte, treeHeader)
	copy(b, treeMagic)
	binary.LittleEndian.PutUint64(b[8:], s.size)
	copy(b[16:], root[:])
	copy(b[markOffset:], mark[:])
	return b
}

// readTree checks that f is a tree file for the shape and the root.
func readTree(f *os.File, s shape, root Root) (*treeFile, error) {
	var b [treeHeader]byte
	if _, err := f.ReadAt(b[:], 0); err != nil {
		return nil, errTree
	}
	mark := [markSize]byte(b[markOffset:])
	if [treeHeader]byte(encodeTreeHeader(s, root, mark)) != b {
		return nil, errTree
	}
	return &treeFile{f: f, shape: s, root: root, mark: mark}, nil
}

// proof appends the proof of a piece, checked against the root, to dst. It is
// safe for concurrent use.
func (t *treeFile) proof(piece uint64, dst []byte) ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.shape
	if piece >= s.pieces() {
		return nil, errTree
	}
	if s.groups < 2 {
		return dst, nil
	}
	start := len(dst)
	dst = append(dst, make([]byte, s.proofLength(piece))...)
	out := dst[start:]
	leaves := int(s.pieceLeaves(piece)) * hashSize
	off := int64(treeHeader) + int64(piece)*pieceGroups*hashSize
	if _, err := t.f.ReadAt(out[:leaves], off); err != nil {
		return nil, errTree
	}
	at := leaves
	for k, i := pieceLevel, piece; s.width(k) > 1; k, i = k+1, i>>1 {
		if i^1 >= s.width(k) {
			continue
		}
		near := &t.siblings[k]
		if !near.known || near.index != i^1 {
			if _, err := t.f.ReadAt(near.hash[:], s.levelOffset(k)+int64(i^1)*hashSize); err != nil {
				near.known = false
				return nil, errTree
			}
			near.index, near.known = i^1, true
		}
		at += copy(out[at:], near.hash[:])
	}
	if _, err := s.verify(t.root, piece, out); err != nil {
		return nil, errTree
	}
	return dst, nil
}

// putLeaves writes the hashes of the groups of a piece.
func (t *treeFile) putLeaves(piece uint64, leaves []byte) error {
	_, err := t.f.WriteAt(leaves, int64(treeHeader)+int64(piece)*pieceGroups*hashSize)
	return err
}

// leaves reads the hashes of the groups of a piece; those never written are
// zero.
func (t *treeFile) leaves(piece uint64, dst *[pieceGroups * hashSize]byte) error {
	clear(dst[:])
	n := int(t.shape.pieceLeaves(piece)) * hashSize
	_, err := t.f.ReadAt(dst[:n], int64(treeHeader)+int64(piece)*pieceGroups*hashSize)
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// raise computes the levels above level 0 and returns the root that they lead
// to. It reads and writes each level once and holds no level in memory.
func (t *treeFile) raise(ctx context.Context) (Root, error) {
	s := t.shape
	for k := 0; s.width(k) > 1; k++ {
		in := bufio.NewReader(io.NewSectionReader(t.f, s.levelOffset(k), int64(s.width(k))*hashSize))
		top := s.width(k+1) == 1
		out := bufio.NewWriter(io.NewOffsetWriter(t.f, s.levelOffset(k+1)))
		for i := uint64(0); i < s.width(k); i += 2 {
			if i&0xffff == 0 && ctx.Err() != nil {
				return Root{}, context.Cause(ctx)
			}
			var pair [2 * hashSize]byte
			n := min(2, s.width(k)-i)
			if _, err := io.ReadFull(in, pair[:n*hashSize]); err != nil {
				return Root{}, fmt.Errorf("reading level %d of the hashes: %w", k, err)
			}
			node := [hashSize]byte(pair[:])
			if n == 2 {
				node = join(pair[:hashSize], pair[hashSize:], top)
			}
			if top {
				return node, nil
			}
			if _, err := out.Write(node[:]); err != nil {
				return Root{}, fmt.Errorf("writing the hashes: %w", err)
			}
		}
		if err := out.Flush(); err != nil {
			return Root{}, fmt.Errorf("writing the hashes: %w", err)
		}
	}
	return Root{}, errTree
}
