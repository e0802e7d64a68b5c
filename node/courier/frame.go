package courier

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/courier/pb"
)

// The frames as this package uses them. Events and Acks, which make up nearly
// all traffic, are read and written field by field, so that counts are checked
// before anything is allocated and stored bytes are not copied through
// another structure. The numbers are those of pb/direct.proto.
const (
	fieldOpen   protowire.Number = 1
	fieldEvents protowire.Number = 2
	fieldAcks   protowire.Number = 3
	fieldGoAway protowire.Number = 4
)

// version is the version that Open states.
const version = 1

var errFrame = errors.New("the other side sent a frame that cannot be read")

// opening is the first frame of a side.
type opening struct {
	certificate  identity.Certificate
	deviceList   []byte
	windowEvents int
	windowBytes  int
}

// goAway says that the other side takes nothing for now.
type goAway uint8

const (
	goAwayStorage goAway = goAway(pb.GoAway_CAUSE_STORAGE)
	goAwayClosing goAway = goAway(pb.GoAway_CAUSE_CLOSING)
)

func (g goAway) Error() string {
	switch g {
	case goAwayStorage:
		return "the other side cannot store anything at the moment"
	case goAwayClosing:
		return "the other side is closing"
	}
	return "the other side takes nothing at the moment"
}

// refusal is an event of the stream that was not taken.
type refusal struct {
	number uint64
	reason Reason
}

// acks is what a stream's receiver has decided.
type acks struct {
	through uint64
	refused []refusal
}

// frame is a decoded frame; exactly one field is set.
type frame struct {
	open   *opening
	events [][]byte // parts of the input
	acks   *acks
	goAway goAway
}

// encode writes the opening as a frame.
func (o opening) encode() ([]byte, error) {
	return proto.Marshal(&pb.Frame{Kind: &pb.Frame_Open{Open: &pb.Open{
		Version: version, Certificate: o.certificate.Bytes(), DeviceList: o.deviceList,
		WindowEvents: uint32(o.windowEvents), WindowBytes: uint32(o.windowBytes),
	}}})
}

func (g goAway) encode() ([]byte, error) {
	return proto.Marshal(&pb.Frame{Kind: &pb.Frame_GoAway{GoAway: &pb.GoAway{Cause: pb.GoAway_Cause(g)}}})
}

// appendEvents writes encoded events as a frame onto b.
func appendEvents(b []byte, rows []Queued) []byte {
	size := 0
	for _, r := range rows {
		size += eventCost(len(r.Bytes))
	}
	b = protowire.AppendTag(b, fieldEvents, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(size))
	for _, r := range rows {
		b = protowire.AppendTag(b, 1, protowire.BytesType)
		b = protowire.AppendBytes(b, r.Bytes)
	}
	return b
}

// eventCost is the length that an event of n bytes takes in a frame.
func eventCost(n int) int { return protowire.SizeTag(1) + protowire.SizeBytes(n) }

// appendAcks writes an answer as a frame onto b.
func appendAcks(b []byte, a acks) []byte {
	size := protowire.SizeTag(1) + protowire.SizeVarint(a.through)
	for _, r := range a.refused {
		size += protowire.SizeTag(2) + protowire.SizeBytes(refusalSize(r))
	}
	b = protowire.AppendTag(b, fieldAcks, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(size))
	b = protowire.AppendTag(b, 1, protowire.VarintType)
	b = protowire.AppendVarint(b, a.through)
	for _, r := range a.refused {
		b = protowire.AppendTag(b, 2, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(refusalSize(r)))
		b = protowire.AppendTag(b, 1, protowire.VarintType)
		b = protowire.AppendVarint(b, r.number)
		b = protowire.AppendTag(b, 2, protowire.VarintType)
		b = protowire.AppendVarint(b, uint64(r.reason))
	}
	return b
}

func refusalSize(r refusal) int {
	return 2*protowire.SizeTag(1) + protowire.SizeVarint(r.number) + protowire.SizeVarint(uint64(r.reason))
}

