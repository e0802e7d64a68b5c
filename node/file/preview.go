package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	_ "image/gif" // decoders of the pictures that get a preview
	"image/jpeg"
	_ "image/png"
	"io"

	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp"

	"github.com/kith-chat/kith/identity/event"
)

const (
	// maxPixels bounds the picture that is decoded for a preview; its header
	// is read first.
	maxPixels = 40 << 20
	// previewEdge is the longer edge of a preview in pixels.
	previewEdge = 320
)

var errPicture = errors.New("not a picture that can be previewed")

// makePreview decodes a JPEG, PNG, GIF or WebP and returns a small JPEG that
// stands upright and carries no metadata: it is drawn anew.
func makePreview(ctx context.Context, r io.ReadSeeker) (*event.Preview, error) {
	config, format, err := image.DecodeConfig(withContext(ctx, r))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errPicture, err)
	}
	if config.Width <= 0 || config.Height <= 0 || config.Width > maxPixels/config.Height {
		return nil, fmt.Errorf("%w: it has %d × %d pixels", errPicture, config.Width, config.Height)
	}
	orientation := 1
	if format == "jpeg" {
		if _, err := r.Seek(0, io.SeekStart); err != nil {
			return nil, fmt.Errorf("reading the picture: %w", err)
		}
		orientation = jpegOrientation(withContext(ctx, r))
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("reading the picture: %w", err)
	}
	picture, _, err := image.Decode(withContext(ctx, r))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errPicture, err)
	}
	return encodePreview(upright(shrink(picture), orientation))
}

// shrink draws the picture on white, at most previewEdge on the longer edge.
func shrink(src image.Image) *image.RGBA {
	b := src.Bounds()
	w, h := b.Dx(), b.Dy()
	if longer := max(w, h); longer > previewEdge {
		w, h = max(1, w*previewEdge/longer), max(1, h*previewEdge/longer)
	}
	dst := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(dst, dst.Bounds(), image.White, image.Point{}, draw.Src)
	draw.ApproxBiLinear.Scale(dst, dst.Bounds(), src, b, draw.Over, nil)
	return dst
}

// upright turns and mirrors a picture as its EXIF orientation (1 to 8) asks.
func upright(src *image.RGBA, orientation int) *image.RGBA {
	if orientation < 2 || orientation > 8 {
		return src
	}
	w, h := src.Bounds().Dx(), src.Bounds().Dy()
	dst := image.NewRGBA(image.Rect(0, 0, w, h))
	if orientation >= 5 {
		dst = image.NewRGBA(image.Rect(0, 0, h, w))
	}
	for y := range h {
		for x := range w {
			var tx, ty int
			switch orientation {
			case 2:
				tx, ty = w-1-x, y
			case 3:
				tx, ty = w-1-x, h-1-y
			case 4:
				tx, ty = x, h-1-y
			case 5:
				tx, ty = y, x
			case 6:
				tx, ty = h-1-y, x
			case 7:
				tx, ty = h-1-y, w-1-x
			case 8:
				tx, ty = y, w-1-x
			}
			dst.SetRGBA(tx, ty, src.RGBAAt(x, y))
		}
	}
	return dst
}

// encodePreview lowers the quality, then the size, until the limit is kept.
func encodePreview(src *image.RGBA) (*event.Preview, error) {
	for range 3 {
		for _, quality := range []int{75, 55, 35} {
			var buf bytes.Buffer
			if err := jpeg.Encode(&buf, src, &jpeg.Options{Quality: quality}); err != nil {
				return nil, fmt.Errorf("encoding the preview: %w", err)
			}
			if buf.Len() <= event.MaxPreview {
				return &event.Preview{
					MediaType: "image/jpeg", Data: buf.Bytes(),
					Width: uint32(src.Bounds().Dx()), Height: uint32(src.Bounds().Dy()),
				}, nil
			}
		}
		half := image.NewRGBA(image.Rect(0, 0, max(1, src.Bounds().Dx()/2), max(1, src.Bounds().Dy()/2)))
		draw.ApproxBiLinear.Scale(half, half.Bounds(), src, src.Bounds(), draw.Src, nil)
		src = half
	}
	return nil, errPicture
}

// readFunc is a reader out of one function.
type readFunc func([]byte) (int, error)

// Read calls the function.
func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// withContext ends a long reading when the context does.
func withContext(ctx context.Context, r io.Reader) io.Reader {
	return readFunc(func(p []byte) (int, error) {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		return r.Read(p)
	})
}
