package tui

import (
	"strings"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

// barColumns is the width of a progress bar.
const barColumns = 20

// layFile lays out an offered file: what it is, how far it is, and the keys.
func (m *Model) layFile(msg *apiv1.Message, columns int) []line {
	f := msg.GetFile()
	name := ui.Truncate(ui.Line(f.GetName()), max(columns-16, 12))
	rows := []line{line{own(accent, "▤ "), sp(heavy, name), gap(2), sp(faint, ui.Size(f.GetSize()))}.fit(columns)}
	rows = append(rows, m.pictureLines(msg, columns)...)
	t := m.transfers[msg.GetId()]
	rows = append(rows, m.transferRow(msg, t).fit(columns))
	if t.GetState() == apiv1.TransferState_TRANSFER_STATE_DONE && t.GetPath() != "" && !t.GetOutgoing() {
		rows = append(rows, line{sp(faint, ui.Line(t.GetPath()))}.fit(columns))
	}
	return rows
}

// transferRow says how a transfer stands and which key goes on.
func (m *Model) transferRow(msg *apiv1.Message, t *apiv1.Transfer) line {
	if t == nil {
		if msg.GetFrom().GetSelf() {
			return line{sp(faint, m.t.Get("file.shared"))}
		}
		return line{sp(warn, m.t.Get("file.offered")), gap(1), sp(faint, m.t.Get("file.offered_keys"))}
	}
	switch t.GetState() {
	case apiv1.TransferState_TRANSFER_STATE_SHARED:
		return line{sp(faint, m.t.Get("file.shared"))}
	case apiv1.TransferState_TRANSFER_STATE_WAITING:
		return line{sp(warn, m.t.Get("file.waiting"))}
	case apiv1.TransferState_TRANSFER_STATE_RUNNING:
		return m.progress(t)
	case apiv1.TransferState_TRANSFER_STATE_DONE:
		return line{sp(good, m.t.Get("file.done")), gap(1), sp(faint, m.t.Get("file.done_keys"))}
	case apiv1.TransferState_TRANSFER_STATE_FAILED:
		return line{sp(alert, m.t.Get("file.failed", ui.Line(t.GetError()))), gap(1), sp(faint, m.t.Get("file.again_keys"))}
	case apiv1.TransferState_TRANSFER_STATE_CANCELLED:
		return line{sp(faint, m.t.Get("file.cancelled")), gap(1), sp(faint, m.t.Get("file.again_keys"))}
	case apiv1.TransferState_TRANSFER_STATE_OFFERED, apiv1.TransferState_TRANSFER_STATE_UNSPECIFIED:
	}
	return line{sp(warn, m.t.Get("file.offered")), gap(1), sp(faint, m.t.Get("file.offered_keys"))}
}

func (m *Model) progress(t *apiv1.Transfer) line {
	share := 0.0
	if t.GetSize() > 0 {
		share = min(float64(t.GetDone())/float64(t.GetSize()), 1)
	}
	full := int(share * barColumns)
	return line{
		{strings.Repeat("█", full), accent},
		{strings.Repeat("░", barColumns-full), faint},
		sp(plain, ui.F(" %d %%", int(share*100))), gap(2), sp(faint, ui.F("%s/s", ui.Size(t.GetBytesPerSecond()))),
	}
}
