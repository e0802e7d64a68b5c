package picture

import (
	"fmt"
	"image"
	"strings"
)

// The palette of sixels: a cube of 6×7×6 colours, because eyes see green best.
const (
	reds    = 6
	greens  = 7
	blues   = 6
	palette = reds * greens * blues
)

// sixels writes a picture as DCS q …: bands of six rows, each colour of a band
// in a pass of its own.
func sixels(img *image.RGBA) string {
	width, height := img.Bounds().Dx(), img.Bounds().Dy()
	dots := quantise(img)
	var b strings.Builder
	fmt.Fprintf(&b, "\x1bP0;1q\"1;1;%d;%d", width, height)
	used := [palette]bool{}
	for _, d := range dots {
		used[d] = true
	}
	for i, u := range used {
		if u {
			fmt.Fprintf(&b, "#%d;2;%d;%d;%d", i, i/(greens*blues)*100/(reds-1), i/blues%greens*100/(greens-1), i%blues*100/(blues-1))
		}
	}
	row := make([]byte, width)
	for top := 0; top < height; top += 6 {
		var here [palette]bool
		for _, d := range dots[top*width : min(top+6, height)*width] {
			here[d] = true
		}
		for colour, h := range here {
			if !h {
				continue
			}
			clear(row)
			for y := top; y < min(top+6, height); y++ {
				for x, d := range dots[y*width : (y+1)*width] {
					if int(d) == colour {
						row[x] |= 1 << (y - top)
					}
				}
			}
			fmt.Fprintf(&b, "#%d", colour)
			writeRuns(&b, row)
			b.WriteByte('$')
		}
		b.WriteByte('-')
	}
	b.WriteString("\x1b\\")
	return b.String()
}

// writeRuns writes a pass, equal columns as a run.
func writeRuns(b *strings.Builder, row []byte) {
	for i := 0; i < len(row); {
		n := 1
		for i+n < len(row) && row[i+n] == row[i] {
			n++
		}
		sign := row[i] + '?'
		if n > 3 {
			fmt.Fprintf(b, "!%d%c", n, sign)
		} else {
			for range n {
				b.WriteByte(sign)
			}
		}
		i += n
	}
}

// quantise gives each pixel its colour of the palette, with a pattern that
// keeps the shades of areas.
func quantise(img *image.RGBA) []uint8 {
	pattern := [4][4]int{{0, 8, 2, 10}, {12, 4, 14, 6}, {3, 11, 1, 9}, {15, 7, 13, 5}}
	width, height := img.Bounds().Dx(), img.Bounds().Dy()
	out := make([]uint8, width*height)
	level := func(v uint8, levels, shift int) int {
		return min((int(v)*(levels-1)*16+shift*255)/(255*16), levels-1)
	}
	for y := range height {
		for x := range width {
			c := img.RGBAAt(x, y)
			s := pattern[y%4][x%4]
			out[y*width+x] = uint8((level(c.R, reds, s)*greens+level(c.G, greens, s))*blues + level(c.B, blues, s))
		}
	}
	return out
}
