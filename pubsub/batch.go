package pubsub

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/pubsub/pb"
)

var errBatch = errors.New("not a batch of events")

// encodeBatch joins encoded events into the payload of one gossip message.
func encodeBatch(events [][]byte) ([]byte, error) {
	raw, err := proto.Marshal(&pb.Batch{Events: events})
	if err != nil {
		return nil, fmt.Errorf("encoding a batch: %w", err)
	}
	return raw, nil
}

// batchOverhead is what one event of n bytes adds to a batch beside itself.
func batchOverhead(n int) int { return protowire.SizeTag(1) + protowire.SizeBytes(n) - n }

// splitBatch returns the encoded events of a payload as parts of it. Nothing
// is allocated for them before their number and sizes are known to be within
// bounds.
func splitBatch(raw []byte) ([][]byte, error) {
	n, err := countBatch(raw)
	if err != nil {
		return nil, err
	}
	events := make([][]byte, 0, n)
	err = walkBatch(raw, func(e []byte) { events = append(events, e) })
	return events, err
}

// countBatch checks the structure of a payload and returns how many events it
// carries, from 1 to MaxBatch. It allocates nothing.
func countBatch(raw []byte) (int, error) {
	if len(raw) > maxData {
		return 0, fmt.Errorf("%w: it has %d bytes", errBatch, len(raw))
	}
	n, oversized := 0, false
	err := walkBatch(raw, func(e []byte) {
		n++
		oversized = oversized || len(e) == 0 || len(e) > event.MaxEvent
	})
	switch {
	case err != nil:
		return 0, err
	case n == 0 || n > MaxBatch:
		return 0, fmt.Errorf("%w: it has %d events", errBatch, n)
	case oversized:
		return 0, fmt.Errorf("%w: an event is empty or too large", errBatch)
	}
	return n, nil
}

// walkBatch calls f with each event of a payload. The generated decoder is not
// used for what comes from peers because it allocates for every element before
// anybody can count them.
func walkBatch(raw []byte, f func([]byte)) error {
	for len(raw) > 0 {
		number, kind, n := protowire.ConsumeTag(raw)
		if n < 0 {
			return errBatch
		}
		raw = raw[n:]
		if number != 1 {
			if n = protowire.ConsumeFieldValue(number, kind, raw); n < 0 {
				return errBatch
			}
			raw = raw[n:]
			continue
		}
		if kind != protowire.BytesType {
			return errBatch
		}
		e, n := protowire.ConsumeBytes(raw)
		if n < 0 {
			return errBatch
		}
		f(e)
		raw = raw[n:]
	}
	return nil
}
