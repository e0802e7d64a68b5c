package pubsub_test

import (
	"bytes"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	gossippb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/network"
	"google.golang.org/protobuf/proto"

	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/pubsub"
)

// arena is two honest nodes in a group and a hostile peer between them and the
// world.
type arena struct {
	sim        *simulation
	ann, bob   *node
	annG, bobG *pubsub.Group
	evil       *hostile
}

func newArena(t *testing.T) *arena {
	t.Helper()
	sim := newSimulation(t)
	a := &arena{sim: sim, ann: sim.node(t), bob: sim.node(t)}
	a.ann.connect(t, a.bob.host)
	a.evil = sim.attack(t, a.ann, a.bob)
	a.annG, a.bobG = a.ann.join(t, "lobby"), a.bob.join(t, "lobby")
	a.evil.subscribe(t, a.bob.host, lobby)
	time.Sleep(3 * time.Second)
	return a
}

// wantBob wants bob to have these events, each once, and that ann can still
// reach him.
func (a *arena) wantBob(t *testing.T, events ...*event.Event) {
	t.Helper()
	e := a.ann.says(t, "lobby", "still here")
	publish(t, a.annG, e)
	time.Sleep(time.Second)
	wantOnce(t, "bob", a.bob.log, append(events, e))
}

// What was recorded can be played again once gossipsub has forgotten it: the
// store must recognise it, and the author must not pay for it.
func TestReplay_AfterTTL(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newArena(t)
		var said []*event.Event
		for i := range 40 {
			e := a.bob.says(t, "lobby", fmt.Sprint(i))
			said = append(said, e)
			publish(t, a.bobG, e)
		}
		time.Sleep(time.Second)
		record := a.evil.messages()
		if len(record) != 40 {
			t.Fatalf("the recorder has %d messages", len(record))
		}
		wantOnce(t, "ann", a.ann.log, said)
		for range 10 {
			time.Sleep(3 * time.Minute)
			a.evil.publish(t, a.ann.host, record...)
		}
		time.Sleep(time.Second)
		wantOnce(t, "ann", a.ann.log, said)

		// Whoever was not there takes them for late news, but they use up
		// nothing of what bob may say now.
		late := a.sim.node(t)
		late.connect(t, a.bob.host)
		late.connect(t, a.evil.host)
		late.join(t, "lobby")
		time.Sleep(3 * time.Second)
		var many []*event.Event
		for i := range 300 {
			many = append(many, a.bob.makes(t, event.Public("lobby"), event.TimeOf(time.Now().Add(-time.Hour)), event.Text{Text: fmt.Sprint("old ", i)}))
		}
		for _, e := range many {
			a.evil.publish(t, late.host, a.bob.signed(t, lobby, a.evil.seqno(), batch(e)))
		}
		time.Sleep(100 * time.Millisecond)
		var now []*event.Event
		for i := range pubsub.SendBurst {
			now = append(now, a.bob.says(t, "lobby", fmt.Sprint("now ", i)))
		}
		publish(t, a.bobG, now...)
		time.Sleep(time.Second)
		counts := late.log.counts()
		for _, e := range now {
			if counts[e.ID()] != 1 {
				t.Errorf("a new event was lost to a replay of old ones")
			}
		}
	})
}

// Nobody but the author can occupy a message's ID, change a message on its way
// or get an author's event seen under another name.
func TestMsgID_Malleability(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newArena(t)
		e := a.ann.says(t, "lobby", "the real one")
		m := a.ann.signed(t, lobby, a.evil.seqno(), batch(e))
		var copies []*gossippb.Message
		for _, i := range []int{0, 31, 32, 63} {
			bad := proto.CloneOf(m)
			bad.Signature[i] ^= 1
			copies = append(copies, bad)
		}
		bad := proto.CloneOf(m)
		bad.Signature = []byte{}
		copies = append(copies, bad)
		bad = proto.CloneOf(m)
		bad.Seqno = a.evil.seqno()
		copies = append(copies, bad)
		bad = proto.CloneOf(m)
		bad.Data = append(bad.Data, 0x10, 0x01) // a field that nobody knows
		copies = append(copies, bad)
		bad = proto.CloneOf(m)
		bad.From = []byte(a.evil.device.ID().Peer())
		copies = append(copies, bad)
		// Repeated under the thief's own signature.
		copies = append(copies, a.evil.signed(t, lobby, a.evil.seqno(), batch(e)))
		for _, c := range copies {
			// Each over another peer: one alone is soon not listened to.
			a.sim.attack(t, a.bob).publish(t, a.bob.host, c)
		}
		time.Sleep(time.Second)
		if n := len(a.bob.log.counts()); n != 0 {
			t.Fatalf("%d events came through a forged message", n)
		}
		publish(t, a.annG, e)
		time.Sleep(time.Second)
		a.wantBob(t, e)
	})
}

