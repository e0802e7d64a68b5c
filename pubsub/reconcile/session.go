package reconcile

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/pubsub/reconcile/pb"
)

// session is one end of a stream.
//
//	initiator              responder
//	Open  ───────────────▶            a pass: ranges, answered
//	      ◀─────────────── Round      until one side asks nothing more
//	Round ───────────────▶
//	      ◀─────────────── Bodies     what the initiator wants,
//	Ack   ───────────────▶            acknowledged as it is stored
//	Bodies ──────────────▶            what the responder wants
//	      ◀─────────────── Ack
//	Open  ───────────────▶            the next pass, if there is more
type session struct {
	task   Task
	stream Stream

	mu     sync.Mutex // guards result while bodies come in
	result Result
	pass   *pass
}

// pass is what belongs to one comparison.
type pass struct {
	*span
	limit   int
	listed  []Key               // what our last round named
	give    []Key               // what the other side wants
	want    map[uint64]struct{} // what we want, salted
	halves  int
	more    bool // either side left something out
	refused map[uint64]struct{}
}

// Sync compares a set with a peer's over a stream that we have opened, and
// exchanges what either lacks, pass after pass, until nothing is left, the
// window's limit is reached or ctx ends. What has been exchanged before an
// error stays; the next session goes on from there. The caller closes the
// stream.
func Sync(ctx context.Context, stream Stream, task Task) (Result, error) {
	s := &session{task: task, stream: stream}
	s.remember()
	stop := s.follow(ctx)
	defer stop()
	for s.result.Passes < maxPasses {
		more, err := s.initiate(ctx)
		if err != nil {
			return s.result, cause(ctx, err)
		}
		if !more {
			break
		}
	}
	return s.result, nil
}

// Serve answers a peer on a stream that it has opened. admit is asked once,
// for the conversation that the peer names, and returns what is to be
// answered from; an error of it is told to the peer as ErrBusy if it is that,
// and else as ErrRefused.
func Serve(ctx context.Context, stream Stream, admit func(c event.ConversationID, exact bool) (Task, error)) (Result, error) {
	s := &session{stream: stream}
	stop := s.follow(ctx)
	defer stop()
	for s.result.Passes < maxPasses {
		m, err := s.read()
		if errors.Is(err, io.EOF) {
			return s.result, nil
		}
		if err != nil {
			return s.result, cause(ctx, err)
		}
		o, err := openingFromWire(m.GetOpen())
		if err != nil {
			return s.result, err
		}
		if s.result.Passes == 0 {
			if s.task, err = admit(o.conversation, o.exact); err != nil {
				return s.result, errors.Join(err, s.refuse(errors.Is(err, ErrBusy)))
			}
			s.task.Conversation, s.task.Exact = o.conversation, o.exact
			s.remember()
		} else if o.conversation != s.task.Conversation || o.exact != s.task.Exact {
			return s.result, fmt.Errorf("%w: it changed its mind", ErrPeer)
		}
		if err := s.respond(ctx, o); err != nil {
			return s.result, cause(ctx, err)
		}
	}
	return s.result, nil
}

// remember makes sure that a certificate is checked once and not each time.
func (s *session) remember() {
	if s.task.Certificates == nil {
		s.task.Certificates = new(event.CertificateCache)
	}
}

// follow ends all reading and writing when ctx does.
func (s *session) follow(ctx context.Context) func() {
	end := context.AfterFunc(ctx, func() {
		_ = s.stream.SetReadDeadline(time.Now())
		_ = s.stream.SetWriteDeadline(time.Now())
	})
	return func() { end() }
}

func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (s *session) refuse(busy bool) error {
	return s.write(&pb.Frame{Of: &pb.Frame_Refusal{Refusal: &pb.Refusal{Busy: busy}}}, true)
}

// begin prepares a pass.
func (s *session) begin(ctx context.Context, w Window, salt uint64) error {
	floor, err := s.task.Set.Floor(ctx)
	if err != nil {
		return fmt.Errorf("reading the floor: %w", err)
	}
	s.result.Passes++
	s.pass = &pass{
		span:  &span{set: s.task.Set, lo: w.From, hi: w.To, floor: floor, salt: salt, exact: s.task.Exact},
		limit: -1, want: make(map[uint64]struct{}), refused: s.task.Refusals.salted(salt),
	}
	if w.Limit > 0 {
		s.pass.limit = w.Limit
	}
	s.result.Part = w.Limit > 0 || w.From != (Key{})
	return nil
}

// initiate does one pass from our side; more says that another one is due.
func (s *session) initiate(ctx context.Context) (more bool, err error) {
	w := s.task.Window
	if w.To == (Key{}) {
		w.To = Key{Time: event.TimeOf(time.Now().Add(event.MaxAhead))}
	}
	w.Limit = min(w.Limit, maxListed)
	if !w.From.less(w.To) {
		s.result.Equal = true
		return false, nil
	}
	var salt [8]byte
	_, _ = rand.Read(salt[:])
	if err := s.begin(ctx, w, binary.BigEndian.Uint64(salt[:])); err != nil {
		return false, err
	}
	b := newBuilder(s.pass.span, maxRanges-1<<10)
	if err := s.pass.open(ctx, b, w.Limit); err != nil {
		return false, err
	}
	round := s.said(b, nil)
	o := opening{conversation: s.task.Conversation, salt: s.pass.salt, window: w, exact: s.task.Exact, round: round}
	if err := s.write(&pb.Frame{Of: &pb.Frame_Open{Open: o.toWire()}}, true); err != nil {
		return false, err
	}
	m, err := s.readRound()
	if err == nil {
		err = s.converse(ctx, m)
	}
	if err != nil {
		return false, err
	}
	before := s.result.Taken + s.result.Given
	if err := s.receive(ctx); err != nil {
		return false, err
	}
	if err := s.giveBodies(ctx); err != nil {
		return false, err
	}
	s.result.Equal = !s.pass.more
	moved := s.result.Taken+s.result.Given > before
	return s.pass.more && moved && s.task.Window.Limit == 0, nil
}

