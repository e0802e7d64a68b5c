package pubsub_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"sync"
	"testing"
	"time"

	gossippb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/pubsub"
)

const meshsub = protocol.ID("/meshsub/1.1.0")

// hostile speaks the gossip protocol frame by frame and keeps no rule of it.
type hostile struct {
	*author
	host host.Host

	streams map[peer.ID]network.Stream // used by one goroutine
	number  uint64

	mu    sync.Mutex
	heard []*gossippb.Message // what was sent to it
}

func newHostile(t testing.TB, h host.Host, a *author) *hostile {
	t.Helper()
	x := &hostile{author: a, host: h, streams: make(map[peer.ID]network.Stream)}
	h.SetStreamHandler(meshsub, func(s network.Stream) {
		r := bufio.NewReader(s)
		for {
			n, err := binary.ReadUvarint(r)
			if err != nil || n > 4<<20 {
				_ = s.Reset()
				return
			}
			frame := make([]byte, n)
			var rpc gossippb.RPC
			if _, err := io.ReadFull(r, frame); err != nil || proto.Unmarshal(frame, &rpc) != nil {
				_ = s.Reset()
				return
			}
			x.mu.Lock()
			if len(x.heard) < 10000 {
				x.heard = append(x.heard, rpc.GetPublish()...)
			}
			x.mu.Unlock()
		}
	})
	t.Cleanup(func() { _ = h.Close() })
	return x
}

// attack adds a hostile peer to the simulation, connected to the victims.
func (s *simulation) attack(t testing.TB, victims ...*node) *hostile {
	t.Helper()
	a := newAuthor(t, newAccount())
	x := newHostile(t, newHost(t, a, s.options()...), a)
	for _, v := range victims {
		v.connect(t, x.host)
	}
	return x
}

func (x *hostile) messages() []*gossippb.Message {
	x.mu.Lock()
	defer x.mu.Unlock()
	return append([]*gossippb.Message(nil), x.heard...)
}

// raw writes bytes to the victim, over a new stream where the old one is gone.
func (x *hostile) raw(ctx context.Context, victim host.Host, b []byte) error {
	for range 2 {
		s := x.streams[victim.ID()]
		if s == nil {
			var err error
			if s, err = x.host.NewStream(ctx, victim.ID(), meshsub); err != nil {
				return err
			}
			x.streams[victim.ID()] = s
		}
		_ = s.SetWriteDeadline(time.Now().Add(10 * time.Second))
		if _, err := s.Write(b); err == nil {
			return nil
		}
		_ = s.Reset()
		delete(x.streams, victim.ID())
	}
	return nil
}

func frame(t testing.TB, rpc *gossippb.RPC) []byte {
	t.Helper()
	b, err := proto.Marshal(rpc)
	if err != nil {
		t.Fatal(err)
	}
	return append(protowire.AppendVarint(nil, uint64(len(b))), b...)
}

func (x *hostile) send(t testing.TB, victim host.Host, rpc *gossippb.RPC) {
	t.Helper()
	if err := x.raw(t.Context(), victim, frame(t, rpc)); err != nil {
		t.Logf("sending: %v", err)
	}
}

func (x *hostile) publish(t testing.TB, victim host.Host, messages ...*gossippb.Message) {
	t.Helper()
	x.send(t, victim, &gossippb.RPC{Publish: messages})
}

func (x *hostile) subscribe(t testing.TB, victim host.Host, topic string) {
	t.Helper()
	x.send(t, victim, &gossippb.RPC{
		Subscriptions: []*gossippb.RPC_SubOpts{{Subscribe: proto.Bool(true), Topicid: proto.String(topic)}},
		Control:       &gossippb.ControlMessage{Graft: []*gossippb.ControlGraft{{TopicID: proto.String(topic)}}},
	})
}

// signed makes a gossip message with a valid signature of the author.
func (a *author) signed(t testing.TB, topic string, seqno, data []byte) *gossippb.Message {
	t.Helper()
	key, err := a.device.HostKey()
	if err != nil {
		t.Fatal(err)
	}
	m := &gossippb.Message{From: []byte(a.device.ID().Peer()), Seqno: seqno, Topic: proto.String(topic), Data: data}
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if m.Signature, err = key.Sign(append([]byte("libp2p-pubsub:"), b...)); err != nil {
		t.Fatal(err)
	}
	return m
}

func (x *hostile) seqno() []byte {
	x.number++
	return binary.BigEndian.AppendUint64(nil, x.number)
}

// batch encodes events as a group's gossip message carries them.
func batch(events ...*event.Event) []byte {
	var b []byte
	for _, e := range events {
		b = protowire.AppendTag(b, 1, protowire.BytesType)
		b = protowire.AppendBytes(b, e.Bytes())
	}
	return b
}

const lobby = pubsub.TopicPrefix + "lobby"
