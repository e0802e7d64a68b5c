package courier_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"google.golang.org/protobuf/proto"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/courier"
	"github.com/kith-chat/kith/node/courier/pb"
	"github.com/kith-chat/kith/node/wire"
)

// speech is a stream of somebody who speaks the protocol by hand.
type speech struct {
	t testing.TB
	s network.Stream
	r *wire.Reader
	w *wire.Writer
}

func speak(t testing.TB, s network.Stream) *speech {
	return &speech{t: t, s: s, r: wire.NewReader(s, wire.MaxFrame), w: wire.NewWriter(s, wire.MaxFrame)}
}

// dial opens a stream by hand.
func (n *node) dial(to *node) *speech {
	n.w.t.Helper()
	if _, err := n.Reach(context.Background(), to.account()); err != nil {
		n.w.t.Fatal(err)
	}
	s, err := n.host.NewStream(context.Background(), to.host.ID(), courier.ProtocolID)
	if err != nil {
		n.w.t.Fatal(err)
	}
	return speak(n.w.t, s)
}

func (x *speech) say(f *pb.Frame) {
	x.t.Helper()
	if err := errors.Join(x.w.WriteMessage(f), x.w.Flush()); err != nil {
		x.t.Logf("sending: %v", err)
	}
}

func (x *speech) open(cert identity.Certificate) {
	x.t.Helper()
	x.say(&pb.Frame{Kind: &pb.Frame_Open{Open: &pb.Open{Version: 1, Certificate: cert.Bytes(), WindowEvents: 100, WindowBytes: 1 << 20}}})
}

func (x *speech) events(raw ...[]byte) {
	x.t.Helper()
	x.say(&pb.Frame{Kind: &pb.Frame_Events{Events: &pb.Events{Events: raw}}})
}

func (x *speech) hear() (*pb.Frame, error) {
	var f pb.Frame
	err := x.r.ReadMessage(&f)
	return &f, err
}

// greet opens and waits to be let in.
func (x *speech) greet(cert identity.Certificate) *pb.Open {
	x.t.Helper()
	x.open(cert)
	f, err := x.hear()
	if err != nil || f.GetOpen() == nil {
		x.t.Fatalf("not let in: %v", err)
	}
	return f.GetOpen()
}

// answers waits until n events are decided, and returns the refusals.
func (x *speech) answers(n int) map[int]pb.Reason {
	x.t.Helper()
	refused := map[int]pb.Reason{}
	for {
		f, err := x.hear()
		if err != nil || f.GetAcks() == nil {
			x.t.Fatalf("no answer: %v %v", f, err)
		}
		for _, r := range f.GetAcks().GetRefused() {
			refused[int(r.GetNumber())] = r.GetReason()
		}
		if f.GetAcks().GetThrough() >= uint64(n) {
			return refused
		}
	}
}

// silence makes sure that not one byte comes back before the stream ends.
func (x *speech) silence() {
	x.t.Helper()
	b := make([]byte, 1)
	if n, err := x.s.Read(b); n > 0 || err == nil {
		x.t.Errorf("an answer: %d bytes, %v", n, err)
	}
}

// sign makes an event by hand.
func (n *node) sign(chat event.ConversationID, sequence uint64, body event.Body) *event.Event {
	n.w.t.Helper()
	h := event.Header{Conversation: chat, Sequence: sequence, Time: event.TimeOf(time.Now())}
	if sequence > 1 {
		h.Previous = event.ID{1}
	}
	e, err := event.Sign(n.dev, h, body)
	if err != nil {
		n.w.t.Fatal(err)
	}
	return e
}

