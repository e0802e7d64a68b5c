package pubsub

import (
	"math"
	"strings"
	"sync"
	"time"

	gossip "github.com/libp2p/go-libp2p-pubsub"
	gossippb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/peer"
)

// What a neighbour may send us. An honest one sends its own events and passes
// on those of others, each once: in a group of 20 that all speak at SendRate
// that is 500 events a second. What is above is dropped before anything else
// happens to it, so that it is not taken for seen and another neighbour, or
// the same one later, can bring it. Twenty hostile neighbours at once cannot
// keep the validation worker busy with this.
const (
	linkMessageRate, linkMessageBurst = 250, 2000
	linkEventRate, linkEventBurst     = 750, 5000
	linkByteRate, linkByteBurst       = 4 << 20, 8 << 20

	maxMessagesRPC = 1024 // gossip messages in one frame; the smallest honest one fills a 400th of it
	maxControlRPC  = 256  // entries of each kind of control in one frame
	maxMessageID   = 256  // bytes of a message ID: ours have 32, foreign ones peer ID and number
	maxAuthorID    = 64   // bytes of a peer ID
	maxAuthorKey   = 1024 // bytes of an author's key where the ID is only its hash
)

// Strikes against a neighbour. They fade with a half-life of one minute and
// make its score: see strikeWeight in settings.go.
const (
	strikeMalformed = 1.0  // a thing that no honest program sends
	strikeExcess    = 0.01 // a message above the rates
	strikeHalfLife  = time.Minute
)

// inspector looks at every frame of the gossip protocol before gossipsub does
// and takes out of it what must not be read any further. It runs on
// gossipsub's one loop, so it must be quick and must not block.
type inspector struct {
	self   peer.ID
	topics func(string) *topic // nil when we are not in it

	mu    sync.Mutex
	links *recent[peer.ID, *link]
}

// link is the conduct of one neighbour.
type link struct {
	messages, events, bytes bucket
	strikes                 float64
	since                   time.Time // when strikes was brought up to date
}

func newInspector(self peer.ID, topics func(string) *topic) *inspector {
	return &inspector{self: self, topics: topics, links: newRecent[peer.ID, *link](maxLinks)}
}

// inspect has the signature that gossipsub asks for. It never refuses a frame
// whole: what is left of it is handled as usual.
func (in *inspector) inspect(from peer.ID, rpc *gossip.RPC) error {
	if c := rpc.GetControl(); c != nil && !controlBounded(c) {
		rpc.Control = nil
		in.strike(from, strikeMalformed)
	}
	if len(rpc.GetPublish()) == 0 {
		return nil
	}
	if len(rpc.GetPublish()) > maxMessagesRPC {
		rpc.Publish = nil
		in.strike(from, strikeMalformed)
		return nil
	}
	keep := rpc.Publish[:0]
	for _, m := range rpc.GetPublish() {
		if in.admit(from, m) {
			keep = append(keep, m)
		}
	}
	rpc.Publish = keep
	return nil
}

// admit decides about one message.
func (in *inspector) admit(from peer.ID, m *gossippb.Message) bool {
	t := in.topics(m.GetTopic())
	if t == nil {
		return false // perhaps we have just left
	}
	if string(m.GetFrom()) == string(in.self) {
		// Our own, back after a restart: gossipsub would punish the neighbour
		// that kept it for us.
		return false
	}
	if t.raw && (len(m.GetSignature()) == 0 || len(m.GetSeqno()) != 8) {
		// Another program's manners are not an attack, but nobody is proven to
		// have said it, and code that reads the number needs eight bytes.
		t.s.stats.unsigned.Add(1)
		return false
	}
	events, ok := 1, len(m.GetSeqno()) == 8 && len(m.GetFrom()) > 0 && len(m.GetFrom()) <= maxAuthorID &&
		len(m.GetKey()) <= maxAuthorKey
	if ok && !t.raw && !t.sealed {
		n, err := countBatch(m.GetData())
		events, ok = n, err == nil
	}
	if !ok {
		in.strike(from, strikeMalformed)
		return false
	}
	if !in.charge(from, events, len(m.GetData()), time.Now()) {
		in.strike(from, strikeExcess)
		t.s.stats.excess.Add(1)
		return false
	}
	return true
}

// charge takes one message off the allowance of a neighbour.
func (in *inspector) charge(from peer.ID, events, bytes int, now time.Time) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	l := in.link(from)
	return l.messages.take(now, 1, linkMessageRate, linkMessageBurst) &&
		l.events.take(now, float64(events), linkEventRate, linkEventBurst) &&
		l.bytes.take(now, float64(bytes), linkByteRate, linkByteBurst)
}

// strike notes bad conduct.
func (in *inspector) strike(p peer.ID, weight float64) {
	now := time.Now()
	in.mu.Lock()
	defer in.mu.Unlock()
	l := in.link(p)
	l.strikes = l.fade(now) + weight
	l.since = now
}

// strikes returns how bad a neighbour's conduct has been lately.
func (in *inspector) strikes(p peer.ID) float64 {
	now := time.Now()
	in.mu.Lock()
	defer in.mu.Unlock()
	l, ok := in.links.get(p)
	if !ok {
		return 0
	}
	return l.fade(now)
}

func (in *inspector) link(p peer.ID) *link {
	l, ok := in.links.get(p)
	if !ok {
		l = new(link)
		in.links.put(p, l)
	}
	return l
}

func (l *link) fade(now time.Time) float64 {
	if l.strikes == 0 {
		return 0
	}
	return l.strikes * math.Exp2(-now.Sub(l.since).Seconds()/strikeHalfLife.Seconds())
}

// controlBounded checks the number of control entries, because each can cost
// an answer, and the length of the message IDs in them, because they are kept.
func controlBounded(c *gossippb.ControlMessage) bool {
	if len(c.GetGraft()) > maxControlRPC || len(c.GetPrune()) > maxControlRPC || len(c.GetIhave()) > maxControlRPC ||
		len(c.GetIwant()) > maxControlRPC || len(c.GetIdontwant()) > maxControlRPC {
		return false
	}
	for _, i := range c.GetIhave() {
		if !idsBounded(i.GetMessageIDs()) {
			return false
		}
	}
	for _, i := range c.GetIwant() {
		if !idsBounded(i.GetMessageIDs()) {
			return false
		}
	}
	for _, i := range c.GetIdontwant() {
		if !idsBounded(i.GetMessageIDs()) {
			return false
		}
	}
	return true
}

func idsBounded(ids []string) bool {
	for _, id := range ids {
		if len(id) > maxMessageID {
			return false
		}
	}
	return true
}

// isGroupTopic reports whether a topic belongs to kith.
func isGroupTopic(topic string) bool { return strings.HasPrefix(topic, "/kith/") }
