package pubsub

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	gossip "github.com/libp2p/go-libp2p-pubsub"
	gossippb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/peer"
	"google.golang.org/protobuf/proto"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/pubsub/pb"
)

func fuzzDevice(f testing.TB, seed byte) *identity.Device {
	f.Helper()
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, 32))
	id, err := identity.ParseDeviceKey(key.Public().(ed25519.PublicKey))
	if err != nil {
		f.Fatal(err)
	}
	cert, err := identity.Certify(identity.NewAccountKey([32]byte{seed}), id, time.UnixMilli(1_700_000_000_000))
	if err != nil {
		f.Fatal(err)
	}
	d, err := identity.NewDevice(key, cert)
	if err != nil {
		f.Fatal(err)
	}
	return d
}

func fuzzEvent(f testing.TB, d *identity.Device, group, text string) []byte {
	f.Helper()
	e, err := event.Sign(d, event.Header{
		Conversation: event.Public(group), Sequence: 1, Time: event.TimeOf(time.UnixMilli(1_700_000_000_000)),
	}, event.Text{Text: text})
	if err != nil {
		f.Fatal(err)
	}
	return e.Bytes()
}

// seeds are payloads as they travel, and some that nearly are.
func seeds(f testing.TB, d *identity.Device) [][]byte {
	one, two := fuzzEvent(f, d, "lobby", "one"), fuzzEvent(f, d, "lobby", "two")
	other := fuzzEvent(f, d, "other", "elsewhere")
	var all [][]byte
	for _, events := range [][][]byte{{one}, {one, two}, {other}, {one, one}, {nil}, {make([]byte, 64<<10)}} {
		raw, err := encodeBatch(events)
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, raw, raw[:len(raw)-1], append(bytes.Clone(raw), 0x12, 0x01, 0x00))
	}
	return append(all, nil, bytes.Repeat([]byte{0x0a, 0x00}, MaxBatch+1), bytes.Repeat([]byte{0xff}, 20))
}

func FuzzBatch(f *testing.F) {
	for _, s := range seeds(f, fuzzDevice(f, 1)) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		events, err := splitBatch(raw)
		if err != nil {
			return
		}
		if len(events) == 0 || len(events) > MaxBatch {
			t.Fatalf("%d events", len(events))
		}
		again, err := encodeBatch(events)
		if err != nil {
			t.Fatal(err)
		}
		back, err := splitBatch(again)
		if err != nil || len(back) != len(events) {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		var m pb.Batch
		if proto.Unmarshal(raw, &m) != nil {
			return
		}
		for i, e := range m.GetEvents() {
			if !bytes.Equal(e, events[i]) {
				t.Fatal("the generated decoder reads something else")
			}
		}
	})
}

// witness is a Log that checks what it is given.
type witness struct {
	t  testing.TB
	mu sync.Mutex
}

func (w *witness) Take(_ context.Context, events []*event.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range events {
		back, err := event.Parse(e.Bytes())
		if err != nil || back.Verify(nil) != nil || back.Header().Conversation != event.Public("lobby") {
			w.t.Errorf("the log was given an event that does not hold: %v", err)
		}
	}
	return nil
}

func (*witness) Have(context.Context, event.ID) bool { return false }

func fuzzService(f testing.TB) *Service {
	f.Helper()
	d := fuzzDevice(f, 9)
	key, err := d.HostKey()
	if err != nil {
		f.Fatal(err)
	}
	h, err := libp2p.New(libp2p.Identity(key), libp2p.NoListenAddrs)
	if err != nil {
		f.Fatal(err)
	}
	s, err := New(h, Options{Device: d, Log: &witness{t: f}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close(); _ = h.Close() })
	return s
}

// FuzzValidator: whatever comes, only messages whose events all carry their
// author's signature are passed on.
func FuzzValidator(f *testing.F) {
	d := fuzzDevice(f, 1)
	from := []byte(d.ID().Peer())
	for _, s := range seeds(f, d) {
		f.Add(from, s)
		f.Add([]byte(fuzzDevice(f, 2).ID().Peer()), s)
	}
	f.Add([]byte{}, []byte{})
	s := fuzzService(f)
	g, err := s.Join(context.Background(), "lobby")
	if err != nil {
		f.Fatal(err)
	}
	neighbour := fuzzDevice(f, 3).ID().Peer()
	f.Fuzz(func(t *testing.T, from, data []byte) {
		m := &gossip.Message{Message: &gossippb.Message{From: from, Data: data}, ReceivedFrom: neighbour}
		if g.validate(t.Context(), neighbour, m) != gossip.ValidationAccept {
			return
		}
		device, err := identity.DeviceOf(peer.ID(from))
		if err != nil {
			t.Fatal("a message of no device was accepted")
		}
		var batch pb.Batch
		if err := proto.Unmarshal(data, &batch); err != nil {
			t.Skip("only the bounded decoder reads it")
		}
		for _, raw := range batch.GetEvents() {
			e, err := event.Parse(raw)
			if err != nil || e.Verify(nil) != nil || e.Header().Device != device {
				t.Fatal("an event that is not signed by the message's author was accepted")
			}
		}
	})
}

// FuzzInspect: what is left of a frame is within bounds.
func FuzzInspect(f *testing.F) {
	d := fuzzDevice(f, 1)
	for _, s := range seeds(f, d) {
		raw, err := proto.Marshal(&gossippb.RPC{
			Publish: []*gossippb.Message{
				{From: []byte(d.ID().Peer()), Seqno: make([]byte, 8), Topic: proto.String(TopicPrefix + "lobby"), Data: s, Signature: make([]byte, 64)},
				{Seqno: []byte{1}, Topic: proto.String("chat"), Data: s},
			},
			Subscriptions: announce(true, "chat", TopicPrefix+"lobby"),
			Control: &gossippb.ControlMessage{
				Ihave: []*gossippb.ControlIHave{{MessageIDs: []string{string(s)}}}, Graft: []*gossippb.ControlGraft{{}},
			},
		})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	s := fuzzService(f)
	if _, err := s.Join(context.Background(), "lobby"); err != nil {
		f.Fatal(err)
	}
	if _, err := s.JoinRaw(context.Background(), "chat", func(RawMessage) {}); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var rpc gossip.RPC
		if proto.Unmarshal(raw, &rpc.RPC) != nil {
			return
		}
		if err := s.inspector.inspect("neighbour", &rpc); err != nil {
			t.Fatal(err)
		}
		for _, m := range rpc.GetPublish() {
			if len(m.GetSeqno()) != 8 || s.topic(m.GetTopic()) == nil || len(m.GetFrom()) > maxAuthorID {
				t.Fatal("an unfit message was left")
			}
		}
		subs, err := s.subscriptions.FilterIncomingSubscriptions("neighbour", rpc.GetSubscriptions())
		if err != nil || len(s.subscriptions.kept["neighbour"]) > MaxTopics+2 {
			t.Fatalf("%d subscriptions: %v", len(subs), err)
		}
	})
}