// TestStranger_NoAddress asks a node who it is, as somebody who may not know:
// it says nothing, whoever they claim to be and whatever they bring.
func TestStranger_NoAddress(t *testing.T) {
	t.Parallel()
	inWorld(t, link{latency: 10 * time.Millisecond}, 3, func(_ *testing.T, w *world) {
		ann, eve, bob := w.nodes[0], w.nodes[1], w.nodes[2]
		befriend(ann, bob)
		w.mute[eve.host.ID()] = true
		ann.start()
		chat := event.Direct(ann.account(), eve.account())
		request := eve.sign(chat, 1, event.Contact{Step: event.ContactRequest})

		x := eve.dial(ann)
		x.open(eve.dev.Certificate())
		x.events(request.Bytes())
		x.silence()

		x = eve.dial(ann) // a friend's certificate, from another device
		x.open(bob.dev.Certificate())
		x.silence()

		x = eve.dial(ann) // our own
		x.open(ann.dev.Certificate())
		x.silence()

		x = eve.dial(ann)
		x.events(request.Bytes())
		x.silence()

		x = eve.dial(ann)
		x.say(&pb.Frame{})
		x.silence()

		if len(ann.contacts) != 1 || len(ann.arrived) != 0 || ann.c.Counters().StreamsIn != 0 {
			t.Errorf("something was taken: %v", ann.contacts)
		}
	})
}

// TestStrangerAsksOnly sends everything that a stranger must not, and a
// request.
func TestStrangerAsksOnly(t *testing.T) {
	t.Parallel()
	inWorld(t, link{latency: 10 * time.Millisecond}, 2, func(t *testing.T, w *world) {
		ann, eve := w.nodes[0], w.nodes[1]
		ann.start()
		chat := event.Direct(ann.account(), eve.account())
		x := eve.dial(ann)
		open := x.greet(eve.dev.Certificate())
		if open.GetDeviceList() != nil || open.GetWindowBytes() > 4<<10 {
			t.Errorf("a stranger is told %v", open)
		}
		x.events(
			eve.sign(chat, 1, event.Text{Text: "buy this"}).Bytes(),
			eve.sign(chat, 2, event.File{Name: "a.exe", Size: 1}).Bytes(),
			eve.sign(chat, 3, event.Contact{Step: event.ContactAccept}).Bytes(),
		)
		refused := x.answers(3)
		for i := 1; i <= 3; i++ {
			if refused[i] != pb.Reason_REASON_NOT_ACCEPTED {
				t.Errorf("event %d: %v", i, refused[i])
			}
		}
		long := event.Contact{Step: event.ContactRequest}
		for range event.MaxAddresses {
			long.Addresses = append(long.Addresses, make([]byte, event.MaxAddressBytes))
		}
		x.events(eve.sign(chat, 4, long).Bytes())
		if refused := x.answers(4); refused[4] != pb.Reason_REASON_NOT_ACCEPTED {
			t.Errorf("a long request: %v", refused)
		}
		x.events(eve.sign(chat, 5, event.Receipt{ReadUpTo: event.ID{1}}).Bytes())
		if f, err := x.hear(); err == nil {
			t.Errorf("a fifth event was answered: %v", f)
		}
		if len(ann.arrived) != 0 || len(ann.contacts) != 0 {
			t.Error("something of a stranger was stored")
		}
		x = eve.dial(ann)
		x.greet(eve.dev.Certificate())
		x.events(eve.sign(chat, 6, event.Contact{Step: event.ContactRequest, Note: "hello"}).Bytes())
		if refused := x.answers(1); len(refused) != 0 || ann.state(eve) != courier.Incoming {
			t.Errorf("the request: %v", refused)
		}
		x.events(eve.sign(chat, 7, event.Text{Text: "and now?"}).Bytes())
		if refused := x.answers(2); refused[2] != pb.Reason_REASON_NOT_ACCEPTED {
			t.Errorf("a text while the request waits: %v", refused)
		}
		start := time.Now()
		x.silence()
		if gone := time.Since(start); gone > time.Minute {
			t.Errorf("a stranger's stream stayed for %v", gone)
		}
	})
}

