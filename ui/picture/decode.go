package picture

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"

	"golang.org/x/image/webp"
)

const (
	// MaxBytes bounds an encoded picture.
	MaxBytes = 64 << 20
	// MaxPixels bounds a picture that is decoded.
	MaxPixels = 40_000_000
	// maxProgressive bounds a progressive JPEG, whose decoder keeps 12 bytes a
	// pixel beside the picture.
	maxProgressive = 16_000_000
	// maxSide bounds width and height, each.
	maxSide = 32_768
)

// The errors of Decode.
var (
	// ErrFormat says that the bytes are no PNG, JPEG, GIF or WebP.
	ErrFormat = errors.New("this is no picture that can be shown: PNG, JPEG, GIF and WebP can")
	// ErrTooLarge says that the picture is beyond the bounds.
	ErrTooLarge = errors.New("the picture is too large to be shown here")
)

// format is one encoding of pictures.
type format struct {
	magic  string // "?" stands for any byte
	config func(*bytes.Reader) (image.Config, error)
	decode func(*bytes.Reader) (image.Image, error)
}

func formats() []format {
	return []format{
		{
			"\x89PNG\r\n\x1a\n",
			func(r *bytes.Reader) (image.Config, error) { return png.DecodeConfig(r) },
			func(r *bytes.Reader) (image.Image, error) { return png.Decode(r) },
		},
		{
			"\xff\xd8",
			func(r *bytes.Reader) (image.Config, error) { return jpeg.DecodeConfig(r) },
			func(r *bytes.Reader) (image.Image, error) { return jpeg.Decode(r) },
		},
		{
			"GIF8?a",
			func(r *bytes.Reader) (image.Config, error) { return gif.DecodeConfig(r) },
			func(r *bytes.Reader) (image.Image, error) { return gif.Decode(r) },
		},
		{
			"RIFF????WEBP",
			func(r *bytes.Reader) (image.Config, error) { return webp.DecodeConfig(r) },
			func(r *bytes.Reader) (image.Image, error) { return webp.Decode(r) },
		},
	}
}

// Decode reads a PNG, JPEG or WebP, or the first frame of a GIF, of at most
// MaxBytes and MaxPixels. It takes memory in proportion to the picture's size,
// and none before that has been checked. ErrFormat, ErrTooLarge.
func Decode(data []byte) (image.Image, error) {
	f, err := check(data)
	if err != nil {
		return nil, err
	}
	img, err := f.decode(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrFormat, err)
	}
	if b := img.Bounds(); b.Empty() || b.Dx()*b.Dy() > MaxPixels {
		return nil, ErrTooLarge
	}
	return img, nil
}

// Size returns the width and height that Decode would give, in pixels, from
// the header alone.
func Size(data []byte) (width, height int, err error) {
	f, err := check(data)
	if err != nil {
		return 0, 0, err
	}
	c, err := f.config(bytes.NewReader(data))
	return c.Width, c.Height, err
}

// check finds the format and holds the header against the bounds.
func check(data []byte) (format, error) {
	if len(data) > MaxBytes {
		return format{}, ErrTooLarge
	}
	for _, f := range formats() {
		if !begins(data, f.magic) {
			continue
		}
		c, err := f.config(bytes.NewReader(data))
		if err != nil {
			return format{}, fmt.Errorf("%w (%w)", ErrFormat, err)
		}
		if c.Width < 1 || c.Height < 1 {
			return format{}, ErrFormat
		}
		limit := MaxPixels
		if progressive(data) {
			limit = maxProgressive
		}
		if c.Width > maxSide || c.Height > maxSide || c.Width*c.Height > limit {
			return format{}, ErrTooLarge
		}
		return f, nil
	}
	return format{}, ErrFormat
}

func begins(data []byte, magic string) bool {
	if len(data) < len(magic) {
		return false
	}
	for i := range len(magic) {
		if magic[i] != '?' && data[i] != magic[i] {
			return false
		}
	}
	return true
}

// progressive reports whether data is a progressive JPEG. It walks over the
// segments up to the header of the frame.
func progressive(data []byte) bool {
	const start, frame, scan = 0xd8, 0xc2, 0xda
	if len(data) < 2 || data[0] != 0xff || data[1] != start {
		return false
	}
	for i := 2; i+4 <= len(data); {
		if data[i] != 0xff {
			i++ // the decoder skips such bytes too
			continue
		}
		switch m := data[i+1]; {
		case m == frame:
			return true
		case m == scan:
			return false
		case m == 0xff || m == 0 || m >= 0xd0 && m <= 0xd9:
			i++
		default:
			i += 2 + max(int(data[i+2])<<8|int(data[i+3]), 2)
		}
	}
	return false
}
