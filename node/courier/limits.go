package courier

import (
	"time"

	"github.com/kith-chat/kith/node/wire"
)

// ProtocolID names the protocol on the wire, ServiceName in the resource
// manager.
const (
	ProtocolID  = "/kith/direct/1"
	ServiceName = "kith.direct"
)

// The limits of direct delivery.
const (
	// MaxEvents is the most events that a frame may carry.
	MaxEvents = 512
	// MaxPending is how many requests of strangers wait for an answer: see
	// Contacts.
	MaxPending = 20
	// MaxAttempts is how many requests of one account are taken until one is
	// accepted.
	MaxAttempts = 3

	maxFrame      = wire.MaxFrame
	maxOpen       = 16 << 10 // bytes of the frame that opens a stream
	maxDeviceList = 8 << 10  // bytes of a device list in it
	maxAckFrame   = 64 << 10 // bytes of any later frame of the receiving side
	maxSettle     = 1024     // events that one store transaction and one answer cover

	// What a friend, and what anybody else, may have unanswered. The bytes
	// are also the bound of one event, so a stranger's request fits and
	// nothing larger does.
	friendEvents, friendBytes     = 4096, 4 << 20
	strangerEvents, strangerBytes = 4, 4 << 10

	// intakeBytes is how much a stream may have read and not yet stored.
	intakeBytes = 2 << 20
	// streamMemory is reserved for a stream's buffers.
	streamMemory = 128 << 10

	// maxAddressing bounds the body of a step of ours: what is left of
	// event.MaxRequest when header, certificate and signature are taken off.
	maxAddressing = 1200

	maxStreams        = 256 // streams of others at once
	maxStreamsPerPeer = 2   // the newest stay: an older one is half-open
)

// The times of direct delivery.
const (
	openTimeout     = 20 * time.Second // from the stream to the other's Open
	reachTimeout    = 90 * time.Second // of one search for a connection
	frameTimeout    = time.Minute      // from the first bytes of a frame to its last
	writeTimeout    = time.Minute      // of one write
	noteTimeout     = 10 * time.Second // of noting answers when everything ends
	stallTimeout    = time.Minute      // with events in flight and no answer
	lookAgain       = time.Minute      // after which the outbox is read from its beginning again
	idleTimeout     = 10 * time.Minute // after which the sender closes the stream
	lineTimeout     = time.Minute      // for which a line with nothing to send is kept
	patience        = 30 * time.Minute // after which the receiver closes it
	strangerTimeout = 30 * time.Second // of a whole stream of a stranger

	firstRetry = time.Second
	// quickRetry bounds the wait for somebody who has been away for a few
	// minutes; it grows with the time that they are away, up to slowRetry.
	quickRetry = 15 * time.Second
	slowRetry  = 10 * time.Minute
	// eagerRetry is how soon after a failed try a new message tries again.
	eagerRetry = 2 * time.Second

	// Tries at once because somebody was seen, a second and at once.
	eagerRate, eagerBurst = 0.1, 5

	maxReaching = 16 // searches for connections at once
)

// The rates at which others are served. They run on the monotonic clock.
const (
	// Streams that one peer may open, a second and at once.
	openRate, openBurst = 1, 20
	// Streams that peers of people who are no friends may open, all together.
	strangerRate, strangerBurst = 5, 60
	// Events of one account that are taken; beyond it the reader waits, and
	// with it the sender. An event that is refused costs as much as
	// refusedCost good ones.
	eventRate, eventBurst = 3000, 100_000
	refusedCost           = 20
	// maxMeters is how many peers and accounts are kept in mind for that.
	maxMeters = 2048
)
