package file

import (
	"testing"
)

func TestTransferSizes(t *testing.T) {
	t.Parallel()
	ann, bob := twoNodes(t)
	for _, size := range []int64{0, 1, groupSize - 1, groupSize, groupSize + 1, pieceSize + 1, 10 << 20} {
		path := randomFile(t, size)
		got := bob.get(t, ann.share(t, path), StateDone)
		sameFiles(t, path, got.Path)
		if got.Done != uint64(size) {
			t.Fatalf("%d of %d bytes done", got.Done, size)
		}
	}
}
