package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/pubsub/reconcile/pb"
)

// giveBodies sends what the other side wants, the newest first, never more
// than inFlight bytes ahead of what it has stored.
func (s *session) giveBodies(ctx context.Context) error {
	give := s.pass.give
	if len(give) == 0 {
		return nil
	}
	slices.SortFunc(give, func(a, b Key) int { return b.Compare(a) })
	out := &sending{s: s}
	for part := range slices.Chunk(give, rawStep) {
		ids := make([]event.ID, len(part))
		for i := range part {
			ids[i] = part[i].ID
		}
		raws, err := s.task.Set.Raw(ctx, ids)
		if err != nil {
			return fmt.Errorf("reading events: %w", err)
		}
		for _, raw := range raws {
			if err := out.add(raw); err != nil {
				return err
			}
		}
	}
	return out.finish()
}

// sending is the side that gives bodies.
type sending struct {
	s      *session
	frame  [][]byte
	size   int
	flying int // bytes that were sent and not acknowledged
}

func (o *sending) add(raw []byte) error {
	if len(raw) == 0 || len(raw) > event.MaxEvent { // pruned meanwhile
		return nil
	}
	if o.size+len(raw) > bodiesStep && o.size > 0 {
		if err := o.close(false); err != nil {
			return err
		}
	}
	o.frame = append(o.frame, raw)
	o.size += len(raw)
	return nil
}

func (o *sending) close(last bool) error {
	raw, err := proto.Marshal(&pb.Frame{Of: &pb.Frame_Bodies{Bodies: &pb.Bodies{Events: o.frame, Last: last}}})
	if err != nil {
		return fmt.Errorf("encoding events: %w", err)
	}
	for o.flying > 0 && o.flying+o.size > inFlight {
		if _, err := o.acknowledged(); err != nil {
			return err
		}
	}
	o.flying += o.size
	o.frame, o.size = o.frame[:0], 0
	o.s.count(&o.s.result.Bodies, len(raw))
	return o.s.send(raw, true)
}

func (o *sending) finish() error {
	if err := o.close(true); err != nil {
		return err
	}
	for {
		done, err := o.acknowledged()
		if err != nil || done {
			return err
		}
	}
}

// acknowledged reads an acknowledgement.
func (o *sending) acknowledged() (done bool, err error) {
	if err := o.s.stream.SetReadDeadline(time.Now().Add(stall)); err != nil {
		return false, fmt.Errorf("setting a deadline: %w", err)
	}
	raw, err := o.s.stream.Next()
	if err != nil {
		return false, err
	}
	o.s.count(&o.s.result.Bodies, len(raw))
	m, err := decodeFrame(raw)
	if err != nil {
		return false, err
	}
	a := m.GetAck()
	if a == nil || int64(a.GetBytes()) > int64(o.flying) || int(a.GetStored()) > len(o.s.pass.give) {
		return false, fmt.Errorf("%w: it acknowledges what was not sent", ErrPeer)
	}
	o.flying -= int(a.GetBytes())
	o.s.result.Given += int(a.GetStored())
	o.s.progress()
	return a.GetDone(), nil
}

// arrival is what has come and is not stored yet.
type arrival struct {
	events [][]byte
	size   int
	last   bool
}

// receive takes what we want. While one batch is verified and stored the next
// one comes in; so batches are as large as the disk is slow.
func (s *session) receive(ctx context.Context) error {
	if len(s.pass.want) == 0 {
		return nil
	}
	batches := make(chan arrival)
	stored := make(chan error, 1)
	go func() {
		err := s.storeAll(ctx, batches)
		if err != nil { // the reader is woken
			_ = s.stream.SetReadDeadline(time.Now())
		}
		stored <- err
	}()
	err := s.readAll(ctx, batches, stored)
	close(batches)
	if serr := <-stored; serr != nil {
		return serr
	}
	return err
}

// readAll hands what comes to the goroutine that stores.
func (s *session) readAll(ctx context.Context, batches chan<- arrival, stored chan error) error {
	var held arrival
	for expected := len(s.pass.want); !held.last; {
		b, err := s.readBodies()
		if err != nil {
			return err
		}
		expected -= len(b.GetEvents())
		if expected < 0 || len(b.GetEvents()) == 0 && !b.GetLast() {
			return fmt.Errorf("%w: it sends what nobody asked for", ErrPeer)
		}
		for _, raw := range b.GetEvents() {
			held.events = append(held.events, raw)
			held.size += len(raw)
		}
		held.last = b.GetLast()
		full := held.last || held.size > inFlight || len(held.events) >= putStep
		switch {
		case held.size > heldMost:
			return fmt.Errorf("%w: it does not wait for acknowledgements", ErrPeer)
		case full:
			select {
			case batches <- held:
			case err := <-stored:
				stored <- err
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
			held = arrival{last: held.last}
		default:
			select {
			case batches <- held:
				held = arrival{}
			default:
			}
		}
	}
	return nil
}

func (s *session) readBodies() (*pb.Bodies, error) {
	if err := s.stream.SetReadDeadline(time.Now().Add(stall)); err != nil {
		return nil, fmt.Errorf("setting a deadline: %w", err)
	}
	raw, err := s.stream.Next()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	s.count(&s.result.Bodies, len(raw))
	m, err := decodeFrame(raw)
	if err != nil {
		return nil, err
	}
	if m.GetBodies() == nil {
		return nil, fmt.Errorf("%w: events were expected", ErrPeer)
	}
	return m.GetBodies(), nil
}

// storeAll verifies, stores and acknowledges batches.
func (s *session) storeAll(ctx context.Context, batches <-chan arrival) error {
	v := s.verifier()
	for b := range batches {
		stored, err := s.store(ctx, v, b.events)
		if err != nil {
			return err
		}
		raw, err := proto.Marshal(&pb.Frame{Of: &pb.Frame_Ack{Ack: &pb.Ack{
			Bytes: uint32(b.size), Stored: uint32(stored), Done: b.last,
		}}})
		if err != nil {
			return fmt.Errorf("encoding a frame: %w", err)
		}
		s.count(&s.result.Bodies, len(raw))
		if err := s.send(raw, true); err != nil {
			return err
		}
	}
	return nil
}

// store verifies and stores one batch; stored counts what is here now.
func (s *session) store(ctx context.Context, v *verifier, raw [][]byte) (stored int, err error) {
	good, bad := v.batch(raw)
	var verdicts []Verdict
	if len(good) > 0 {
		if verdicts, err = s.task.Set.Put(ctx, good); err != nil {
			return 0, fmt.Errorf("storing events: %w", err)
		}
	}
	r := Result{Bad: bad, Verified: v.checked}
	v.checked = 0
	for i, verdict := range verdicts {
		switch verdict {
		case Taken:
			r.Taken++
			stored++
		case Had:
			stored++
		case Refused:
			r.Refused++
			s.task.Refusals.add(good[i].ID())
		default:
			r.Bad++
		}
	}
	s.mu.Lock()
	s.result.Bad += r.Bad
	s.result.Taken += r.Taken
	s.result.Refused += r.Refused
	s.result.Verified += r.Verified
	bad = s.result.Bad
	s.mu.Unlock()
	s.progress()
	if bad > maxBad {
		return stored, fmt.Errorf("%w: %d of its events do not hold", ErrPeer, bad)
	}
	return stored, nil
}

func (s *session) progress() {
	if s.task.Progress == nil {
		return
	}
	s.mu.Lock()
	r := s.result
	s.mu.Unlock()
	s.task.Progress(r)
}
