package roster

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/kith-chat/kith/identity/event"
)

// graph is the steps that hang together with the first one, in the order of
// the set: by depth, then by ID. A step is named by its place in the order.
type graph struct {
	steps []step
	past  []bits // what each step has seen, itself left out
	at    map[event.ID]int
	heads []event.ID
	waits int // steps that name one that is not here
}

// bits is a set of places.
type bits []uint64

func (b bits) has(i int) bool { return b[i>>6]>>(i&63)&1 == 1 }
func (b bits) set(i int)      { b[i>>6] |= 1 << (i & 63) }
func (b bits) join(c bits) {
	for i, w := range c {
		b[i] |= w
	}
}

func newBits(n int) bits { return make(bits, (n+63)/64) }

// seen reports whether step i has seen step j.
func (g *graph) seen(i, j int) bool { return j >= 0 && g.past[i].has(j) }

// concurrent reports whether neither of two steps has seen the other.
func (g *graph) concurrent(i, j int) bool { return i != j && !g.past[i].has(j) && !g.past[j].has(i) }

// build orders the steps that hang together with the first. A step that names
// one that is not here waits for it.
func (s *Set) build() *graph {
	depth := s.depths()
	g := &graph{at: make(map[event.ID]int, len(depth)), waits: len(s.steps) - len(depth)}
	for id := range depth {
		g.steps = append(g.steps, s.steps[id])
	}
	slices.SortFunc(g.steps, func(a, b step) int {
		if c := cmp.Compare(depth[a.id], depth[b.id]); c != 0 {
			return c
		}
		return bytes.Compare(a.id[:], b.id[:])
	})
	head := make([]bool, len(g.steps))
	for i, st := range g.steps {
		g.at[st.id] = i
		p := newBits(len(g.steps))
		for _, before := range st.body.After {
			j := g.at[before]
			p.set(j)
			p.join(g.past[j])
			head[j] = false
		}
		g.past = append(g.past, p)
		head[i] = true
	}
	for i := len(head) - 1; i >= 0 && len(g.heads) < event.MaxGroupAfter; i-- {
		if head[i] {
			g.heads = append(g.heads, g.steps[i].id)
		}
	}
	return g
}

// depths returns the length of the longest way from the first step to each
// step all of whose predecessors are here. IDs are hashes, so that there is no
// circle. Of several first steps, which differ in nothing but their header,
// the one with the lowest ID counts.
func (s *Set) depths() map[event.ID]int {
	var first event.ID
	for id, st := range s.steps {
		if st.creates && st.body.Step == event.GroupCreate && (first.IsZero() || bytes.Compare(id[:], first[:]) < 0) {
			first = id
		}
	}
	if first.IsZero() {
		return nil
	}
	waits := make(map[event.ID]int, len(s.steps))
	next := make(map[event.ID][]event.ID, len(s.steps))
	for id, st := range s.steps {
		waits[id] = len(st.body.After)
		for _, before := range st.body.After {
			next[before] = append(next[before], id)
		}
	}
	depth := map[event.ID]int{first: 0}
	for queue := []event.ID{first}; len(queue) > 0; queue = queue[1:] {
		for _, id := range next[queue[0]] {
			depth[id] = max(depth[id], depth[queue[0]]+1)
			if waits[id]--; waits[id] == 0 {
				queue = append(queue, id)
			}
		}
	}
	for id := range depth {
		if id != first && waits[id] > 0 {
			delete(depth, id)
		}
	}
	return depth
}
