package file

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/identity/seal"
)

// attachmentNodes are two nodes; the second keeps attachments in its profile.
// The channel tells how much it was given by the first.
func attachmentNodes(t *testing.T) (ann, bob *node, given chan uint64) {
	t.Helper()
	ann, bob = twoNodes(t)
	box, err := seal.NewBox([32]byte{7})
	if err != nil {
		t.Fatal(err)
	}
	bob.cfg.Box, bob.cfg.Accept = box, func(Transfer) bool { return true }
	given = make(chan uint64, 1000)
	ann.cfg.Served = func(_ context.Context, _ Transfer, p peer.ID, done uint64) {
		if p == bob.host.ID() {
			given <- done
		}
	}
	return ann, bob, given
}

// TestAttachmentsRestSealed: a small picture that comes by itself is nowhere
// on the disk in clear, its content can be read, and saved where one wants it.
func TestAttachmentsRestSealed(t *testing.T) {
	t.Parallel()
	ann, bob, given := attachmentNodes(t)
	secret := []byte("nobody reads this on the disk; ")
	content := bytes.Repeat(secret, 20_000)
	path := filepath.Join(t.TempDir(), "pic.png")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	offer := ann.share(t, path)
	offer.MediaType = "image/png"
	if _, err := bob.Offered(t.Context(), offer); err != nil {
		t.Fatal(err)
	}
	done := bob.await(t, offer.Offer, StateDone)
	if !bob.Kept(done) {
		t.Fatalf("the picture is at %s", done.Path)
	}
	for whole := uint64(0); whole < uint64(len(content)); {
		select {
		case whole = <-given:
		case <-t.Context().Done():
			t.Fatal("the sender is not told that it was fetched")
		}
	}
	if err := filepath.WalkDir(filepath.Dir(bob.cfg.Downloads), func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(p)
		if bytes.Contains(raw, secret) {
			t.Errorf("%s holds the picture in clear", p)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	got, err := bob.Open(t.Context(), offer.Offer)
	if err != nil || !bytes.Equal(got.Data, content) {
		t.Fatalf("%d bytes, %v", len(got.Data), err)
	}
	if _, _, ok := bob.May(t.Context(), ann.host.ID(), offer.Root); ok {
		t.Error("a sealed attachment is served")
	}
	to := t.TempDir()
	for _, name := range []string{"some file.bin", "pic.png", "pic (2).png"} {
		saved, err := bob.Want(t.Context(), offer.Offer, to)
		if err != nil || saved.State != StateDone || bob.Kept(saved) {
			t.Fatalf("saving it: %+v, %v (%s)", saved, err, name)
		}
		sameFiles(t, path, saved.Path)
	}
	if err := bob.Forget(offer.Offer); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := ann.Open(t.Context(), offer.Offer); !errors.Is(err, ErrNotFound) {
		t.Errorf("a file that was removed: %v", err)
	}
}

// TestAttachmentDamaged: what was altered on the disk is not shown, and is
// fetched again.
func TestAttachmentDamaged(t *testing.T) {
	t.Parallel()
	ann, bob, _ := attachmentNodes(t)
	path := randomFile(t, 200_000)
	offer := ann.share(t, path)
	offer.MediaType = "audio/ogg"
	if _, err := bob.Offered(t.Context(), offer); err != nil {
		t.Fatal(err)
	}
	done := bob.await(t, offer.Offer, StateDone)
	raw, err := os.ReadFile(done.Path)
	if err != nil {
		t.Fatal(err)
	}
	raw[1000] ^= 1
	if err := os.WriteFile(done.Path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := bob.Open(t.Context(), offer.Offer); !errors.Is(err, ErrNotFound) {
		t.Fatalf("a damaged attachment: %v", err)
	}
	if _, err := bob.Want(t.Context(), offer.Offer, ""); err != nil {
		t.Fatal(err)
	}
	saved := bob.await(t, offer.Offer, StateDone)
	sameFiles(t, path, saved.Path)
}

// TestKeepable: only small pictures and sounds rest in the profile.
func TestKeepable(t *testing.T) {
	t.Parallel()
	for media, want := range map[string]bool{
		"image/png": true, "audio/ogg": true, "video/mp4": false, "": false, "image": true, "text/image/png": false,
	} {
		if Keepable(Transfer{MediaType: media, Size: 10}) != want {
			t.Errorf("%q: not %v", media, want)
		}
	}
	if Keepable(Transfer{MediaType: "image/png", Size: MaxKept + 1}) || Keepable(Transfer{MediaType: strings.Repeat("image/", 2)}) {
		t.Error("too large, or empty, and kept")
	}
}
