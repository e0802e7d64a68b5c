package store

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/timeline"
)

// maxReplaced bounds how many later events one arrival can move; beyond it the
// rest keeps its place until it is moved by another arrival.
const maxReplaced = 1000

// insert puts a new event into its chat: the one place where an event becomes
// part of the set.
func (t *tx) insert(c *chatRecord, e *event.Event, state State, now time.Time) (Entry, error) {
	h, id := e.Header(), e.ID()
	eff, err := t.effective(h)
	if err != nil {
		return Entry{}, err
	}
	t.store.number++
	r := eventRecord{position: t.store.number, arrived: now, effective: eff, raw: e.Bytes()}
	own := e.Author() == t.store.opts.Self
	if state == Received && now.Sub(h.Time.Wall()) >= event.LateAfter {
		r.flags |= flagLate
	}
	p := place{state: state, kind: h.Kind, position: r.position}
	if err := t.mark(c, &p, e, own, eff, r.position); err != nil {
		return Entry{}, err
	}
	t.set(eventKey(id), r.encode())
	t.set(timelineKey(c.ID, eff, id), p.encode())
	if h.Expiry > 0 {
		t.set(key(keyExpiry, num(uint64(h.Expiry)), id[:]), nil)
	}
	c.Events++
	c.LastArrival = now
	c.latest = max(c.latest, eff)
	addSum(&c.sum, id, false)
	if err := t.addToBucket(c.ID, eff, id, false); err != nil {
		return Entry{}, err
	}
	awaited := t.store.waiting[id] > 0
	if err := t.link(c, h, id, eff); err != nil {
		return Entry{}, err
	}
	if err := t.refer(c, e, r.position, awaited); err != nil {
		return Entry{}, err
	}
	t.putChat(c)
	t.change(Change{Number: r.position, What: ChangedEvent, Fresh: true, Chat: c.ID, ID: id})
	return entryOf(e, r, p), nil
}

// effective returns where an event stands given the parents that are here.
func (t *tx) effective(h event.Header) (event.Time, error) {
	parents := make([]event.Time, 0, len(h.Parents))
	for _, p := range h.Parents {
		r, err := t.record(p)
		if unreadable(err) {
			continue
		}
		if err != nil {
			return 0, err
		}
		parents = append(parents, r.effective)
	}
	return event.Effective(h.Time, parents...), nil
}

// mark says whether the event is shown, counts as unread, and is the last one.
func (t *tx) mark(c *chatRecord, p *place, e *event.Event, own bool, eff event.Time, position uint64) error {
	h := e.Header()
	if !timeline.Shown(h.Kind) {
		return nil
	}
	p.flags |= flagShown
	c.Shown++
	c.lead(e.ID(), eff)
	if p.state == Received {
		p.flags |= flagUnread
		c.Unread++
		body, err := e.Body()
		if err != nil {
			return fmt.Errorf("reading an event's body: %w", err)
		}
		if b, ok := body.(event.Text); ok && slices.Contains(b.Mentions, t.store.opts.Self) {
			p.flags |= flagMention
			c.Mentions++
		}
	}
	return nil
}

// link keeps the heads of the chat, notes parents that have not arrived, and
// moves events that stood before this one, their parent.
func (t *tx) link(c *chatRecord, h event.Header, id event.ID, eff event.Time) error {
	for _, p := range h.Parents {
		c.heads = slices.DeleteFunc(c.heads, func(x head) bool { return x.id == p })
		if !t.has(eventKey(p)) {
			t.set(waitingKey(p, id), c.ID[:])
			t.await(p, 1)
		}
	}
	if t.store.waiting[id] == 0 {
		c.heads = append(c.heads, head{id, eff})
		slices.SortFunc(c.heads, func(a, b head) int { return compareTimes(b.eff, b.id, a.eff, a.id) })
		c.heads = c.heads[:min(len(c.heads), maxHeads)]
		return nil
	}
	var children []event.ID
	err := t.keys(key(keyWaiting, id[:]), func(k []byte) (bool, error) {
		children = append(children, event.ID(k[33:65]))
		return true, nil
	})
	if err != nil {
		return err
	}
	t.await(id, -t.store.waiting[id])
	for _, child := range children {
		t.del(waitingKey(id, child))
	}
	return t.pushLater(c, children)
}

// await counts how many events wait for one that has not arrived.
func (t *tx) await(id event.ID, n int) {
	w := t.store.waiting
	w[id] += n
	if w[id] <= 0 {
		delete(w, id)
	}
	t.undo = append(t.undo, func() {
		if w[id] -= n; w[id] <= 0 {
			delete(w, id)
		}
	})
}