// respond does one pass from the other side.
func (s *session) respond(ctx context.Context, o opening) error {
	if err := s.begin(ctx, o.window, o.salt); err != nil {
		return err
	}
	s.pass.halves = 1
	if err := s.converse(ctx, o.round); err != nil {
		return err
	}
	if err := s.giveBodies(ctx); err != nil {
		return err
	}
	if err := s.receive(ctx); err != nil {
		return err
	}
	s.result.Equal = !s.pass.more
	return nil
}

// converse answers rounds, beginning with m, until one of them asks nothing.
func (s *session) converse(ctx context.Context, m *pb.Round) error {
	deadline := time.Now().Add(passTime)
	for {
		asks, err := s.hear(ctx, m, deadline)
		if err != nil || !asks {
			return err
		}
		if m, err = s.readRound(); err != nil {
			return err
		}
	}
}

// hear takes a round and answers it if it asks something; asks says that our
// answer asks something in turn.
func (s *session) hear(ctx context.Context, m *pb.Round, deadline time.Time) (asks bool, err error) {
	p := s.pass
	if err := checkRound(m); err != nil {
		return false, err
	}
	if p.halves > maxHalves || time.Now().After(deadline) {
		return false, fmt.Errorf("%w: it does not come to an end", ErrPeer)
	}
	p.more = p.more || m.GetMore()
	gives, err := wanted(m.GetWants(), p.listed)
	if err != nil {
		return false, err
	}
	p.give = append(p.give, gives...)
	in, err := decodeRanges(m.GetRanges(), p.lo, p.hi)
	if err != nil {
		return false, err
	}
	asked, listed := false, 0
	for i := range in {
		asked = asked || in[i].mode != modeSkip
		listed += len(in[i].ids)
	}
	if !asked {
		return false, nil
	}
	a := &answerer{
		span: p.span, b: newBuilder(p.span, maxRanges-1<<10-3*listed), refused: p.refused,
		limit: p.limit, last: p.halves >= maxHalves-1,
	}
	if err := a.answer(ctx, in); err != nil {
		return false, err
	}
	p.limit = a.limit
	for _, id := range a.wish {
		p.want[id] = struct{}{}
	}
	round := s.said(a.b, a.wants)
	return a.b.active, s.write(&pb.Frame{Of: &pb.Frame_Round{Round: round}}, true)
}

// said turns what was built into a round, and remembers what it names.
func (s *session) said(b *builder, wants []int) *pb.Round {
	p := s.pass
	p.listed, p.more = b.listed, p.more || b.more
	p.halves++
	return &pb.Round{Ranges: b.enc.buf, Wants: encodeWants(wants), More: b.more}
}

func (s *session) readRound() (*pb.Round, error) {
	m, err := s.read()
	if err != nil {
		return nil, err
	}
	s.result.Rounds++
	if r := m.GetRefusal(); r != nil {
		if r.GetBusy() {
			return nil, ErrBusy
		}
		return nil, ErrRefused
	}
	s.pass.halves++
	return m.GetRound(), nil
}

// read reads a frame of the comparison.
func (s *session) read() (*pb.Frame, error) {
	if err := s.stream.SetReadDeadline(time.Now().Add(stall)); err != nil {
		return nil, fmt.Errorf("setting a deadline: %w", err)
	}
	raw, err := s.stream.Next()
	if err != nil {
		return nil, err
	}
	s.count(&s.result.Bytes, len(raw))
	return decodeFrame(raw)
}

// write writes a frame of the comparison.
func (s *session) write(m *pb.Frame, flush bool) error {
	raw, err := proto.Marshal(m)
	if err != nil {
		return fmt.Errorf("encoding a frame: %w", err)
	}
	s.count(&s.result.Bytes, len(raw))
	return s.send(raw, flush)
}

func (s *session) send(raw []byte, flush bool) error {
	if err := s.stream.SetWriteDeadline(time.Now().Add(stall)); err != nil {
		return fmt.Errorf("setting a deadline: %w", err)
	}
	if err := s.stream.Write(raw); err != nil {
		return err
	}
	if flush {
		return s.stream.Flush()
	}
	return nil
}

func (s *session) count(to *uint64, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*to += uint64(n + protowire.SizeVarint(uint64(n)))
}

func (s *session) verifier() *verifier {
	return &verifier{
		conversation: s.task.Conversation, certs: s.task.Certificates, wanted: s.pass.want, salt: s.pass.salt,
		chains: make(map[identity.DeviceID]*event.Event),
	}
}