func TestGossip_UnsignedRejected(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newArena(t)
		data := batch(a.evil.says(t, "lobby", "unsigned"))
		whole := a.evil.signed(t, lobby, a.evil.seqno(), data)
		for _, m := range []*gossippb.Message{
			{Topic: whole.Topic, Data: data},
			{Topic: whole.Topic, Data: data, From: whole.From},
			{Topic: whole.Topic, Data: data, From: whole.From, Seqno: whole.Seqno},
			{Topic: whole.Topic, Data: data, From: whole.From, Seqno: whole.Seqno, Signature: make([]byte, 64)},
			{Topic: whole.Topic, Data: data, Seqno: whole.Seqno, Signature: whole.Signature},
		} {
			a.evil.publish(t, a.bob.host, m)
		}
		time.Sleep(time.Second)
		a.wantBob(t)
	})
}

// A number of another length than eight bytes crashes a widely used validator
// and fills the cache of seen messages: nothing may read it.
func TestGossip_SequenceNumberLength(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newArena(t)
		var log rawLog
		if _, err := a.bob.service.JoinRaw(t.Context(), "chat", log.add); err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{0, 1, 7, 9, 1000} {
			a.evil.publish(t, a.bob.host, a.evil.signed(t, lobby, make([]byte, n), batch(a.evil.says(t, "lobby", "x"))))
			a.evil.publish(t, a.bob.host, a.evil.signed(t, "chat", make([]byte, n), []byte("x")))
		}
		// Other programs' manners are no offence.
		for range 20 {
			a.evil.publish(t, a.bob.host, a.evil.signed(t, "chat", nil, []byte("x")))
		}
		m := a.evil.signed(t, "chat", a.evil.seqno(), []byte("fine"))
		a.evil.publish(t, a.bob.host, m)
		time.Sleep(time.Second)
		if got := log.all(); len(got) != 1 || string(got[0].Data) != "fine" {
			t.Errorf("got %d messages", len(got))
		}
		a.wantBob(t)
	})
}

// unfit are payloads that no honest peer sends, by what is wrong with them.
func (a *arena) unfit(t *testing.T) map[string][]byte {
	t.Helper()
	now := event.TimeOf(time.Now())
	good := a.evil.says(t, "lobby", "good")
	whole := good.Bytes()
	flipped := bytes.Clone(whole)
	flipped[len(flipped)/2] ^= 1
	wrap := func(raw ...[]byte) []byte {
		var b []byte
		for _, r := range raw {
			b = append(append(b, 0x0a), append(binaryLen(len(r)), r...)...)
		}
		return b
	}
	many := make([][]byte, pubsub.MaxBatch+1)
	for i := range many {
		many[i] = whole
	}
	return map[string][]byte{
		"nothing":            {},
		"no events":          {0x10, 0x01},
		"an empty event":     wrap(nil),
		"garbage":            bytes.Repeat([]byte{0xff}, 100),
		"a cut event":        wrap(whole[:len(whole)-1]),
		"a flipped bit":      wrap(flipped),
		"twice the same":     wrap(whole, whole),
		"too many":           wrap(many...),
		"another group":      batch(a.evil.says(t, "other", "x")),
		"a direct message":   batch(a.evil.makes(t, event.Direct(a.ann.device.Account(), a.bob.device.Account()), now, event.Text{Text: "x"})),
		"a receipt":          batch(a.evil.makes(t, event.Public("lobby"), now, event.Receipt{ReadUpTo: good.ID()})),
		"a contact step":     batch(a.evil.makes(t, event.Public("lobby"), now, event.Contact{Step: event.ContactRequest, Name: "x"})),
		"somebody's event":   batch(a.ann.says(t, "lobby", "mine")),
		"hidden among ours":  batch(good, a.ann.says(t, "lobby", "mine too")),
		"larger than events": wrap(make([]byte, 60<<10)),
	}
}

