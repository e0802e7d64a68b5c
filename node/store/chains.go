package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/store/pb"
)

// maxGaps bounds the gaps that are remembered of one device's chain; beyond it
// the oldest two are joined, so that the count is kept and the detail lost.
const maxGaps = 64

// metaDevice is the name of the device that the store belongs to.
var metaDevice = []byte("mdevice")

// chain is what is known of one device's events in one chat.
type chain struct {
	account identity.AccountID
	last    uint64
	lastID  event.ID
	count   uint64
	gaps    []gap // ascending
	forks   uint64
	forked  event.ID
}

// gap is a range of sequence numbers that have not arrived, both ends included.
type gap struct{ from, to uint64 }

// Chain says how complete one device's part of a chat is.
type Chain struct {
	Device  identity.DeviceID
	Account identity.AccountID
	Last    uint64
	Missing uint64
	Forks   uint64
	Forked  event.ID // of the newest fork, the event that came second; zero for none
}

func (t *tx) chain(chat event.ConversationID, d identity.DeviceID) (chain, error) {
	raw, err := t.get(chainKey(chat, d))
	if errors.Is(err, ErrNotFound) {
		return chain{}, nil
	}
	if err != nil {
		return chain{}, err
	}
	c, err := decodeChain(raw)
	if errors.Is(err, ErrDamaged) {
		t.store.log.Error("a device's chain cannot be read: it is counted again", "chat", chat, "device", d, "error", err)
		return t.recountChain(chat, d)
	}
	return c, err
}

// recountChain makes a chain again from the events that are here: to begin at
// one would give our own next event a number that it has given before.
func (t *tx) recountChain(chat event.ConversationID, d identity.DeviceID) (chain, error) {
	var all []*event.Event
	err := t.events(chat, func(e *event.Event) error {
		if e.Header().Device == d {
			all = append(all, e)
		}
		return nil
	})
	if err != nil {
		return chain{}, err
	}
	slices.SortFunc(all, func(a, b *event.Event) int { return cmp.Compare(a.Header().Sequence, b.Header().Sequence) })
	var c chain
	for _, e := range all {
		c.add(e)
	}
	return c, nil
}

func decodeChain(raw []byte) (chain, error) {
	var m pb.Chain
	if err := proto.Unmarshal(raw, &m); err != nil {
		return chain{}, fmt.Errorf("%w: a device's chain: %w", ErrDamaged, err)
	}
	if len(m.GetAccount()) != 32 || len(m.GetLastId()) != 32 || m.GetLast() == 0 {
		return chain{}, fmt.Errorf("%w: a device's chain has no end", ErrDamaged)
	}
	c := chain{last: m.GetLast(), count: m.GetCount(), forks: m.GetForks()}
	copy(c.account[:], m.GetAccount())
	copy(c.lastID[:], m.GetLastId())
	copy(c.forked[:], m.GetForkEvidence())
	end := uint64(0)
	for _, g := range m.GetGaps() {
		if g.GetFrom() <= end || g.GetTo() < g.GetFrom() || g.GetTo() > c.last {
			return chain{}, fmt.Errorf("%w: a device's chain has gaps that cannot be", ErrDamaged)
		}
		end = g.GetTo()
		c.gaps = append(c.gaps, gap{g.GetFrom(), g.GetTo()})
	}
	return c, nil
}

func (t *tx) putChain(chat event.ConversationID, d identity.DeviceID, c chain) error {
	m := &pb.Chain{Account: c.account[:], Last: c.last, LastId: c.lastID[:], Count: c.count, Forks: c.forks, ForkEvidence: c.forked[:]}
	for _, g := range c.gaps {
		m.Gaps = append(m.Gaps, &pb.Gap{From: g.from, To: g.to})
	}
	raw, err := proto.Marshal(m)
	if err != nil {
		return fmt.Errorf("writing a device's chain: %w", err)
	}
	t.set(chainKey(chat, d), raw)
	return nil
}

// ownChain returns our own device's chain, and the device that the store
// belongs to (zero before the first event).
func (t *tx) ownChain(chat event.ConversationID) (chain, identity.DeviceID, error) {
	raw, err := t.get(metaDevice)
	if errors.Is(err, ErrNotFound) {
		return chain{}, identity.DeviceID{}, nil
	}
	if err != nil || len(raw) != 32 {
		return chain{}, identity.DeviceID{}, errors.Join(err, ErrDamaged)
	}
	d := identity.DeviceID(raw)
	c, err := t.chain(chat, d)
	return c, d, err
}

func (t *tx) bindDevice(d identity.DeviceID) error {
	t.set(metaDevice, d[:])
	return nil
}

// extend counts an event into its device's chain. It reports whether the
// device has said something else with the same number: a fork.
func (t *tx) extend(e *event.Event) (forked bool, err error) {
	h := e.Header()
	c, err := t.chain(h.Conversation, h.Device)
	if err != nil {
		return false, err
	}
	forked = c.add(e)
	return forked, t.putChain(h.Conversation, h.Device, c)
}

// add counts an event; it reports a fork.
func (c *chain) add(e *event.Event) (forked bool) {
	h := e.Header()
	c.account = h.Account
	c.count++
	switch {
	case h.Sequence > c.last:
		if h.Sequence > c.last+1 {
			c.gaps = append(c.gaps, gap{c.last + 1, h.Sequence - 1})
		} else if c.last > 0 && h.Previous != c.lastID {
			forked = true
		}
		c.last, c.lastID = h.Sequence, e.ID()
	default:
		forked = !c.fill(h.Sequence)
	}
	for len(c.gaps) > maxGaps {
		c.gaps[1].from -= min(c.gaps[1].from-1, c.gaps[0].size())
		c.gaps = c.gaps[1:]
	}
	if forked {
		c.forks++
		c.forked = e.ID()
	}
	return forked
}

func (g gap) size() uint64 { return g.to - g.from + 1 }

// fill takes a number out of the gaps; it reports whether it was in one.
func (c *chain) fill(n uint64) bool {
	for i, g := range c.gaps {
		if n < g.from || n > g.to {
			continue
		}
		var rest []gap
		if g.from < n {
			rest = append(rest, gap{g.from, n - 1})
		}
		if n < g.to {
			rest = append(rest, gap{n + 1, g.to})
		}
		c.gaps = slices.Replace(c.gaps, i, i+1, rest...)
		return true
	}
	return false
}

// Chains returns how complete each device's part of a chat is.
func (s *Store) Chains(_ context.Context, chat event.ConversationID) (out []Chain, err error) {
	err = s.view(func(t *tx) error {
		return t.scan(key(keyChain, chat[:]), nil, false, func(k, v []byte) (bool, error) {
			c, err := decodeChain(v)
			if err != nil || len(k) != 65 {
				return true, nil //nolint:nilerr // reported by Check
			}
			view := Chain{Device: identity.DeviceID(k[33:]), Account: c.account, Last: c.last, Forks: c.forks, Forked: c.forked}
			for _, g := range c.gaps {
				view.Missing += g.size()
			}
			out = append(out, view)
			return true, nil
		})
	})
	return out, err
}
