package cli

import (
	"time"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

const (
	// barColumns is the length of the progress bar.
	barColumns = 24
	// plainSteps is how many lines a transfer prints where there is no
	// terminal: one at each tenth.
	plainSteps = 10
)

// meter shows the progress of one transfer: a bar on a terminal, a line at
// each tenth elsewhere, an object at each tenth in JSON.
type meter struct {
	c     *call
	state apiv1.TransferState
	step  int
	begun bool
}

func (m *meter) show(t *apiv1.Transfer) {
	if m.c.s.OutTTY && !m.c.out.json {
		m.c.out.progress(barOf(t))
		return
	}
	step := int(progress(t) * plainSteps)
	if m.begun && step == m.step && t.GetState() == m.state {
		return
	}
	m.begun, m.step, m.state = true, step, t.GetState()
	if t.GetState() == apiv1.TransferState_TRANSFER_STATE_DONE {
		return
	}
	if m.c.out.json {
		r := newFile(t)
		r.Event = "file"
		m.c.out.show(r)
		return
	}
	m.c.out.line(barOf(t))
}

// barOf draws a bar, the part in per cent, the speed and the time left.
func barOf(t *apiv1.Transfer) ui.Text {
	part := progress(t)
	full := int(part * barColumns)
	bar := ui.F("%s%s", ui.Repeat(ui.F("#"), full), ui.Repeat(ui.F("."), barColumns-full))
	line := ui.F("[%s] %3d %% of %s  %s", bar, int(part*100), ui.Size(t.GetSize()), ui.Truncate(ui.Line(t.GetName()), 30))
	if t.GetState() == apiv1.TransferState_TRANSFER_STATE_WAITING {
		return ui.F("%s  waiting for somebody who has it", line)
	}
	speed := t.GetBytesPerSecond()
	if speed == 0 || t.GetDone() >= t.GetSize() {
		return line
	}
	left := time.Duration((t.GetSize()-t.GetDone())/speed) * time.Second
	return ui.F("%s  %s/s, %s left", line, ui.Size(speed), ui.Span(left))
}