// Everything that no honest peer sends is refused, but one such message does
// not yet silence the neighbour.
func TestGossip_UnfitRejected(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newArena(t)
		var fit []*event.Event
		for name, data := range a.unfit(t) {
			x := a.sim.attack(t, a.bob)
			before := a.bob.service.Stats()
			x.publish(t, a.bob.host, a.evil.signed(t, lobby, a.evil.seqno(), data))
			time.Sleep(100 * time.Millisecond)
			if len(a.bob.log.counts()) != len(fit) {
				t.Fatalf("%s was taken", name)
			}
			if a.bob.service.Stats().Ignored != before.Ignored {
				t.Errorf("%s was ignored, not refused", name)
			}
			e := x.says(t, "lobby", "fit")
			fit = append(fit, e)
			x.publish(t, a.bob.host, x.signed(t, lobby, x.seqno(), batch(e)))
			time.Sleep(100 * time.Millisecond)
			if a.bob.log.counts()[e.ID()] != 1 {
				t.Fatalf("after %s nothing is taken", name)
			}
		}
		a.wantBob(t, fit...)
	})
}

func binaryLen(n int) []byte {
	var b []byte
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}

// An author that says too much is cut down to its allowance; another author,
// brought by the same neighbour, is not.
func TestGroup_AuthorAllowance(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newArena(t)
		const sent = 1000
		for i := range sent {
			a.evil.publish(t, a.bob.host, a.evil.signed(t, lobby, a.evil.seqno(), batch(a.evil.says(t, "lobby", fmt.Sprint(i)))))
		}
		quiet := newAuthor(t, newAccount())
		e := quiet.says(t, "lobby", "excuse me")
		a.evil.publish(t, a.bob.host, quiet.signed(t, lobby, a.evil.seqno(), batch(e)))
		time.Sleep(time.Second)
		counts := a.bob.log.counts()
		if n := len(counts); n < pubsub.TakeBurst || n > pubsub.TakeBurst+pubsub.TakeRate+1 {
			t.Errorf("%d of %d events were taken", n, sent)
		}
		if counts[e.ID()] != 1 {
			t.Error("the other author's event was lost")
		}
		// The clock on the wall has no part in it, but time has.
		time.Sleep(10 * time.Second)
		late := a.evil.says(t, "lobby", "later")
		a.evil.publish(t, a.bob.host, a.evil.signed(t, lobby, a.evil.seqno(), batch(late)))
		time.Sleep(time.Second)
		if a.bob.log.counts()[late.ID()] != 1 {
			t.Error("the author was not heard again")
		}
	})
}

// A neighbour that goes on forging loses its connection.
func TestFlood_Banished(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newArena(t)
		for range 20 {
			m := a.evil.signed(t, lobby, a.evil.seqno(), batch(a.evil.says(t, "lobby", "x")))
			m.Signature[0] ^= 1
			a.evil.publish(t, a.bob.host, m)
		}
		time.Sleep(10 * time.Second)
		if a.bob.host.Network().Connectedness(a.evil.host.ID()) != network.NotConnected {
			t.Error("it is still connected")
		}
		a.wantBob(t)
	})
}

// After a restart a node's own messages come back to it. The neighbours that
// kept them do nothing wrong.
func TestGossip_OwnMessagesComeBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newArena(t)
		for range 20 {
			e := a.bob.says(t, "lobby", "mine")
			a.evil.publish(t, a.bob.host, a.bob.signed(t, lobby, a.evil.seqno(), batch(e)))
		}
		time.Sleep(10 * time.Second)
		if a.bob.host.Network().Connectedness(a.evil.host.ID()) != network.Connected {
			t.Error("the neighbour was put off")
		}
		if s := a.bob.service.Stats(); s.Rejected != 0 {
			t.Errorf("stats %+v", s)
		}
		a.wantBob(t)
	})
}
