package file

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/kith-chat/kith/identity/event"
)

// flag is a picture whose left half is red and whose right half is noise.
func flag(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			if x < w/2 {
				m.Set(x, y, color.RGBA{255, 0, 0, 255})
			} else {
				n := uint8(randomInt(256))
				m.Set(x, y, color.RGBA{0, n, 255 - n, 255})
			}
		}
	}
	return m
}

// jpegWithOrientation is a wide JPEG with a secret place in its metadata.
func jpegWithOrientation(t testing.TB, orientation uint16) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, flag(400, 200), nil); err != nil {
		t.Fatal(err)
	}
	tiff := []byte("MM\x00*\x00\x00\x00\x08\x00\x02")
	tiff = append(tiff, 0x01, 0x0f, 0, 2, 0, 0, 0, 4, 's', 'p', 'y', 0)
	tiff = append(tiff, 0x01, 0x12, 0, 3, 0, 0, 0, 1)
	tiff = binary.BigEndian.AppendUint16(tiff, orientation)
	tiff = append(tiff, 0, 0, 0, 0, 0, 0)
	tiff = append(tiff, "secret place"...)
	segment := append([]byte("Exif\x00\x00"), tiff...)
	out := append([]byte{}, 0xff, 0xd8, 0xff, 0xe1)
	out = binary.BigEndian.AppendUint16(out, uint16(len(segment)+2))
	return append(append(out, segment...), buf.Bytes()[2:]...)
}

func TestPreviewOrientation(t *testing.T) {
	t.Parallel()
	// Where the red half is, by orientation: x and y of a point in it.
	for orientation, at := range map[uint16][2]float64{
		1: {.2, .5}, 2: {.8, .5}, 3: {.8, .5}, 4: {.2, .5}, 5: {.5, .2}, 6: {.5, .2}, 7: {.5, .8}, 8: {.5, .8}, 9: {.2, .5},
	} {
		raw := jpegWithOrientation(t, orientation)
		p, err := makePreview(t.Context(), bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(p.Data, []byte("secret")) || bytes.Contains(p.Data, []byte("Exif")) {
			t.Fatal("metadata is in the preview")
		}
		m, err := jpeg.Decode(bytes.NewReader(p.Data))
		if err != nil {
			t.Fatal(err)
		}
		b := m.Bounds()
		if uint32(b.Dx()) != p.Width || uint32(b.Dy()) != p.Height || max(b.Dx(), b.Dy()) != previewEdge {
			t.Fatalf("%v instead of %d × %d", b, p.Width, p.Height)
		}
		r, g, _, _ := m.At(int(at[0]*float64(b.Dx())), int(at[1]*float64(b.Dy()))).RGBA()
		if r < 0xc000 || g > 0x4000 {
			t.Fatalf("orientation %d: not red at %v of %v", orientation, at, b)
		}
		if tall := b.Dy() > b.Dx(); tall != (orientation >= 5 && orientation <= 8) {
			t.Fatalf("orientation %d: %v", orientation, b)
		}
	}
}

func TestPreviewFormats(t *testing.T) {
	t.Parallel()
	var p, g, big bytes.Buffer
	if err := png.Encode(&p, flag(1000, 3)); err != nil {
		t.Fatal(err)
	}
	if err := gif.Encode(&g, flag(20, 20), nil); err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(&big, flag(900, 900)); err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{"png": p.Bytes(), "gif": g.Bytes(), "noise": big.Bytes()} {
		preview, err := makePreview(t.Context(), bytes.NewReader(raw))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(preview.Data) > event.MaxPreview || preview.MediaType != "image/jpeg" {
			t.Fatalf("%s: %d bytes of %s", name, len(preview.Data), preview.MediaType)
		}
	}
}

// TestBombs_Pictures: pictures that claim to be huge, or are none, get no
// preview and can be offered all the same.
func TestBombs_Pictures(t *testing.T) {
	t.Parallel()
	trees, err := openTrees(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := png.Encode(&buf, flag(8, 8)); err != nil {
		t.Fatal(err)
	}
	huge := bytes.Clone(buf.Bytes())
	binary.BigEndian.PutUint32(huge[16:], 1<<20)
	binary.BigEndian.PutUint32(huge[20:], 1<<20)
	var small bytes.Buffer
	if err := gif.Encode(&small, flag(8, 8), nil); err != nil {
		t.Fatal(err)
	}
	wide := bytes.Clone(small.Bytes())
	copy(wide[6:], []byte{0xff, 0xff, 0xff, 0xff})
	for name, raw := range map[string][]byte{
		"huge.png": huge, "wide.gif": wide, "cut.png": buf.Bytes()[:40], "empty.jpg": {}, "head.jpg": []byte("\xff\xd8\xff\xe0"),
		"head.webp": []byte("RIFF\xff\xff\xff\xffWEBPVP8L\xff\xff\xff\xff\x2f\xff\xff\xff\xff\xff"),
	} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		body, err := trees.describe(t.Context(), path)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if body.Preview != nil {
			t.Fatalf("%s has a preview", name)
		}
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	trees, err := openTrees(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, want := range map[string]struct{ content, media string }{
		"a.txt": {"hello", "text/plain"}, "b.pdf": {"%PDF-1.4", "application/pdf"}, "c": {"\x00\x01", "application/octet-stream"},
		"page.jpg": {"<html><script>", "text/html"}, "photo": {string(jpegWithOrientation(t, 1)), "image/jpeg"},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(want.content), 0o600); err != nil {
			t.Fatal(err)
		}
		body, err := trees.describe(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if body.Name != name || body.MediaType != want.media || (body.Preview != nil) != (want.media == "image/jpeg") {
			t.Fatalf("%s: %+v", name, body)
		}
	}
	for _, bad := range []string{dir, filepath.Join(dir, "none"), os.DevNull} {
		if _, err := trees.describe(t.Context(), bad); err == nil {
			t.Fatalf("%s can be offered", bad)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := trees.describe(ctx, randomFile(t, 4<<20)); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(trees.dir, "*"+tempSuffix)); err != nil || len(left) > 0 {
		t.Fatal("something was left", left)
	}
}
