package cli

import (
	"strings"

	"rsc.io/qr"

	"github.com/kith-chat/kith/ui"
)

const (
	// qrBorder is the light margin around a code, in modules. The standard
	// asks for four; readers manage with two, and it saves columns.
	qrBorder = 2
	// qrColumns is what a code may fill where the terminal's width is unknown.
	qrColumns = 80
)

// showQR draws link, or says why it does not.
func (c *call) showQR(link string, invert bool) {
	if c.out.json {
		return
	}
	columns := qrColumns
	if w := c.s.columns(); w > 0 {
		columns = w
	}
	lines, width := drawQR(link, invert)
	switch {
	case width == 0:
		c.out.note("the link is too long for a QR code; copy it instead")
	case width > columns:
		c.out.note("the QR code needs %d columns and the terminal has %d; widen it, or copy the link", width, columns)
	default:
		c.out.text(0, lines...)
	}
}

// drawQR draws text with half blocks, two modules above each other in one
// character, light on dark. The width is 0 if text is too long for any code.
func drawQR(text string, invert bool) (lines []ui.Text, width int) {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return nil, 0
	}
	light := func(x, y int) bool { return code.Black(x-qrBorder, y-qrBorder) == invert }
	side := code.Size + 2*qrBorder
	for y := 0; y < side; y += 2 {
		var b strings.Builder
		for x := range side {
			upper, lower := light(x, y), y+1 < side && light(x, y+1)
			switch {
			case upper && lower:
				b.WriteRune('█')
			case upper:
				b.WriteRune('▀')
			case lower:
				b.WriteRune('▄')
			default:
				b.WriteRune(' ')
			}
		}
		lines = append(lines, ui.Line(b.String()))
	}
	return lines, side
}
