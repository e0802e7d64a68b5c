// Package pubsub carries public groups: events go out to everybody in a topic
// of gossipsub, and what comes in is checked before it is stored or passed on.
// It also carries the sealed payloads of private groups (private.go), and joins
// topics of other programs as they are (raw.go).
//
// A gossip message is a Batch of events of one device. The carrier's signature
// proves which device sent it, each event's own signature proves who said it,
// and both must name the same device. The verdict on a message (validate.go)
// depends on what the message is and who wrote it, never on who passed it on:
// a bad neighbour must not be able to have a good message ignored. What
// depends on the neighbour is decided before the message is looked at
// (inspect.go), so that another neighbour can still bring it.
//
// The invariant: an event that reaches Log.Take is well formed, belongs to the
// group, carries valid signatures, is by an author that we hear, and was not
// stored before; nothing else is passed on to other peers.
//
// The package must not know the node: what it needs from above is the Log
// interface and the callbacks of Options. It never writes a payload to a log.
//
//	s, err := pubsub.New(host, pubsub.Options{Device: device, Log: log})
//	go s.Run(ctx)
//	g, err := s.Join(ctx, "lobby")
//	err = g.Publish(ctx, signed) // ErrNobody while nobody else is in the group
//
// Read service.go first, then group.go and validate.go; settings.go holds the
// parameters of gossipsub with the reason for each.
package pubsub
