package picture

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"fmt"
	"image"
	"strings"

	"github.com/charmbracelet/x/ansi/kitty"
)

// kittyChunk is how much of a picture one sequence may carry.
const kittyChunk = 4096

// Transmit gives a picture to the terminal under an ID, to be shown by
// Placeholder in cols × rows cells, which Fit found. It draws nothing.
func Transmit(img image.Image, id uint32, cols, rows int, caps Caps) string {
	cols, rows = min(max(cols, 1), maxCols), min(max(rows, 1), maxRows)
	cw, ch := caps.cell()
	return kittySend(scale(img, cols*cw, rows*ch), fmt.Sprintf("a=T,U=1,i=%d", id&0xffffff), cols, rows)
}

// Placeholder returns the rows of cells in which the terminal shows the
// picture of an ID.
func Placeholder(id uint32, cols, rows int) []string {
	cols, rows = min(max(cols, 1), maxCols), min(max(rows, 1), maxRows)
	out := make([]string, rows)
	for y := range out {
		var b strings.Builder
		fmt.Fprintf(&b, "\x1b[38;2;%d;%d;%dm", id>>16&0xff, id>>8&0xff, id&0xff)
		for x := range cols {
			b.WriteRune(kitty.Placeholder)
			b.WriteRune(kitty.Diacritic(y))
			b.WriteRune(kitty.Diacritic(x))
		}
		b.WriteString("\x1b[39m")
		out[y] = b.String()
	}
	return out
}

// kittySend carries pixels in chunks, compressed.
func kittySend(img *image.RGBA, how string, cols, rows int) string {
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	if _, err := z.Write(img.Pix); err != nil {
		return "" // a buffer takes everything
	}
	if err := z.Close(); err != nil {
		return ""
	}
	data := base64.StdEncoding.EncodeToString(packed.Bytes())
	var b strings.Builder
	fmt.Fprintf(&b, "\x1b_G%s,q=2,f=32,o=z,s=%d,v=%d,c=%d,r=%d,", how, img.Bounds().Dx(), img.Bounds().Dy(), cols, rows)
	for {
		n := min(len(data), kittyChunk)
		more := 0
		if n < len(data) {
			more = 1
		}
		fmt.Fprintf(&b, "m=%d;%s\x1b\\", more, data[:n])
		if data = data[n:]; data == "" {
			return b.String()
		}
		b.WriteString("\x1b_Gq=2,")
	}
}
