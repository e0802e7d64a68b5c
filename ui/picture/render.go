package picture

import (
	"image"
	"image/color"
	"image/draw"
	"strconv"
	"strings"

	xdraw "golang.org/x/image/draw"
)

const (
	// maxCols and maxRows bound a picture on the screen, in cells.
	maxCols = 400
	maxRows = 200
)

// Fit returns how many cells a picture of width × height pixels gets within
// cols × rows, its shape kept and none grown beyond its own size. At least one
// cell each way.
func Fit(width, height, cols, rows int, caps Caps) (c, r int) {
	cols, rows = min(max(cols, 1), maxCols), min(max(rows, 1), maxRows)
	width, height = max(width, 1), max(height, 1)
	cw, ch := caps.cell()
	c, r = min(cols, (width+cw-1)/cw), min(rows, (height+ch-1)/ch)
	// The side that is further from its room gives way.
	if byWidth := round(height*c*cw, width*ch); byWidth <= r {
		r = byWidth
	} else {
		c = round(width*r*ch, height*cw)
	}
	return min(max(c, 1), cols), min(max(r, 1), rows)
}

func round(a, b int) int { return (2*a + b) / (2 * b) }

// Render writes a picture within cols × rows cells, in the terminal's own
// protocol. Rows of blocks end with a line break but the last.
func Render(img image.Image, cols, rows int, caps Caps) string {
	c, r := Fit(img.Bounds().Dx(), img.Bounds().Dy(), cols, rows, caps)
	cw, ch := caps.cell()
	switch caps.Protocol {
	case Kitty:
		return kittySend(scale(img, c*cw, r*ch), "a=T", c, r)
	case Sixel:
		return sixels(scale(img, c*cw, r*ch))
	case Blocks:
	}
	return strings.Join(Lines(img, cols, rows, caps), "\n")
}

// Lines draws a picture within cols × rows cells as half blocks. Each line
// sets its colours and puts them back.
func Lines(img image.Image, cols, rows int, caps Caps) []string {
	c, r := Fit(img.Bounds().Dx(), img.Bounds().Dy(), cols, rows, caps)
	small := scale(img, c, 2*r)
	out := make([]string, r)
	for y := range out {
		out[y] = blockRow(small, y, caps.Depth)
	}
	return out
}

// scale draws a picture on black at another size.
func scale(img image.Image, width, height int) *image.RGBA {
	out := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.Draw(out, out.Bounds(), image.Black, image.Point{}, draw.Src)
	xdraw.BiLinear.Scale(out, out.Bounds(), img, img.Bounds(), draw.Over, nil)
	return out
}

// blockRow is row y of cells: the upper pixel is the ink of "▀", the lower one
// its ground.
func blockRow(img *image.RGBA, y int, depth Depth) string {
	var b strings.Builder
	ink, ground := "", ""
	for x := range img.Bounds().Dx() {
		up, down := img.RGBAAt(x, 2*y), img.RGBAAt(x, 2*y+1)
		if depth == Mono {
			b.WriteString(monoBlock(lit(up, x, 2*y), lit(down, x, 2*y+1)))
			continue
		}
		if i := sgr(up, depth, false); i != ink {
			ink = i
			b.WriteString("\x1b[" + i + "m")
		}
		if g := sgr(down, depth, true); g != ground {
			ground = g
			b.WriteString("\x1b[" + g + "m")
		}
		b.WriteString("▀")
	}
	if depth != Mono {
		b.WriteString("\x1b[m")
	}
	return b.String()
}

// lit decides about a dot of a picture without colours, by a pattern that
// keeps the brightness of areas.
func lit(c color.RGBA, x, y int) bool {
	pattern := [4][4]int{{0, 8, 2, 10}, {12, 4, 14, 6}, {3, 11, 1, 9}, {15, 7, 13, 5}}
	light := (299*int(c.R) + 587*int(c.G) + 114*int(c.B)) / 1000
	return light > (2*pattern[y%4][x%4]+1)*8
}

func monoBlock(up, down bool) string {
	switch {
	case up && down:
		return "█"
	case up:
		return "▀"
	case down:
		return "▄"
	}
	return " "
}

// sgr is the parameter that sets a colour.
func sgr(c color.RGBA, depth Depth, ground bool) string {
	base := 38
	if ground {
		base = 48
	}
	switch depth {
	case TrueColour:
		return strconv.Itoa(base) + ";2;" + strconv.Itoa(int(c.R)) + ";" + strconv.Itoa(int(c.G)) + ";" + strconv.Itoa(int(c.B))
	case Colours256:
		return strconv.Itoa(base) + ";5;" + strconv.Itoa(index256(c))
	case Colours16, Mono:
	}
	n := index16(c)
	if n >= 8 {
		return strconv.Itoa(base + 52 + n - 8)
	}
	return strconv.Itoa(base - 8 + n)
}

// index256 finds the nearest of the cube of 6×6×6 colours and the 24 greys.
func index256(c color.RGBA) int {
	level := func(v uint8) int {
		if v < 48 {
			return 0
		} else if v < 115 {
			return 1
		}
		return (int(v) - 35) / 40
	}
	value := func(l int) int {
		if l == 0 {
			return 0
		}
		return 55 + 40*l
	}
	r, g, b := level(c.R), level(c.G), level(c.B)
	cube := far(c, value(r), value(g), value(b))
	grey := min(max((int(c.R)+int(c.G)+int(c.B))/3-3, 0)/10, 23)
	if v := 8 + 10*grey; far(c, v, v, v) < cube {
		return 232 + grey
	}
	return 16 + 36*r + 6*g + b
}

// index16 finds the nearest of the sixteen colours as xterm has them.
func index16(c color.RGBA) int {
	best, least := 0, 1<<30
	for i, p := range [16][3]int{
		{0, 0, 0},
		{205, 0, 0},
		{0, 205, 0},
		{205, 205, 0},
		{0, 0, 238},
		{205, 0, 205},
		{0, 205, 205},
		{229, 229, 229},
		{127, 127, 127},
		{255, 0, 0},
		{0, 255, 0},
		{255, 255, 0},
		{92, 92, 255},
		{255, 0, 255},
		{0, 255, 255},
		{255, 255, 255},
	} {
		if d := far(c, p[0], p[1], p[2]); d < least {
			best, least = i, d
		}
	}
	return best
}

// far is how far a colour is from another, squared.
func far(c color.RGBA, r, g, b int) int {
	dr, dg, db := int(c.R)-r, int(c.G)-g, int(c.B)-b
	return 3*dr*dr + 6*dg*dg + db*db
}
