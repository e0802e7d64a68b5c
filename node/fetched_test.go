package node_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/kith-chat/kith/node"
)

// TestSenderSeesFetching: who offers a file sees that the other has it, after a
// restart too; a small picture rests sealed with the other and can be read.
func TestSenderSeesFetching(t *testing.T) {
	t.Parallel()
	ann, bob := newPerson(t, "Ann"), newPerson(t, "Bob")
	befriend(t, ann, bob)
	path := filepath.Join(t.TempDir(), "pic.png")
	content := append([]byte("\x89PNG\r\n\x1a\n"), bytes.Repeat([]byte("pixels "), 50_000)...)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	m, _, err := ann.OfferFile(t.Context(), "@Bob", path, "", "", "")
	if err != nil {
		t.Fatal(err)
	}
	bob.until(1, "the picture", func(n node.News) bool { return n.Transfer != nil && n.Transfer.State == node.TransferDone })
	seen := func() bool {
		all, err := ann.Files(t.Context(), "")
		return err == nil && len(all) == 1 && len(all[0].Fetched) == 1 && all[0].Fetched[0].Done == uint64(len(content)) &&
			all[0].Fetched[0].Who.Name == "Bob"
	}
	if !seen() {
		ann.until(1, "the fetching", func(node.News) bool { return seen() })
	}
	if err := ann.Close(); err != nil {
		t.Fatal(err)
	}
	ann.open()
	if !seen() {
		t.Error("after a restart it is forgotten who has the file")
	}
	all, err := bob.Files(t.Context(), "")
	if err != nil || all[0].Path != "" {
		t.Fatalf("%+v, %v", all, err)
	}
	read := func(offset, limit uint64) (got []byte) {
		err := bob.ReadFile(t.Context(), m.ID.String(), offset, limit, func(_ node.Transfer, data []byte) error {
			got = append(got, data...)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if !bytes.Equal(read(0, 0), content) || !bytes.Equal(read(100, 70_000), content[100:70_100]) ||
		len(read(uint64(len(content)), 5)) != 0 || len(read(1<<63, 1<<63)) != 0 {
		t.Error("the content is not read as it is")
	}
	if err := bob.ReadFile(t.Context(), "nothere", 0, 0, nil); !errors.Is(err, node.ErrNotFound) {
		t.Errorf("reading what is not there: %v", err)
	}
}
