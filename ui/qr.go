package ui

import (
	"strings"

	"rsc.io/qr"
)

// qrBorder is the light margin around a code, in modules. The standard asks
// for four; readers manage with two, and it saves columns.
const qrBorder = 2

// QR draws text with half blocks, two modules above each other in one
// character, light on dark. The width is 0 if text is too long for any code.
func QR(text string, invert bool) (lines []Text, width int) {
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
		lines = append(lines, Line(b.String()))
	}
	return lines, side
}
