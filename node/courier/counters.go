package courier

import "sync/atomic"

// counters count what the courier has done since it was made.
type counters struct {
	sent, acknowledged, refusedByThem atomic.Uint64
	taken, deferred, refused          atomic.Uint64
	bytesIn, bytesOut                 atomic.Uint64
	streamsIn, streamsOut, turnedAway atomic.Uint64
}

// Counters is what a courier has done since it was made.
type Counters struct {
	Sent          uint64 // events sent, each try counted
	Acknowledged  uint64 // events that recipients have made durable
	RefusedByThem uint64 // events that recipients have refused
	Taken         uint64 // events made durable here, those that came again included
	Deferred      uint64 // of these, dated too far ahead
	Refused       uint64 // events of others that were refused
	BytesIn       uint64 // of frames
	BytesOut      uint64
	StreamsIn     uint64 // streams that others opened and that were answered
	StreamsOut    uint64 // streams that we opened and that were answered
	TurnedAway    uint64 // streams that got no answer
}

// Counters returns what the courier has done so far.
func (c *Courier) Counters() Counters {
	n := &c.count
	return Counters{
		Sent: n.sent.Load(), Acknowledged: n.acknowledged.Load(), RefusedByThem: n.refusedByThem.Load(),
		Taken: n.taken.Load(), Deferred: n.deferred.Load(), Refused: n.refused.Load(),
		BytesIn: n.bytesIn.Load(), BytesOut: n.bytesOut.Load(),
		StreamsIn: n.streamsIn.Load(), StreamsOut: n.streamsOut.Load(), TurnedAway: n.turnedAway.Load(),
	}
}
