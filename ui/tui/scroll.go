package tui

// viewport is a conversation laid out for a size: what turns rows into
// messages and back. rowsOf lays one message out.
type viewport struct {
	t      *talk
	height int
	rowsOf func(i int) []line
}

// place is a row of the screen that belongs to a message.
type place struct {
	line  line
	index int // of the message; -1 for an empty row
}

// rows returns the rows in sight, the lowest last. It lays out no message that
// is not in sight.
func (v viewport) rows() []place {
	out := make([]place, v.height)
	for i := range out {
		out[i].index = -1
	}
	n := v.height
	skip := v.t.below
	for i := v.t.lowest(); i >= 0 && n > 0; i-- {
		rows := v.rowsOf(i)
		for j := len(rows) - 1 - skip; j >= 0 && n > 0; j-- {
			n--
			out[n] = place{rows[j], i}
		}
		skip = 0
	}
	return out
}

// up moves the sight n rows up, down if n is negative.
func (v viewport) move(n int) {
	t := v.t
	i := t.lowest()
	if i < 0 {
		return
	}
	below := t.below + n
	for below < 0 {
		if i++; i >= len(t.msgs) {
			v.newest()
			return
		}
		below += len(v.rowsOf(i))
	}
	for i > 0 && below >= len(v.rowsOf(i)) {
		below -= len(v.rowsOf(i))
		i--
	}
	below = min(below, max(len(v.rowsOf(i))-1, 0))
	if n > 0 { // the screen stays full
		i, below = v.full(i, below)
	}
	if i == len(t.msgs)-1 && below == 0 && !t.newer {
		v.newest()
		return
	}
	t.bottom, t.below = t.msgs[i].GetId(), below
}

// full moves a place down until the rows above it fill the screen.
func (v viewport) full(i, below int) (int, int) {
	rows := -below
	for j := i; j >= 0 && rows < v.height; j-- {
		rows += len(v.rowsOf(j))
	}
	for lack := v.height - rows; lack > 0; {
		if below >= lack {
			return i, below - lack
		}
		lack -= below
		if i+1 >= len(v.t.msgs) {
			return i, 0
		}
		i++
		below = len(v.rowsOf(i))
	}
	return i, below
}

// newest goes to the end and follows it.
func (v viewport) newest() { v.t.bottom, v.t.below = "", 0 }

// show brings a message into sight, in the middle if it was not.
func (v viewport) show(id string) {
	i := v.t.find(id)
	if i < 0 {
		return
	}
	own := 0
	for _, p := range v.rows() {
		if p.index == i {
			own++
		}
	}
	if own >= min(len(v.rowsOf(i)), v.height) {
		return
	}
	rows := v.height / 2
	j := i
	for j+1 < len(v.t.msgs) && rows > 0 {
		j++
		rows -= len(v.rowsOf(j))
	}
	if j == len(v.t.msgs)-1 && rows > 0 && !v.t.newer {
		v.newest()
	} else {
		v.t.bottom, v.t.below = v.t.msgs[j].GetId(), 0
	}
	if len(v.rowsOf(i)) >= v.height { // too large: its end
		v.t.bottom, v.t.below = id, 0
	}
}
