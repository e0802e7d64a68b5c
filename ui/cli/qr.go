package cli

import (
	"cmp"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

// qrColumns is what a code may fill where the terminal's width is unknown.
const qrColumns = 80

// showQR draws link, or says why it does not.
func (c *call) showQR(link string, invert bool) {
	if c.out.json {
		return
	}
	columns := qrColumns
	if w := c.s.columns(); w > 0 {
		columns = w
	}
	lines, width := ui.QR(link, invert)
	switch {
	case width == 0:
		c.out.note("the link is too long for a QR code; copy it instead")
	case width > columns:
		c.out.note("the QR code needs %d columns and the terminal has %d; widen it, or copy the link", width, columns)
	default:
		c.out.text(0, lines...)
	}
}

// qrText is what the QR code of an invite says: the short form where the node
// makes one.
func qrText(r *apiv1.CreateInviteResponse) string { return cmp.Or(r.GetQr(), r.GetInvite()) }
