package file

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"

	"lukechampine.com/blake3"
	"lukechampine.com/blake3/bao"
)

// sizes lie around every border of the tree.
var sizes = []int64{
	0, 1, 1023, 1024, 1025, 16384, 16385, 32768, 40000, 49153, groupSize - 1, groupSize, groupSize + 1, 2 * groupSize, 3*groupSize + 5,
	pieceSize - 1, pieceSize, pieceSize + 1, 2*pieceSize + groupSize, 5*pieceSize - 7, 11*pieceSize + 3*groupSize + 1,
}

func TestTreeIsBLAKE3(t *testing.T) {
	t.Parallel()
	trees, err := openTrees(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range sizes {
		data := make([]byte, size)
		if _, err := rand.Read(data); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		body, err := trees.describe(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if body.Root != blake3.Sum256(data) {
			t.Fatalf("%d bytes: not the BLAKE3 hash", size)
		}
		if _, root := bao.EncodeBuf(data, 6, true); body.Root != root {
			t.Fatalf("%d bytes: not the root of a Bao tree", size)
		}
		if body.Size != uint64(size) {
			t.Fatalf("%d bytes: said to be %d", size, body.Size)
		}
		checkProofs(t, trees, data, body.Root)
	}
}

// checkProofs makes every proof, and checks that it holds and that no altered
// one does.
func checkProofs(t *testing.T, trees *trees, data []byte, root Root) {
	t.Helper()
	s, err := newShape(uint64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if s.groups < 2 {
		return
	}
	tree, err := trees.open(s, root)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.f.Close()
	for piece := range s.pieces() {
		proof, err := tree.proof(piece, nil)
		if err != nil {
			t.Fatalf("%d bytes, piece %d: %v", len(data), piece, err)
		}
		if len(proof) > maxProof {
			t.Fatalf("a proof of %d bytes", len(proof))
		}
		leaves, err := s.verify(root, piece, proof)
		if err != nil {
			t.Fatal(err)
		}
		for i := range s.pieceLeaves(piece) {
			group := piece*pieceGroups + i
			content := data[group*groupSize:][:s.groupLength(group)]
			if !s.check(content, group, leaves[i*hashSize:(i+1)*hashSize]) {
				t.Fatalf("%d bytes: group %d does not verify", len(data), group)
			}
			if s.check(content[:len(content)-1], group, leaves[i*hashSize:(i+1)*hashSize]) {
				t.Fatal("a short group verifies")
			}
		}
		for bit := range len(proof) * 8 {
			bad := bytes.Clone(proof)
			bad[bit/8] ^= 1 << (bit % 8)
			if _, err := s.verify(root, piece, bad); err == nil {
				t.Fatal("an altered proof verifies")
			}
		}
		if _, err := s.verify(root, piece, proof[:len(proof)-hashSize]); err == nil {
			t.Fatal("a short proof verifies")
		}
		if _, err := s.verify(root, s.pieces(), proof); err == nil {
			t.Fatal("a piece past the end verifies")
		}
	}
}

func TestSizesRefused(t *testing.T) {
	t.Parallel()
	for _, size := range []uint64{1<<44 + 1, 1 << 63, 1<<64 - 1} {
		if _, err := newShape(size); err == nil {
			t.Fatalf("a file of %d bytes is taken", size)
		}
	}
	s, err := newShape(1 << 44)
	if err != nil {
		t.Fatal(err)
	}
	if n := s.proofLength(0); n > maxProof {
		t.Fatalf("the longest proof has %d bytes", n)
	}
}