// decodeFrame reads a frame. The events of the result are parts of raw.
func decodeFrame(raw []byte) (frame, error) {
	var f frame
	known := 0
	err := fields(raw, func(num protowire.Number, _ uint64, value []byte) error {
		var err error
		switch num {
		case fieldOpen:
			f.open, err = decodeOpen(value)
		case fieldEvents:
			f.events, err = decodeEvents(value)
		case fieldAcks:
			f.acks, err = decodeAcks(value)
		case fieldGoAway:
			f.goAway, err = decodeGoAway(value)
		default:
			return nil
		}
		known++
		return err
	})
	if err == nil && known != 1 {
		err = fmt.Errorf("it has %d contents, not one", known)
	}
	if err != nil {
		return frame{}, fmt.Errorf("%w: %w", errFrame, err)
	}
	return f, nil
}

func decodeOpen(raw []byte) (*opening, error) {
	if len(raw) > maxOpen {
		return nil, errors.New("it is too long")
	}
	var m pb.Open
	if err := proto.Unmarshal(raw, &m); err != nil {
		return nil, err
	}
	cert, err := identity.ParseCertificate(m.GetCertificate())
	if err != nil {
		return nil, err
	}
	if m.GetVersion() < version || len(m.GetDeviceList()) > maxDeviceList {
		return nil, errors.New("its version or its device list is out of range")
	}
	return &opening{
		certificate: cert, deviceList: m.GetDeviceList(),
		windowEvents: int(min(m.GetWindowEvents(), friendEvents)), windowBytes: int(min(m.GetWindowBytes(), friendBytes)),
	}, nil
}

func decodeEvents(raw []byte) ([][]byte, error) {
	count := 0
	err := fields(raw, func(num protowire.Number, _ uint64, value []byte) error {
		if num != 1 {
			return nil
		}
		if count++; count > MaxEvents {
			return fmt.Errorf("it carries more than %d events", MaxEvents)
		}
		if len(value) == 0 || len(value) > event.MaxEvent {
			return fmt.Errorf("an event has %d bytes", len(value))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if count == 0 {
		return nil, errors.New("it carries no event")
	}
	events := make([][]byte, 0, count)
	return events, fields(raw, func(num protowire.Number, _ uint64, value []byte) error {
		if num == 1 {
			events = append(events, value)
		}
		return nil
	})
}

func decodeAcks(raw []byte) (*acks, error) {
	if len(raw) > maxAckFrame {
		return nil, errors.New("it is too long")
	}
	var a acks
	err := fields(raw, func(num protowire.Number, n uint64, value []byte) error {
		switch num {
		case 1:
			a.through = n
		case 2:
			r, err := decodeRefusal(value)
			if err != nil || len(a.refused) >= friendEvents {
				return errors.New("a refusal cannot be read")
			}
			a.refused = append(a.refused, r)
		}
		return nil
	})
	return &a, err
}

func decodeRefusal(raw []byte) (refusal, error) {
	var r refusal
	reason := uint64(0)
	err := fields(raw, func(num protowire.Number, n uint64, _ []byte) error {
		switch num {
		case 1:
			r.number = n
		case 2:
			reason = n
		}
		return nil
	})
	var ok bool
	if r.reason, ok = reasonFromWire(reason); err == nil && !ok {
		err = errors.New("it has no reason")
	}
	return r, err
}

func decodeGoAway(raw []byte) (goAway, error) {
	var m pb.GoAway
	if err := proto.Unmarshal(raw, &m); err != nil {
		return 0, err
	}
	if c := goAway(m.GetCause()); m.GetCause() > 0 && m.GetCause() <= pb.GoAway_CAUSE_CLOSING {
		return c, nil
	}
	return goAway(255), nil
}

// fields calls yield for each field of a message: with n for a varint, with
// value for bytes. Known fields of another type, groups and trailing bytes are
// errors.
func fields(raw []byte, yield func(num protowire.Number, n uint64, value []byte) error) error {
	for len(raw) > 0 {
		num, typ, size := protowire.ConsumeTag(raw)
		if size < 0 {
			return protowire.ParseError(size)
		}
		raw = raw[size:]
		var n uint64
		var value []byte
		switch typ {
		case protowire.VarintType:
			n, size = protowire.ConsumeVarint(raw)
		case protowire.BytesType:
			value, size = protowire.ConsumeBytes(raw)
		case protowire.Fixed32Type, protowire.Fixed64Type:
			size = protowire.ConsumeFieldValue(num, typ, raw)
		default:
			return errors.New("it contains a group")
		}
		if size < 0 {
			return protowire.ParseError(size)
		}
		raw = raw[size:]
		if err := yield(num, n, value); err != nil {
			return err
		}
	}
	return nil
}
