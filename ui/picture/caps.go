package picture

import "strings"

// Protocol is how a terminal shows a picture.
type Protocol int

// The protocols, the plainest first.
const (
	Blocks Protocol = iota // half blocks, which every terminal has
	Sixel
	Kitty
)

// Depth is how many colours a terminal has.
type Depth int

// The depths.
const (
	Mono Depth = iota
	Colours16
	Colours256
	TrueColour
)

// Caps is what a terminal can do.
type Caps struct {
	Protocol Protocol
	Depth    Depth
	// Placeholders says that kitty's pictures can stand in cells.
	Placeholders bool
	// CellWidth and CellHeight are the size of a cell in pixels, 0 if unknown.
	CellWidth, CellHeight int
}

// The size of a cell where a terminal does not say it.
const (
	usualCellWidth  = 8
	usualCellHeight = 16
)

// Detect finds out what the terminal can do, from the environment and from the
// terminal's answer to the DA1 query ("ESC [ c"), which may be "". Within tmux
// and screen only half blocks are sure to arrive.
func Detect(getenv func(string) string, da1 string) Caps {
	term, program := getenv("TERM"), strings.ToLower(getenv("TERM_PROGRAM"))
	c := Caps{Depth: depthOf(getenv)}
	if c.Depth == Mono {
		return c // whoever wants no colour wants no picture in colour
	}
	if getenv("TMUX") != "" || strings.HasPrefix(term, "screen") || strings.HasPrefix(term, "tmux") {
		return c
	}
	switch {
	case getenv("KITTY_WINDOW_ID") != "" || term == "xterm-kitty" || term == "xterm-ghostty" || program == "ghostty":
		c.Protocol, c.Depth, c.Placeholders = Kitty, TrueColour, true
	case program == "wezterm":
		c.Protocol, c.Depth = Kitty, TrueColour
	case hasSixel(da1) || strings.HasPrefix(term, "foot") || strings.HasPrefix(term, "mlterm") || program == "iterm.app":
		c.Protocol = Sixel
	}
	return c
}

func depthOf(getenv func(string) string) Depth {
	term, colour := getenv("TERM"), strings.ToLower(getenv("COLORTERM"))
	switch {
	case getenv("NO_COLOR") != "" || term == "" || term == "dumb" || strings.HasSuffix(term, "-m") || strings.HasPrefix(term, "vt1") || strings.HasPrefix(term, "vt2"):
		return Mono
	case colour == "truecolor" || colour == "24bit" || strings.HasSuffix(term, "-direct"):
		return TrueColour
	case strings.Contains(term, "256color") || strings.HasPrefix(term, "foot"):
		return Colours256
	}
	return Colours16
}

// hasSixel reads an answer such as "ESC [ ? 62 ; 4 ; 6 c": 4 means sixels.
func hasSixel(da1 string) bool {
	_, attributes, ok := strings.Cut(da1, "\x1b[?")
	attributes, _, end := strings.Cut(attributes, "c")
	if !ok || !end || len(attributes) > 256 {
		return false
	}
	for i, a := range strings.Split(attributes, ";") {
		if i > 0 && a == "4" {
			return true
		}
	}
	return false
}

// cell returns the size of a cell in pixels.
func (c Caps) cell() (width, height int) {
	if c.CellWidth < 1 || c.CellHeight < 1 || c.CellWidth > 128 || c.CellHeight > 256 {
		return usualCellWidth, usualCellHeight
	}
	return c.CellWidth, c.CellHeight
}