// TestPoisonMessage sends a thousand bad messages among good ones. Each is
// refused, none holds up what is behind it, and the stream lives.
func TestPoisonMessage(t *testing.T) {
	t.Parallel()
	inWorld(t, link{latency: 10 * time.Millisecond}, 3, func(t *testing.T, w *world) {
		ann, eve, bob := w.nodes[0], w.nodes[1], w.nodes[2]
		befriend(ann, eve)
		ann.poison = func(e *event.Event) bool {
			b, _ := e.Body()
			text, ok := b.(event.Text)
			return ok && text.Text == "never stored"
		}
		ann.start()
		chat := event.Direct(ann.account(), eve.account())
		seq := uint64(0)
		next := func(b event.Body) *event.Event {
			seq++
			return eve.sign(chat, seq, b)
		}
		broken := next(event.Text{Text: "altered"}).Bytes()
		broken[len(broken)-1] ^= 1
		forged := next(event.Text{Text: "forged"}).Bytes()
		forged[70]++
		bad := []struct {
			raw    func() []byte
			reason pb.Reason
		}{
			{func() []byte { return []byte("nonsense") }, pb.Reason_REASON_INVALID},
			{func() []byte { return broken }, pb.Reason_REASON_INVALID},
			{func() []byte { return forged }, pb.Reason_REASON_INVALID},
			{func() []byte { return next(event.Text{Text: "never stored"}).Bytes() }, pb.Reason_REASON_INVALID},
			{func() []byte { return next(event.Foreign{Topic: "t"}).Bytes() }, pb.Reason_REASON_KIND},
			{func() []byte { return bob.sign(chat, 1, event.Text{Text: "not hers"}).Bytes() }, pb.Reason_REASON_MISPLACED},
			{func() []byte { return eve.sign(event.Public("lobby"), 1, event.Text{Text: "elsewhere"}).Bytes() }, pb.Reason_REASON_MISPLACED},
			{func() []byte { return ann.sign(chat, 1, event.Text{Text: "in our own name"}).Bytes() }, pb.Reason_REASON_MISPLACED},
		}
		x := eve.dial(ann)
		x.greet(eve.dev.Certificate())
		want, texts := map[int]pb.Reason{}, []string(nil)
		number := 0
		for i := 0; number < 1100; i++ {
			var frame [][]byte
			for range 10 {
				number++
				b := bad[number%len(bad)]
				frame = append(frame, b.raw())
				want[number] = b.reason
			}
			number++
			texts = append(texts, fmt.Sprint("good ", i))
			frame = append(frame, next(event.Text{Text: texts[i]}).Bytes())
			x.events(frame...)
		}
		refused := x.answers(number)
		if len(refused) != len(want) {
			t.Errorf("%d refused, not %d", len(refused), len(want))
		}
		for i, r := range want {
			if refused[i] != r {
				t.Fatalf("event %d: %v, not %v", i, refused[i], r)
			}
		}
		if got := ann.texts(eve); !slices.Equal(got, texts) {
			t.Errorf("%d of %d good ones arrived", len(got), len(texts))
		}
	})
}

// TestReplay_AfterTTL sends the same bytes again, on the same stream and on
// others, after every cache has forgotten it: it is acknowledged, and is there once.
func TestReplay_AfterTTL(t *testing.T) {
	t.Parallel()
	inWorld(t, link{latency: 10 * time.Millisecond}, 2, func(t *testing.T, w *world) {
		ann, eve := w.nodes[0], w.nodes[1]
		befriend(ann, eve)
		ann.start()
		raw := eve.sign(event.Direct(ann.account(), eve.account()), 1, event.Text{Text: "once"}).Bytes()
		for range 5 {
			x := eve.dial(ann)
			x.greet(eve.dev.Certificate())
			x.events(raw, raw)
			x.events(raw)
			if refused := x.answers(3); len(refused) != 0 {
				t.Errorf("refused: %v", refused)
			}
			_ = x.s.Close()
			time.Sleep(10 * time.Minute)
		}
		if got := ann.texts(eve); len(got) != 1 {
			t.Errorf("it is there %d times", len(got))
		}
	})
}

