package reconcile

import "time"

// The limits of a session. A peer that goes beyond one is left.
const (
	// MaxFrame is the most bytes of a frame. A frame of ranges has at most
	// 64 KiB; one of bodies can be a little larger, since an event alone can
	// have 64 KiB.
	MaxFrame = 64<<10 + 1<<10

	maxRanges  = 64 << 10 // bytes of a round's ranges and wants
	maxHalves  = 16       // rounds of a pass, both sides counted
	maxListed  = 8 << 10  // IDs in a round
	maxEntries = 4 << 10  // ranges in a round
	maxPasses  = 64       // passes on one stream
	maxBad     = 8        // events that do not verify before a peer is left
	maxChains  = 4 << 10  // devices whose chains a session follows

	opened    = 16 // IDs that the opening lists
	leaf      = 32 // a range of so many events is listed when it differs
	wide      = 16 // parts of a large range that differs
	narrow    = 8  // parts of a smaller one
	narrowAt  = 512
	scanned   = 2 * maxListed // events that are looked at in a range that the other side has listed
	hashed    = 1 << 10       // events that are read at once for an exact fingerprint
	saltedLen = 8

	rawStep    = 128              // bodies that are read from the set at once
	inFlight   = 512 << 10        // bytes of bodies that may wait for their acknowledgement
	heldMost   = 768 << 10        // bytes of bodies that a receiver holds at most
	bodiesStep = 48 << 10         // bytes of bodies from which a frame is closed
	spotCheck  = 16               // one in so many linked events has its signature checked as well
	putStep    = 4 << 10          // events that are put at once
	maxRefused = 4 << 10          // refused events that are remembered of a conversation
	stall      = 15 * time.Second // without a frame, after which a peer is left
	passTime   = 5 * time.Minute  // of one comparison
)
