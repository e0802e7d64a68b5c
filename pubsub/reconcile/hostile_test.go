package reconcile_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/pubsub/reconcile"
	"github.com/kith-chat/kith/pubsub/reconcile/pb"
)

// A hostile peer speaks frames of its own making.

func (s *stream) tell(m *pb.Frame) error {
	raw, err := proto.Marshal(m)
	if err == nil {
		err = s.Write(raw)
	}
	if err == nil {
		err = s.Flush()
	}
	return err
}

func (s *stream) hear(tb testing.TB) *pb.Frame {
	raw, err := s.Next()
	if err != nil {
		return nil
	}
	var m pb.Frame
	if err := proto.Unmarshal(raw, &m); err != nil {
		tb.Errorf("an honest side sent a frame that cannot be read: %v", err)
	}
	return &m
}

func round(r *pb.Round) *pb.Frame { return &pb.Frame{Of: &pb.Frame_Round{Round: r}} }

func bodies(last bool, raw ...[]byte) *pb.Frame {
	return &pb.Frame{Of: &pb.Frame_Bodies{Bodies: &pb.Bodies{Events: raw, Last: last}}}
}

// offerAll is a range over everything that offers IDs.
func offerAll(ids ...uint64) []byte {
	out := []byte{0x23}
	n := len(ids)
	for n >= 0x80 {
		out = append(out, byte(n)|0x80)
		n >>= 7
	}
	out = append(out, byte(n))
	for _, id := range ids {
		for shift := 56; shift >= 0; shift -= 8 {
			out = append(out, byte(id>>shift))
		}
	}
	return out
}

// against lets an honest side ask a hostile one.
func against(t *testing.T, set *memory, hostile func(s *stream, salt uint64)) outcome {
	t.Helper()
	a, b := pipe(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { _ = b.Conn.Close() }()
		m := b.hear(t)
		hostile(b, m.GetOpen().GetSalt())
	}()
	r, err := reconcile.Sync(t.Context(), a, reconcile.Task{Conversation: room(), Set: set})
	_ = a.Conn.Close()
	<-done
	return outcome{r, err}
}

func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	all := pool(t, 100)
	stranger := newWriter(t, 9)
	stranger.in = event.Public("elsewhere")
	elsewhere := stranger.say(start(), "not of this conversation")
	for name, c := range map[string]struct {
		hostile func(s *stream, salt uint64)
		refused bool // the session ends with ErrPeer
	}{
		"a list longer than its bytes": {func(s *stream, _ uint64) {
			_ = s.tell(round(&pb.Round{Ranges: []byte{0x22, 0xff, 0xff, 0xff, 0xff, 0x7f}}))
		}, true},
		"too many IDs": {func(s *stream, _ uint64) {
			ids := make([]uint64, 8001)
			two := append(offerAll(ids[:100]...), offerAll(ids...)...)
			_ = s.tell(round(&pb.Round{Ranges: two}))
		}, true},
		"too many ranges": {func(s *stream, _ uint64) {
			_ = s.tell(round(&pb.Round{Ranges: make([]byte, 60_000)}))
		}, true},
		"wants what was not listed": {func(s *stream, _ uint64) {
			_ = s.tell(round(&pb.Round{Wants: []uint32{1 << 30, 1 << 31}}))
		}, true},
		"never an end": {func(s *stream, _ uint64) {
			raw := append([]byte{0x21}, make([]byte, 16)...)
			for s.tell(round(&pb.Round{Ranges: raw})) == nil && s.hear(t) != nil {
			}
		}, false}, // we have said all that there is to say, and ask no more
		"another frame": {func(s *stream, _ uint64) { _ = s.tell(bodies(true)) }, true},
		"an event that nobody asked for": {func(s *stream, salt uint64) {
			_ = s.tell(round(&pb.Round{Ranges: offerAll(reconcile.Salted(salt, all[0].ID()))}))
			s.hear(t)
			_ = s.tell(bodies(true, all[1].Bytes()))
			s.hear(t)
			s.hear(t)
		}, false},
		"more events than were asked for": {func(s *stream, salt uint64) {
			_ = s.tell(round(&pb.Round{Ranges: offerAll(reconcile.Salted(salt, all[0].ID()))}))
			s.hear(t)
			_ = s.tell(bodies(false, all[1].Bytes(), all[2].Bytes()))
			s.hear(t)
		}, true},
		"empty frames without end": {func(s *stream, salt uint64) {
			_ = s.tell(round(&pb.Round{Ranges: offerAll(reconcile.Salted(salt, all[0].ID()))}))
			s.hear(t)
			for s.tell(bodies(false)) == nil {
			}
		}, true},
		"another conversation's event": {func(s *stream, salt uint64) {
			_ = s.tell(round(&pb.Round{Ranges: offerAll(reconcile.Salted(salt, elsewhere.ID()))}))
			s.hear(t)
			_ = s.tell(bodies(true, elsewhere.Bytes()))
			s.hear(t)
			s.hear(t)
		}, false},
		"bodies that were altered": {func(s *stream, salt uint64) {
			var ids []uint64
			var raws [][]byte
			for _, e := range all {
				ids = append(ids, reconcile.Salted(salt, e.ID()))
				raw := slices.Clone(e.Bytes())
				raw[len(raw)-1]++
				raws = append(raws, raw)
			}
			_ = s.tell(round(&pb.Round{Ranges: offerAll(ids...)}))
			s.hear(t)
			_ = s.tell(bodies(true, raws...))
			s.hear(t)
		}, true},
		"the same event twice": {func(s *stream, salt uint64) {
			id := reconcile.Salted(salt, all[0].ID())
			_ = s.tell(round(&pb.Round{Ranges: offerAll(id, id+1)}))
			s.hear(t)
			_ = s.tell(bodies(true, all[0].Bytes(), all[0].Bytes()))
			s.hear(t)
			s.hear(t)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := newMemory()
			set.add(all[90:]...)
			began := time.Now()
			got := against(t, set, c.hostile)
			if errors.Is(got.err, reconcile.ErrPeer) != c.refused {
				t.Errorf("%+v", got)
			}
			if most := 10; name == "the same event twice" && set.Len() > most+1 || name != "the same event twice" && set.Len() != most {
				t.Errorf("%d events are here", set.Len())
			}
			if time.Since(began) > 10*time.Second {
				t.Errorf("it took %v", time.Since(began))
			}
		})
	}
}

