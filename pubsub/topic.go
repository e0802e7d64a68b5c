package pubsub

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	gossip "github.com/libp2p/go-libp2p-pubsub"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
)

// topic is what groups and raw topics have in common: a membership in one
// topic of gossipsub.
type topic struct {
	s    *Service
	name string // on the wire
	raw  bool

	// sealed says that payloads are opaque until they are opened.
	sealed bool
	peers  *peers
	out    *sender

	handle *gossip.Topic
	sub    *gossip.Subscription
	events *gossip.TopicEventHandler
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// open joins the topic: the validator is in place before anything can arrive.
// work holds further goroutines that live as long as the membership.
func (t *topic) open(validator gossip.ValidatorEx, id gossip.MsgIdFunction, about PeerChange, work ...func(context.Context)) (err error) {
	var options []gossip.TopicOpt
	if id != nil {
		options = append(options, gossip.WithTopicMessageIdFn(id))
	}
	if t.handle, err = t.s.gossip.Join(t.name, options...); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.shut())
		}
	}()
	if err = t.handle.SetScoreParams(topicScore()); err != nil {
		return err
	}
	if err = t.s.gossip.RegisterTopicValidator(t.name, validator, gossip.WithValidatorInline(true)); err != nil {
		return err
	}
	if t.events, err = t.handle.EventHandler(); err != nil {
		return err
	}
	// What is valid is handed on by the validator, with its own bounded queue.
	// The subscription's queue counts messages and not bytes and tells nobody
	// which it drops, so nothing is put into it.
	if t.sub, err = t.handle.Subscribe(gossip.WithBufferSize(1),
		gossip.WithMessageFilter(func(*gossip.Message) bool { return false })); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.cancel = cancel
	t.out.publish = func(ctx context.Context, data []byte) error { return t.handle.Publish(ctx, data) }
	work = append(work,
		func(ctx context.Context) { t.peers.follow(ctx, t.events) },
		func(ctx context.Context) { t.peers.report(ctx, about, t.s.onPeer) },
		t.out.run)
	for _, f := range work {
		t.wg.Go(func() { f(ctx) })
	}
	return nil
}

// close leaves the topic and waits for everything that open started. First the
// goroutines, because they use the handle; the topic itself last, because
// gossipsub refuses while anything of it is in use.
func (t *topic) close() error {
	t.cancel()
	t.wg.Wait()
	return t.shut()
}

func (t *topic) shut() error {
	if t.sub != nil {
		t.sub.Cancel()
	}
	if t.events != nil {
		t.events.Cancel()
	}
	// It fails only if open did not get as far as registering.
	_ = t.s.gossip.UnregisterTopicValidator(t.name)
	if err := t.handle.Close(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("leaving the topic: %w", err)
	}
	return nil
}

// publish checks events of our own device and puts them out; where names the
// group in errors.
func (t *topic) publish(ctx context.Context, where string, c event.ConversationID, carried func(event.Kind) bool, events []*event.Event) error {
	items := make([][]byte, len(events))
	for i, e := range events {
		h := e.Header()
		switch {
		case h.Conversation != c:
			return fmt.Errorf("publishing in %s: the event belongs to another conversation", where)
		case h.Device != t.s.device.ID():
			return fmt.Errorf("publishing in %s: the event is another device's", where)
		case !carried(h.Kind):
			return fmt.Errorf("publishing in %s: events of kind %s are not for groups", where, h.Kind)
		}
		items[i] = e.Bytes()
	}
	err := t.out.put(ctx, items)
	if err == nil || errors.Is(err, ErrNobody) || errors.Is(err, ErrClosed) {
		return err
	}
	return fmt.Errorf("publishing in %s: %w", where, err)
}

// take hands verified events of one author to the log, under the name that the
// inbox knows the topic by. What is dated ahead is not passed on: the log keeps
// it until it is due.
func (t *topic) take(name string, author identity.AccountID, events []*event.Event, size int, now time.Time) gossip.ValidationResult {
	if author == t.s.device.Account() {
		t.out.charge(len(events))
	}
	t.s.inbox.add(name, events, size)
	for _, e := range events {
		if event.TooFarAhead(e.Header().Time, now) {
			return gossip.ValidationIgnore
		}
	}
	return gossip.ValidationAccept
}
