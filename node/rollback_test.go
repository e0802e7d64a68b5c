package node_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kith-chat/kith/node"
)

// TestRollback: a profile that was put back from a copy, and so has forgotten
// what it said since, can go on talking: what it says now arrives.
func TestRollback(t *testing.T) {
	t.Parallel()
	ann, bob := newPerson(t, "Ann"), newPerson(t, "Bob")
	befriend(t, ann, bob)
	if _, err := ann.Send(t.Context(), "@Bob", "before the copy", "", 10*time.Second); err != nil {
		t.Fatal(err)
	}
	if err := ann.Close(); err != nil {
		t.Fatal(err)
	}
	saved := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(saved, os.DirFS(filepath.Join(ann.home, "store"))); err != nil {
		t.Fatal(err)
	}
	dial := func() {
		t.Helper()
		ann.open()
		s, err := bob.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ann.Connect(t.Context(), s.Addresses[0]); err != nil {
			t.Fatal(err)
		}
	}
	dial()
	for _, text := range []string{"forgotten one", "forgotten two"} {
		if _, err := ann.Send(t.Context(), "@Bob", text, "", 10*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	if err := ann.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(ann.home, "store")); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(ann.home, "store"), os.DirFS(saved)); err != nil {
		t.Fatal(err)
	}
	dial()
	for _, text := range []string{"after one", "after two", "after three"} {
		if m, err := ann.Send(t.Context(), "@Bob", text, "", 10*time.Second); err != nil || m.State != node.StateDelivered {
			t.Fatalf("%q: state %d, %v", text, m.State, err)
		}
	}
	if _, err := bob.Send(t.Context(), "@Ann", "I hear you", "", 10*time.Second); err != nil {
		t.Fatal(err)
	}
	all, _, err := bob.History(t.Context(), "@Ann", node.Page{})
	if err != nil || len(all) != 7 {
		t.Fatalf("%d messages, %v", len(all), err)
	}
}