// TestMsgID_WrongSignature: an event that hangs on a chain, but came with
// another signature than its author's, is found out by those that are checked
// at random, and an event that hangs on nothing is never taken.
func TestMsgID_WrongSignature(t *testing.T) {
	t.Parallel()
	w := newWriter(t, 1)
	var raws [][]byte
	honest := newMemory()
	for i := range 400 {
		e := w.say(start().Add(time.Duration(i)*time.Second), fmt.Sprint("message ", i))
		honest.add(e)
		raws = append(raws, resigned(t, e))
	}
	set := newMemory()
	liar := newMemory()
	for i, k := range slices.Backward(honest.keys()) {
		liar.Insert(k)
		liar.raws[k.ID] = raws[len(raws)-1-i]
	}
	got, _ := meet(t, reconcile.Task{Set: set}, reconcile.Task{Set: liar})
	if !errors.Is(got.err, reconcile.ErrPeer) || set.Len() != 0 && got.Bad <= reconcile.MaxBad {
		t.Errorf("%d events of a peer that alters signatures: %+v", set.Len(), got)
	}
	again, _ := meet(t, reconcile.Task{Set: set}, reconcile.Task{Set: honest})
	if again.err != nil || set.Len() != 400 {
		t.Errorf("an honest peer cannot mend it: %+v", again)
	}
}

// resigned returns an event with the signature's last byte changed.
func resigned(tb testing.TB, e *event.Event) []byte {
	tb.Helper()
	raw := slices.Clone(e.Bytes())
	// header, then the signature: field 2, 64 bytes
	for i := 0; i+66 <= len(raw); i++ {
		if raw[i] == 0x12 && raw[i+1] == 64 {
			raw[i+65] ^= 1
			if got, err := event.Parse(raw); err == nil && got.ID() == e.ID() && got.Verify(nil) != nil {
				return raw
			}
			raw[i+65] ^= 1
		}
	}
	tb.Fatal("the signature was not found")
	return nil
}

// TestHostileOpenings: whoever asks in a wrong way is answered with nothing.
func TestHostileOpenings(t *testing.T) {
	t.Parallel()
	set := newMemory()
	set.add(pool(t, 50)...)
	c := room()
	for name, m := range map[string]*pb.Frame{
		"no conversation": {Of: &pb.Frame_Open{Open: &pb.Open{Round: &pb.Round{}, HighMs: 1}}},
		"no round":        {Of: &pb.Frame_Open{Open: &pb.Open{Conversation: c[:], HighMs: 1}}},
		"no window":       {Of: &pb.Frame_Open{Open: &pb.Open{Conversation: c[:], Round: &pb.Round{}}}},
		"a key cut short": {Of: &pb.Frame_Open{Open: &pb.Open{Conversation: c[:], Round: &pb.Round{}, HighKey: []byte{1}}}},
		"no opening":      round(&pb.Round{}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := pipe(t)
			go func() { _ = a.tell(m) }()
			_, err := reconcile.Serve(t.Context(), b, func(event.ConversationID, bool) (reconcile.Task, error) {
				return reconcile.Task{Set: set}, nil
			})
			if !errors.Is(err, reconcile.ErrPeer) {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestNoOracle: a conversation that is not here and one that the peer is no
// member of get the same answer, to the byte.
func TestNoOracle(t *testing.T) {
	t.Parallel()
	var answers [][]byte
	for _, why := range []error{reconcile.ErrRefused, errors.New("it is not here")} {
		a, b := pipe(t)
		go func() {
			_, _ = reconcile.Serve(t.Context(), b, func(event.ConversationID, bool) (reconcile.Task, error) {
				return reconcile.Task{}, why
			})
			_ = b.Conn.Close()
		}()
		c := room()
		if err := a.tell(&pb.Frame{Of: &pb.Frame_Open{Open: &pb.Open{Conversation: c[:], HighMs: 1, Round: &pb.Round{}}}}); err != nil {
			t.Fatal(err)
		}
		raw, err := a.Next()
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, slices.Clone(raw))
	}
	if !slices.Equal(answers[0], answers[1]) {
		t.Errorf("%x and %x", answers[0], answers[1])
	}
}
