package file

import (
	"encoding/binary"
	"errors"
	"fmt"

	"lukechampine.com/blake3/guts"

	"github.com/kith-chat/kith/identity/event"
)

// Root is the BLAKE3 hash of a whole file, and its name on the network.
type Root = [32]byte

const (
	// groupSize is the unit that is verified: the leaves of the tree that
	// travels are the hashes of groups of 64 KiB.
	groupSize = 64 << 10
	// pieceGroups is the unit that is asked for and answered: 512 KiB. A
	// power of two, so that a piece is one subtree and its proof is short.
	pieceGroups = 8
	pieceSize   = pieceGroups * groupSize
	pieceLevel  = 3 // log2(pieceGroups)

	hashSize    = 32
	blockSize   = guts.MaxSIMD * guts.ChunkSize // what the SIMD code takes at once
	groupBlocks = groupSize / blockSize
)

// errProof says that a piece's proof does not lead to the root.
var errProof = errors.New("the proof does not match the file's hash")

// shape is the form of the tree over a file of a known size. Level 0 has one
// hash for each group; level k+1 joins neighbours of level k, and a lone last
// node is carried up unchanged. That is exactly BLAKE3's own tree.
type shape struct {
	size   uint64
	groups uint64
}

// newShape refuses sizes that no file of kith has.
func newShape(size uint64) (shape, error) {
	if size > event.MaxFileSize {
		return shape{}, fmt.Errorf("a file of %d bytes is larger than %d", size, uint64(event.MaxFileSize))
	}
	return shape{size: size, groups: (size + groupSize - 1) / groupSize}, nil
}

// width is the number of nodes of a level.
func (s shape) width(level int) uint64 {
	return (s.groups + 1<<level - 1) >> level
}

func (s shape) pieces() uint64 { return s.width(pieceLevel) }

// groupLength is the length in bytes of a group.
func (s shape) groupLength(group uint64) int {
	return int(min(groupSize, s.size-group*groupSize))
}

// pieceLeaves is the number of groups of a piece.
func (s shape) pieceLeaves(piece uint64) uint64 {
	return min(pieceGroups, s.groups-piece*pieceGroups)
}

// spanLength is the length in bytes of count groups from first.
func (s shape) spanLength(first, count uint64) int {
	return int(min((first+count)*groupSize, s.size) - first*groupSize)
}

// proofLength is the length in bytes of a piece's proof: the hashes of its
// groups, then one sibling for each level from the piece up to the root.
func (s shape) proofLength(piece uint64) int {
	if s.groups < 2 {
		return 0
	}
	n := s.pieceLeaves(piece)
	for k, i := pieceLevel, piece; s.width(k) > 1; k, i = k+1, i>>1 {
		if i^1 < s.width(k) {
			n++
		}
	}
	return int(n) * hashSize
}

// hashGroup returns the chaining value of a group; for the only group of a
// file the root flag is set and the value is the file's hash.
func hashGroup(p []byte, group uint64, root bool) [hashSize]byte {
	var cvs [groupBlocks][8]uint32
	var tail [blockSize]byte
	counter := group * (groupSize / guts.ChunkSize)
	n := 0
	var node guts.Node
	for {
		var block *[blockSize]byte
		size := min(len(p), blockSize)
		if len(p) >= blockSize {
			block = (*[blockSize]byte)(p)
		} else {
			copy(tail[:], p)
			block = &tail
		}
		node = guts.CompressBuffer(block, size, &guts.IV, counter, 0)
		p = p[size:]
		if len(p) == 0 {
			break
		}
		cvs[n] = guts.ChainingValue(node)
		n++
		counter += guts.MaxSIMD
	}
	// At most four blocks: (0 1) (2 3), where the right side may be short.
	switch n {
	case 1:
		node = guts.ParentNode(cvs[0], guts.ChainingValue(node), &guts.IV, 0)
	case 2:
		left := guts.ChainingValue(guts.ParentNode(cvs[0], cvs[1], &guts.IV, 0))
		node = guts.ParentNode(left, guts.ChainingValue(node), &guts.IV, 0)
	case 3:
		left := guts.ChainingValue(guts.ParentNode(cvs[0], cvs[1], &guts.IV, 0))
		right := guts.ChainingValue(guts.ParentNode(cvs[2], guts.ChainingValue(node), &guts.IV, 0))
		node = guts.ParentNode(left, right, &guts.IV, 0)
	}
	if root {
		node.Flags |= guts.FlagRoot
	}
	return toBytes(guts.ChainingValue(node))
}

// join returns the chaining value of a parent; top is the root.
func join(left, right []byte, top bool) [hashSize]byte {
	flags := uint32(0)
	if top {
		flags = guts.FlagRoot
	}
	return toBytes(guts.ChainingValue(guts.ParentNode(toWords(left), toWords(right), &guts.IV, flags)))
}

func toWords(b []byte) (w [8]uint32) {
	for i := range w {
		w[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	return w
}

func toBytes(w [8]uint32) (b [hashSize]byte) {
	for i, v := range w {
		binary.LittleEndian.PutUint32(b[4*i:], v)
	}
	return b
}

// verify checks a piece's proof against the root and returns the hashes of
// its groups, which are the front of the proof.
func (s shape) verify(root Root, piece uint64, proof []byte) ([]byte, error) {
	if piece >= s.pieces() || len(proof) != s.proofLength(piece) {
		return nil, errProof
	}
	if s.groups < 2 {
		return root[:], nil
	}
	leaves := proof[:s.pieceLeaves(piece)*hashSize]
	path := proof[len(leaves):]
	node := s.fold(leaves)
	for k, i := pieceLevel, piece; s.width(k) > 1; k, i = k+1, i>>1 {
		if i^1 >= s.width(k) {
			continue
		}
		sibling := path[:hashSize]
		path = path[hashSize:]
		top := s.width(k+1) == 1
		if i&1 == 0 {
			node = join(node[:], sibling, top)
		} else {
			node = join(sibling, node[:], top)
		}
	}
	if node != root {
		return nil, errProof
	}
	return leaves, nil
}

// fold joins the leaves of one piece to the piece's own node; the root flag is
// set when the piece is the whole file.
func (s shape) fold(leaves []byte) [hashSize]byte {
	var nodes [pieceGroups][hashSize]byte
	n := len(leaves) / hashSize
	for i := range n {
		nodes[i] = [hashSize]byte(leaves[i*hashSize:])
	}
	whole := s.groups <= pieceGroups
	for n > 1 {
		for i := 0; i < n; i += 2 {
			if i+1 < n {
				nodes[i/2] = join(nodes[i][:], nodes[i+1][:], whole && n == 2)
			} else {
				nodes[i/2] = nodes[i]
			}
		}
		n = (n + 1) / 2
	}
	return nodes[0]
}

// check reports whether the bytes of a group are the ones that its hash names.
func (s shape) check(data []byte, group uint64, want []byte) bool {
	return hashGroup(data, group, s.groups == 1) == [hashSize]byte(want)
}
