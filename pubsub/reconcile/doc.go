// Package reconcile makes two sets of events equal: /kith/sync/1, range-based
// set reconciliation. Whatever a carrier has lost, a meeting of two members of
// the conversation repairs.
//
// Events are ordered by Key: the time that the author wrote into the header,
// then the ID, so that both sides agree on the order whatever they know of the
// parents. The side that opens (opening.go) lists its newest IDs and gives a
// fingerprint of each of a few ranges that double backwards; the answer
// (answer.go) leaves out what is equal, splits what is not, and lists what is
// small. What either side lacks follows as bodies on the same stream
// (bodies.go), newest first, and is authenticated run by run of a device's
// chain (verify.go). Sync and Serve are the two ends of a stream (session.go);
// Service decides whom to ask and whom to answer (service.go, queue.go).
//
// The package must not know the store, the host or the frames on a stream: Set,
// Stream and the functions in Config are what it asks for. Invariant: nothing
// reaches Set.Put that was not asked for, is of another conversation, or whose
// author has not been proved.
//
//	result, err := reconcile.Sync(ctx, stream, reconcile.Task{Conversation: c, Set: set})
//
// Read session.go next.
package reconcile
