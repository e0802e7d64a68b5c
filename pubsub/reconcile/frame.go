package reconcile

import (
	"encoding/binary"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/pubsub/reconcile/pb"
)

// opening is what begins a pass.
type opening struct {
	conversation event.ConversationID
	salt         uint64
	window       Window // To is set
	exact        bool
	round        *pb.Round
}

// keyLen is the length of a key that is sent whole.
const keyLen = 40

func keyToWire(k Key) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(k.Time)), k.ID[:]...)
}

func keyFromWire(raw []byte) (k Key, err error) {
	if len(raw) != keyLen {
		return k, fmt.Errorf("%w: a key of %d bytes", ErrPeer, len(raw))
	}
	k.Time = event.Time(binary.BigEndian.Uint64(raw))
	copy(k.ID[:], raw[8:])
	return k, nil
}

func (o opening) toWire() *pb.Open {
	m := &pb.Open{
		Conversation: o.conversation[:], Salt: o.salt, Limit: uint32(o.window.Limit), Exact: o.exact, Round: o.round,
	}
	if o.window.To == shorten(o.window.To, Key{}) && o.window.To.Time&0xffff == 0 {
		m.HighMs = uint64(o.window.To.Time >> 16)
	} else {
		m.HighKey = keyToWire(o.window.To)
	}
	if o.window.From != (Key{}) {
		m.LowKey = keyToWire(o.window.From)
	}
	return m
}

func openingFromWire(m *pb.Open) (o opening, err error) {
	if len(m.GetConversation()) != len(o.conversation) || m.GetRound() == nil || m.GetLimit() > maxListed || m.GetHighMs() >= 1<<48 {
		return o, fmt.Errorf("%w: an opening that cannot be read", ErrPeer)
	}
	copy(o.conversation[:], m.GetConversation())
	o.salt, o.exact, o.round = m.GetSalt(), m.GetExact(), m.GetRound()
	o.window.Limit = int(m.GetLimit())
	o.window.To = Key{Time: event.Time(m.GetHighMs() << 16)}
	if len(m.GetHighKey()) > 0 {
		if o.window.To, err = keyFromWire(m.GetHighKey()); err != nil {
			return o, err
		}
	}
	if len(m.GetLowKey()) > 0 {
		if o.window.From, err = keyFromWire(m.GetLowKey()); err != nil {
			return o, err
		}
	}
	if !o.window.From.less(o.window.To) {
		return o, fmt.Errorf("%w: a window with nothing in it", ErrPeer)
	}
	return o, nil
}

// decodeFrame reads a frame and the size of what it holds.
func decodeFrame(raw []byte) (*pb.Frame, error) {
	if len(raw) > MaxFrame {
		return nil, fmt.Errorf("%w: a frame of %d bytes", ErrPeer, len(raw))
	}
	var m pb.Frame
	if err := proto.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPeer, err)
	}
	return &m, nil
}

// checkRound bounds what a round says before it is looked at.
func checkRound(m *pb.Round) error {
	if m == nil || len(m.GetRanges()) > maxRanges || len(m.GetWants()) > 2*maxListed {
		return fmt.Errorf("%w: a round that is missing or too large", ErrPeer)
	}
	return nil
}