// pushLater moves events that stand before one of their parents, and then those
// that stand before them.
func (t *tx) pushLater(c *chatRecord, queue []event.ID) error {
	for moved := 0; len(queue) > 0 && moved < maxReplaced; moved++ {
		id := queue[0]
		queue = queue[1:]
		r, err := t.record(id)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		e, err := t.parse(id, r)
		if err != nil {
			t.store.log.Warn("a damaged event keeps its place", "event", id, "error", err)
			continue
		}
		eff, err := t.effective(e.Header())
		if err != nil {
			return err
		}
		if eff == r.effective {
			continue
		}
		was := r.effective
		if err := t.move(c, id, r, eff); err != nil {
			return err
		}
		// Its children stood after its old place. Those that the new place
		// overtakes stand between the two.
		next, err := t.childrenBetween(c.ID, id, was, eff)
		if err != nil {
			return err
		}
		queue = append(queue, next...)
	}
	return nil
}

// move gives an event another place in the timeline.
func (t *tx) move(c *chatRecord, id event.ID, r eventRecord, eff event.Time) error {
	was := timelineKey(c.ID, r.effective, id)
	raw, err := t.get(was)
	if err != nil {
		return fmt.Errorf("moving the event %s: %w", id.Short(), err)
	}
	p, err := decodePlace(raw)
	if err != nil {
		return err
	}
	t.del(was)
	t.set(timelineKey(c.ID, eff, id), raw)
	if err := t.addToBucket(c.ID, r.effective, id, true); err != nil {
		return err
	}
	if err := t.addToBucket(c.ID, eff, id, false); err != nil {
		return err
	}
	r.effective = eff
	t.set(eventKey(id), r.encode())
	for i := range c.heads {
		if c.heads[i].id == id {
			c.heads[i].eff = eff
		}
	}
	c.latest = max(c.latest, eff)
	if p.flags&flagShown != 0 {
		c.lead(id, eff)
	}
	t.putChat(c)
	t.note(Change{What: ChangedEvent, Chat: c.ID, ID: id})
	return nil
}

// childrenBetween returns the events that name parent and stand after one time
// and not after another.
func (t *tx) childrenBetween(chat event.ConversationID, parent event.ID, from, to event.Time) ([]event.ID, error) {
	var out []event.ID
	seen := 0
	err := t.iterate(key(keyTimeline, chat[:]), key(keyTimeline, chat[:], num(uint64(from))), false, false,
		func(k, _ []byte) (bool, error) {
			eff, id, err := splitTimeline(k)
			if err != nil || eff > to || seen >= 10*maxReplaced {
				return false, err
			}
			seen++
			r, err := t.record(id)
			if err != nil {
				return true, nil //nolint:nilerr // a damaged record is found by Check
			}
			if e, err := event.Parse(r.raw); err == nil && slices.Contains(e.Header().Parents, parent) {
				out = append(out, id)
			}
			return true, nil
		})
	return out, err
}

// lead makes an event the last one of the chat if it stands behind it.
func (c *chatRecord) lead(id event.ID, eff event.Time) {
	if compareTimes(eff, id, c.lastEff, c.Last) >= 0 {
		c.Last, c.lastEff, c.LastTime = id, eff, eff.Wall()
	}
}

func compareTimes(a event.Time, aid event.ID, b event.Time, bid event.ID) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return slices.Compare(aid[:], bid[:])
}

// target returns what an event refers to: what it edits, retracts or reacts to.
func target(b event.Body) (event.ID, bool) {
	switch b := b.(type) {
	case event.Edit:
		return b.Target, true
	case event.Retract:
		return b.Target, true
	case event.Reaction:
		return b.Target, true
	}
	return event.ID{}, false
}

// refer notes what the event refers to, also when that has not arrived, and
// marks an event that others have referred to before it came (awaited).
func (t *tx) refer(c *chatRecord, e *event.Event, position uint64, awaited bool) error {
	id := e.ID()
	body, err := e.Body()
	if err != nil {
		return fmt.Errorf("reading an event's body: %w", err)
	}
	if to, ok := target(body); ok {
		t.set(relatedKey(to, id), num(position))
		if err := t.markRelated(c, to, id); err != nil {
			return err
		}
		if _, ok := body.(event.Retract); ok {
			return t.eraseIfRetracted(c, to)
		}
		return nil
	}
	if !timeline.Shown(e.Header().Kind) || !awaited {
		return nil
	}
	if err := t.markRelated(c, id, id); err != nil {
		return err
	}
	return t.eraseIfRetracted(c, id)
}

// markRelated sets the flag that tells readers to look for what refers to an
// event.
func (t *tx) markRelated(c *chatRecord, id, by event.ID) error {
	r, err := t.record(id)
	if errors.Is(err, ErrNotFound) {
		t.set(waitingKey(id, by), c.ID[:])
		t.await(id, 1)
		return nil
	}
	if err != nil {
		return err
	}
	k := timelineKey(c.ID, r.effective, id)
	raw, err := t.get(k)
	if errors.Is(err, ErrNotFound) {
		return nil // it stands in another chat: the reference counts for nothing
	}
	if err != nil {
		return err
	}
	p, err := decodePlace(raw)
	if err != nil {
		return err
	}
	if p.flags&flagRelated == 0 {
		p.flags |= flagRelated
		t.set(k, p.encode())
	}
	t.note(Change{What: ChangedEvent, Chat: c.ID, ID: id})
	return nil
}
