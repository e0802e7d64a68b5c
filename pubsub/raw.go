package pubsub

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	gossip "github.com/libp2p/go-libp2p-pubsub"
	gossippb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/peer"
)

// maxRawWaiting bounds the bytes of a raw topic that wait for its receiver.
const maxRawWaiting = 4 << 20

// RawMessage is a message of another program's topic. Its author signed it;
// nothing else about it is checked.
type RawMessage struct {
	Peer     peer.ID // the author
	Data     []byte  // as it came, at most MaxPayload bytes
	Text     bool    // Data is valid UTF-8; it may still hold control characters
	Seqno    []byte  // 8 bytes; with Peer it names the message, and may be random
	Received time.Time
}

// RawTopic is our membership in another program's topic.
type RawTopic struct {
	topic   *topic
	authors *authors[peer.ID]
	wake    chan struct{} // holds one signal

	mu    sync.Mutex
	seen  *recent[string, struct{}]
	queue []RawMessage
	bytes int
}

// JoinRaw enters a topic of another program as it is: payloads go in and out
// unchanged. Messages are received one at a time, in order of arrival, without
// our own; a receiver that is too slow loses the newest, which is counted. It
// must neither change Data nor join or leave.
// Joining a topic again gives the same RawTopic and keeps its first receiver.
func (s *Service) JoinRaw(ctx context.Context, name string, receive func(RawMessage)) (*RawTopic, error) {
	if err := checkRawTopic(name); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.raws[name]; ok {
		return r, nil
	}
	r := &RawTopic{
		topic: s.newTopic(name, true), authors: newAuthors[peer.ID](), wake: make(chan struct{}, 1),
		seen: newRecent[string, struct{}](maxReplays),
	}
	if err := s.enter(r.topic, func() error {
		// gossipsub's own message ID: others must come to the same, or
		// duplicates cross.
		return r.topic.open(r.validate, gossip.DefaultMsgIdFn, PeerChange{Raw: name},
			func(ctx context.Context) { r.run(ctx, receive) })
	}); err != nil {
		return nil, fmt.Errorf("joining the topic: %w", err)
	}
	s.raws[name] = r
	return r, nil
}

// LeaveRaw ends the membership in a raw topic. Leaving one that was not joined
// does nothing.
func (s *Service) LeaveRaw(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.raws[name]
	if !ok {
		return nil
	}
	delete(s.raws, name)
	return s.leave(r.topic)
}

// checkRawTopic accepts what can be shown on one line and is not kith's.
func checkRawTopic(name string) error {
	switch {
	case name == "" || len(name) > MaxRawTopic || !utf8.ValidString(name):
		return fmt.Errorf("%w: it must have 1 to %d bytes of UTF-8", ErrTopic, MaxRawTopic)
	case isGroupTopic(name):
		return fmt.Errorf("%w: it is one of kith's own; join the group by its name", ErrTopic)
	}
	for _, r := range name {
		if !unicode.IsPrint(r) {
			return fmt.Errorf("%w: it contains an invisible character", ErrTopic)
		}
	}
	return nil
}

// Name returns the topic.
func (r *RawTopic) Name() string { return r.topic.name }

// Publish sends a payload of at most MaxPayload bytes as it is. It waits and
// fails as Group.Publish does.
func (r *RawTopic) Publish(ctx context.Context, data []byte) error {
	if len(data) > MaxPayload {
		return ErrTooLong
	}
	err := r.topic.out.put(ctx, [][]byte{data})
	if err == nil || errors.Is(err, ErrNobody) || errors.Is(err, ErrClosed) {
		return err
	}
	return fmt.Errorf("publishing in the topic: %w", err)
}

// Peers returns who is in the topic and connected to us now.
func (r *RawTopic) Peers() []peer.ID { return r.topic.peers.list() }

// validate is the verdict on a message of the topic. Nothing is rejected:
// other programs have other rules.
func (r *RawTopic) validate(_ context.Context, from peer.ID, m *gossip.Message) gossip.ValidationResult {
	if from == r.topic.s.host.ID() {
		return gossip.ValidationAccept
	}
	now := time.Now()
	if len(m.GetSeqno()) != 8 || len(m.GetData()) > MaxPayload || r.replayed(m.Message) ||
		!r.authors.allow(m.GetFrom(), 1, 0, now) {
		return gossip.ValidationIgnore
	}
	r.add(RawMessage{
		Peer: m.GetFrom(), Data: m.GetData(), Text: utf8.Valid(m.GetData()), Seqno: m.GetSeqno(), Received: now,
	})
	return gossip.ValidationAccept
}

// replayed reports whether the message was here before. gossipsub forgets
// after two minutes; this remembers the last maxReplays messages.
func (r *RawTopic) replayed(m *gossippb.Message) bool {
	id := gossip.DefaultMsgIdFn(m)
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.seen.get(id); ok {
		return true
	}
	r.seen.put(id, struct{}{})
	return false
}

func (r *RawTopic) add(m RawMessage) {
	size := len(m.Data) + waitingOverhead
	r.mu.Lock()
	if r.bytes+size > maxRawWaiting {
		r.mu.Unlock()
		r.topic.s.stats.dropped.Add(1)
		return
	}
	r.queue = append(r.queue, m)
	r.bytes += size
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// run calls receive with what is queued until ctx ends.
func (r *RawTopic) run(ctx context.Context, receive func(RawMessage)) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		}
		r.mu.Lock()
		queue := r.queue
		r.queue, r.bytes = nil, 0
		r.mu.Unlock()
		for _, m := range queue {
			if ctx.Err() != nil {
				return
			}
			receive(m)
		}
	}
}