func TestRevokedDevice(t *testing.T) {
	t.Parallel()
	inWorld(t, link{latency: 10 * time.Millisecond}, 2, func(t *testing.T, w *world) {
		ann, bob := w.nodes[0], w.nodes[1]
		befriend(ann, bob)
		ann.start()
		chat := event.Direct(ann.account(), bob.account())
		x := bob.dial(ann)
		x.greet(bob.dev.Certificate())
		ann.mu.Lock()
		ann.revoked[bob.dev.ID()] = true
		ann.mu.Unlock()
		x.events(bob.sign(chat, 1, event.Text{Text: "it was stolen"}).Bytes())
		if refused := x.answers(1); refused[1] != pb.Reason_REASON_REVOKED {
			t.Errorf("got %v", refused)
		}
		w.mute[bob.host.ID()] = true
		x = bob.dial(ann)
		x.open(bob.dev.Certificate())
		x.silence()
		bob.start() // and ann sends it nothing
		ann.say(bob, "a0")
		time.Sleep(time.Minute)
		if len(bob.texts(ann)) != 0 {
			t.Error("a revoked device was sent something")
		}
	})
}

// TestSlowLoris holds streams open without saying anything, or by saying it
// very slowly.
func TestSlowLoris(t *testing.T) {
	t.Parallel()
	inWorld(t, link{latency: 10 * time.Millisecond}, 2, func(t *testing.T, w *world) {
		ann, eve := w.nodes[0], w.nodes[1]
		befriend(ann, eve)
		ann.start()
		start := time.Now()
		eve.dial(ann).silence() // half-open
		if gone := time.Since(start); gone > 30*time.Second {
			t.Errorf("a silent stream stayed for %v", gone)
		}
		x := eve.dial(ann)
		x.greet(eve.dev.Certificate())
		start = time.Now()
		if _, err := x.s.Write([]byte{0xff, 0xff, 3}); err != nil { // a length
			t.Fatal(err)
		}
		for range 100 {
			time.Sleep(10 * time.Second)
			if _, err := x.s.Write([]byte{1}); err != nil {
				break
			}
		}
		if gone := time.Since(start); gone > 90*time.Second {
			t.Errorf("a slow frame was waited for %v", gone)
		}
	})
}

// TestManyStreams opens as many as it can: few are kept, and the friend's own
// messages still arrive.
func TestManyStreams(t *testing.T) {
	t.Parallel()
	inWorld(t, link{latency: 10 * time.Millisecond}, 3, func(t *testing.T, w *world) {
		ann, eve, bob := w.nodes[0], w.nodes[1], w.nodes[2]
		befriend(ann, eve)
		befriend(ann, bob)
		ann.start()
		bob.start()
		answered := 0
		for range 300 {
			x := eve.dial(ann)
			x.open(eve.dev.Certificate())
			if f, err := x.hear(); err == nil && f.GetOpen() != nil {
				answered++
			}
		}
		if answered > 40 {
			t.Errorf("%d of 300 streams were answered", answered)
		}
		if n := len(ann.host.Network().ConnsToPeer(eve.host.ID())[0].GetStreams()); n > 4 {
			t.Errorf("%d streams are open", n)
		}
		bob.say(ann, "b0")
		w.until("a friend is heard", time.Second, func() bool { return bob.waiting() == 0 })
	})
}

