package store

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/store/pb"
)

// maxHeads bounds the heads that a chat remembers; an event names at most
// event.MaxParents of them, the newest.
const maxHeads = 16

// head is an event that nothing names as its parent yet.
type head struct {
	id  event.ID
	eff event.Time
}

// chatRecord is a chat with what only the writer needs.
type chatRecord struct {
	Chat
	lastEff  event.Time
	latest   event.Time // the highest effective time of all events
	heads    []head     // newest first
	sum      [32]byte   // of the IDs of all events, modulo 2^256
	floor    event.Time // what is older was pruned and is not taken again
	deferred uint64     // events that are kept aside

	dirty bool
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func instant(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func (c *chatRecord) encode() ([]byte, error) {
	m := &pb.Chat{
		Id: c.ID[:], Kind: uint32(c.Kind), Name: c.Name, Joined: c.Joined, Muted: c.Muted, Pinned: c.Pinned,
		RetentionDays: c.RetentionDays, Draft: c.Draft, CreatedMs: millis(c.Created),
		Events: c.Events, Shown: c.Shown, Unread: c.Unread, Mentions: c.Mentions,
		Last: c.Last[:], LastEffective: uint64(c.lastEff), ReadPosition: c.ReadPosition, ReadUpTo: c.ReadUpTo[:],
		Sum: c.sum[:], Floor: uint64(c.floor), Deferred: c.deferred, Latest: uint64(c.latest),
		LastArrivalMs: millis(c.LastArrival),
	}
	if !c.Peer.IsZero() {
		m.Peer = c.Peer[:]
	}
	for i := range c.heads {
		m.Heads = append(m.Heads, &pb.Head{Id: c.heads[i].id[:], Effective: uint64(c.heads[i].eff)})
	}
	return proto.Marshal(m)
}

func decodeChat(raw []byte) (*chatRecord, error) {
	var m pb.Chat
	if err := proto.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("%w: a chat: %w", ErrDamaged, err)
	}
	if len(m.GetId()) != 32 {
		return nil, fmt.Errorf("%w: a chat without an ID", ErrDamaged)
	}
	c := &chatRecord{
		Chat: Chat{
			ID: event.ConversationID(m.GetId()), Kind: ChatKind(m.GetKind()), Name: m.GetName(),
			Joined: m.GetJoined(), Muted: m.GetMuted(), Pinned: m.GetPinned(), RetentionDays: m.GetRetentionDays(),
			Draft: m.GetDraft(), Created: instant(m.GetCreatedMs()),
			Events: m.GetEvents(), Shown: m.GetShown(), Unread: m.GetUnread(), Mentions: m.GetMentions(),
			ReadPosition: m.GetReadPosition(), LastArrival: instant(m.GetLastArrivalMs()),
		},
		lastEff: event.Time(m.GetLastEffective()), latest: event.Time(m.GetLatest()),
		floor: event.Time(m.GetFloor()), deferred: m.GetDeferred(),
	}
	copy(c.Peer[:], m.GetPeer())
	copy(c.Last[:], m.GetLast())
	copy(c.ReadUpTo[:], m.GetReadUpTo())
	copy(c.sum[:], m.GetSum())
	if c.lastEff != 0 {
		c.LastTime = c.lastEff.Wall()
	}
	for _, h := range m.GetHeads() {
		var id event.ID
		copy(id[:], h.GetId())
		c.heads = append(c.heads, head{id, event.Time(h.GetEffective())})
	}
	return c, nil
}

// chat returns the record of a chat for changing; ErrNotFound.
func (t *tx) chat(id event.ConversationID) (*chatRecord, error) {
	if c, ok := t.chats[string(id[:])]; ok {
		return c, nil
	}
	if c, ok := t.shared[string(id[:])]; ok {
		own := *c
		own.heads = slices.Clone(c.heads)
		t.chats[string(id[:])] = &own
		return &own, nil
	}
	raw, err := t.get(chatKey(id))
	if err != nil {
		return nil, err
	}
	c, err := decodeChat(raw)
	if err == nil && t.chats != nil {
		t.chats[string(id[:])] = c
	}
	return c, err
}

func (t *tx) putChat(c *chatRecord) {
	c.dirty = true
	t.chats[string(c.ID[:])] = c
}

// chatBytes is what a chat's record is taken to need in a batch.
const chatBytes = 1 << 10

// shareChats makes the chats that a step has changed those of the batch.
func (t *tx) shareChats() {
	for id, c := range t.chats {
		if !c.dirty {
			continue
		}
		if _, had := t.shared[id]; !had {
			t.bytes += chatBytes
		}
		c.dirty = false
		t.shared[id] = c
	}
}

// flushChats writes the chats that the batch has changed, each once.
func (t *tx) flushChats() error {
	for _, c := range t.shared {
		raw, err := c.encode()
		if err != nil {
			return fmt.Errorf("writing a chat's record: %w", err)
		}
		t.merged[string(chatKey(c.ID))] = raw
	}
	return nil
}

// addSum adds an ID to a sum, or takes it away, modulo 2^256.
func addSum(sum *[32]byte, id event.ID, take bool) {
	var carry uint64
	if take { // add the two's complement
		for i := range id {
			id[i] = ^id[i]
		}
		carry = 1
	}
	for i := 24; i >= 0; i -= 8 {
		a, b := binary.BigEndian.Uint64(sum[i:]), binary.BigEndian.Uint64(id[i:])
		s := a + b
		over := s < a
		s += carry
		over = over || s < carry
		binary.BigEndian.PutUint64(sum[i:], s)
		carry = 0
		if over {
			carry = 1
		}
	}
}

// addToBucket counts an ID in, or out of, the bucket of its time.
func (t *tx) addToBucket(chat event.ConversationID, eff event.Time, id event.ID, take bool) error {
	k := bucketKey(chat, eff)
	var count uint64
	var sum [32]byte
	raw, err := t.get(k)
	switch {
	case err == nil && len(raw) == 40:
		count = binary.BigEndian.Uint64(raw)
		copy(sum[:], raw[8:])
	case err != nil && err != ErrNotFound: //nolint:errorlint // get wraps nothing around it
		return err
	}
	addSum(&sum, id, take)
	if take {
		count--
	} else {
		count++
	}
	if count == 0 {
		t.del(k)
		return nil
	}
	t.set(k, append(num(count), sum[:]...))
	return nil
}

// account returns the account that a contact's record is for, in pb form.
func accountBytes(a identity.AccountID) []byte {
	if a.IsZero() {
		return nil
	}
	return a[:]
}
