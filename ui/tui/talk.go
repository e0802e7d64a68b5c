package tui

import (
	"cmp"
	"slices"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
)

const (
	// pageSize is how many messages are asked for at once.
	pageSize = 80
	// nearEdge is how many messages before the end of what is here the next
	// page is asked for.
	nearEdge = 40
	// maxHeld is how many messages of a conversation are held; those far from
	// the place that is looked at are dropped and loaded again when needed.
	maxHeld = 1200
)

// talk is a conversation as far as it is held here, and the place in it that
// is looked at. The place is told by the message at the lower edge, so that
// nothing above or below it has to be laid out.
type talk struct {
	ref    string
	msgs   []*apiv1.Message // oldest first
	byID   map[string]*apiv1.Message
	loaded bool
	older  bool // there are older messages
	newer  bool // there are newer messages that are not held
	asking edge // which page is being loaded

	bottom   string // message at the lower edge; "" follows the newest
	below    int    // how many of its rows are below the edge
	selected string // message that is selected
	readUpTo string // where unread began when the conversation was opened
	readSent *apiv1.Message
	laid     map[string]*laid
	draft    string // as the node has it
	sentText []string
}

// edge is an end of what is held.
type edge int

const (
	noEdge edge = iota
	olderEdge
	newerEdge
	wholeEdge
)

func newTalk(ref string) *talk {
	return &talk{ref: ref, byID: map[string]*apiv1.Message{}, laid: map[string]*laid{}}
}

// before orders messages as the node does.
func before(a, b *apiv1.Message) int {
	return cmp.Or(cmp.Compare(a.GetTimeMs(), b.GetTimeMs()), cmp.Compare(a.GetId(), b.GetId()))
}

func (t *talk) index(m *apiv1.Message) (int, bool) {
	return slices.BinarySearchFunc(t.msgs, m, before)
}

// find returns the place of a message by its ID, or -1.
func (t *talk) find(id string) int {
	m := t.byID[id]
	if m == nil {
		return -1
	}
	if i, ok := t.index(m); ok {
		return i
	}
	return -1
}

// put takes a message that is new or has changed. It says whether the message
// was not there before.
func (t *talk) put(m *apiv1.Message) bool {
	if i := t.find(m.GetId()); i >= 0 {
		if t.msgs[i].GetTimeMs() == m.GetTimeMs() {
			t.msgs[i], t.byID[m.GetId()] = m, m
			return false
		}
		t.msgs = slices.Delete(t.msgs, i, i+1)
	} else if n := len(t.msgs); n > 0 {
		switch {
		case t.newer && before(m, t.msgs[n-1]) > 0: // belongs to what is not held
			return false
		case t.older && before(m, t.msgs[0]) < 0:
			return false
		}
	}
	i, _ := t.index(m)
	t.msgs = slices.Insert(t.msgs, i, m)
	t.byID[m.GetId()] = m
	return true
}

// take adds a page at an edge.
func (t *talk) take(page []*apiv1.Message, more bool, at edge) {
	if at == wholeEdge {
		t.msgs, t.byID, t.laid = nil, map[string]*apiv1.Message{}, map[string]*laid{}
		t.older, t.newer = false, false
	}
	for _, m := range page {
		old := t.byID[m.GetId()]
		t.byID[m.GetId()] = m
		if old == nil {
			t.msgs = append(t.msgs, m)
		} else if i, ok := t.index(old); ok {
			t.msgs[i] = m
		}
	}
	slices.SortStableFunc(t.msgs, before)
	switch at {
	case olderEdge, wholeEdge:
		t.older = more
	case newerEdge:
		t.newer = more
	case noEdge:
	}
	t.trim(at)
}

// trim drops messages at the edge away from the one that has grown.
func (t *talk) trim(grown edge) {
	n := len(t.msgs) - maxHeld
	if n <= 0 {
		return
	}
	var gone []*apiv1.Message
	if grown == olderEdge && t.bottom != "" {
		keep := max(t.find(t.bottom)+pageSize, maxHeld)
		if keep >= len(t.msgs) {
			return
		}
		gone = slices.Clone(t.msgs[keep:])
		t.msgs, t.newer = slices.Delete(t.msgs, keep, len(t.msgs)), true
	} else {
		if t.bottom != "" {
			n = min(n, max(t.find(t.bottom)-pageSize, 0))
		}
		gone = slices.Clone(t.msgs[:n])
		t.msgs = slices.Delete(t.msgs, 0, n)
		t.older = t.older || n > 0
	}
	for _, m := range gone {
		delete(t.byID, m.GetId())
		delete(t.laid, m.GetId())
	}
}

// follows reports whether the newest message is looked at and new ones come
// into sight by themselves.
func (t *talk) follows() bool { return t != nil && t.bottom == "" && !t.newer }

// lowest returns the place of the message at the lower edge, or -1.
func (t *talk) lowest() int {
	if t.bottom != "" {
		if i := t.find(t.bottom); i >= 0 {
			return i
		}
	}
	return len(t.msgs) - 1
}

// newest returns the newest message that is held.
func (t *talk) newest() *apiv1.Message {
	if len(t.msgs) == 0 {
		return nil
	}
	return t.msgs[len(t.msgs)-1]
}