// TestLyingReceiver answers for what it was not sent, or not at all. Nothing
// leaves the outbox, and nobody is kept busy.
func TestLyingReceiver(t *testing.T) {
	t.Parallel()
	acks := func(a *pb.Acks) *pb.Frame { return &pb.Frame{Kind: &pb.Frame_Acks{Acks: a}} }
	refusal := func(n uint64) *pb.Refusal { return &pb.Refusal{Number: n, Reason: pb.Reason_REASON_INVALID} }
	lies := map[string]*pb.Frame{
		"too much":        acks(&pb.Acks{Through: 99}),
		"nothing":         acks(&pb.Acks{Through: 0}),
		"backwards":       acks(&pb.Acks{Through: 2, Refused: []*pb.Refusal{refusal(2), refusal(1)}}),
		"beyond":          acks(&pb.Acks{Through: 1, Refused: []*pb.Refusal{refusal(2)}}),
		"number zero":     acks(&pb.Acks{Through: 1, Refused: []*pb.Refusal{refusal(0)}}),
		"another opening": {Kind: &pb.Frame_Open{Open: &pb.Open{}}},
		"events":          {Kind: &pb.Frame_Events{Events: &pb.Events{Events: [][]byte{{1}}}}},
		"empty":           {},
		"silence":         nil,
	}
	for name, lie := range lies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, link{latency: 10 * time.Millisecond}, 2, func(t *testing.T, w *world) {
				ann, eve := w.nodes[0], w.nodes[1]
				befriend(ann, eve)
				streams := 0
				eve.host.SetStreamHandler(courier.ProtocolID, func(s network.Stream) {
					streams++
					x := speak(t, s)
					if _, err := x.hear(); err != nil {
						return
					}
					x.open(eve.dev.Certificate())
					if _, err := x.hear(); err != nil {
						return
					}
					if lie != nil {
						x.say(lie)
					}
					_, _ = io.Copy(io.Discard, s)
					_ = s.Reset()
				})
				ann.start()
				for i := range 3 {
					ann.say(eve, fmt.Sprint("a", i))
				}
				time.Sleep(10 * time.Minute)
				if ann.waiting() != 3 {
					t.Errorf("%d are left of 3", ann.waiting())
				}
				if streams > 80 || streams < 2 {
					t.Errorf("%d tries in ten minutes", streams)
				}
			})
		})
	}
}

// TestSomebodyElseAnswers tells nothing to a device that is not the one that
// was looked for.
func TestSomebodyElseAnswers(t *testing.T) {
	t.Parallel()
	inWorld(t, link{latency: 10 * time.Millisecond}, 3, func(t *testing.T, w *world) {
		ann, eve, bob := w.nodes[0], w.nodes[1], w.nodes[2]
		befriend(ann, eve)
		befriend(ann, bob)
		heard := 0
		for _, cert := range []identity.Certificate{eve.dev.Certificate(), bob.dev.Certificate()} {
			eve.host.SetStreamHandler(courier.ProtocolID, func(s network.Stream) {
				x := speak(t, s)
				if _, err := x.hear(); err != nil {
					return
				}
				x.open(cert)
				for {
					if _, err := x.hear(); err != nil {
						return
					}
					heard++
				}
			})
			ann.misled = eve
			ann.start()
			ann.say(bob, "a secret")
			time.Sleep(time.Minute)
			ann.halt()
			w.drop(false)
		}
		if heard != 0 {
			t.Errorf("somebody else heard %d frames", heard)
		}
	})
}

// TestFlood_InvalidEvents lets a friend send events that do not verify as fast
// as the line allows: the node reads them ever more slowly.
func TestFlood_InvalidEvents(t *testing.T) {
	t.Parallel()
	inWorld(t, link{latency: time.Millisecond}, 2, func(t *testing.T, w *world) {
		ann, eve := w.nodes[0], w.nodes[1]
		befriend(ann, eve)
		ann.start()
		x := eve.dial(ann)
		x.greet(eve.dev.Certificate())
		frame, err := proto.Marshal(&pb.Frame{Kind: &pb.Frame_Events{Events: &pb.Events{Events: slices.Repeat([][]byte{[]byte("nonsense")}, courier.MaxEvents)}}})
		if err != nil {
			t.Fatal(err)
		}
		go func() { // answers have to be read, or eve only slows herself
			for {
				if _, err := x.hear(); err != nil {
					return
				}
			}
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		context.AfterFunc(ctx, func() { _ = x.s.Reset() })
		for ctx.Err() == nil {
			if err := errors.Join(x.w.Write(frame), x.w.Flush()); err != nil {
				break
			}
		}
		if n := ann.c.Counters().Refused; n > 60_000 || n < 4000 {
			t.Errorf("%d events were looked at in five minutes", n)
		}
	})
}
