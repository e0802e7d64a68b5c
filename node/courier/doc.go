// Package courier delivers events to one person and takes them from one
// person, over /kith/direct/1, and knows who is a friend.
//
// The invariants: an event is acknowledged only after it is durable here; what
// is sent are the stored bytes, the same at every try, in the order of the
// outbox; nothing leaves the outbox before the other side has answered for it.
// So at-least-once carrying gives exactly-once display, whatever crashes. An
// event that is refused never holds up the ones behind it.
//
// Sending: each recipient has one goroutine, its line (line.go), which sleeps
// until there is something to send, asks the Finder for a connection, and runs
// a session (session.go) that keeps a window of unanswered events in flight.
// Receiving: a stream is greeted (greet.go), its events are verified over the
// cores (verify.go) while the batch before is being stored (intake.go), judged
// by what is between the two accounts (judge.go), stored, and answered.
//
// A friendship is a small state machine (steps.go, drawn there); its steps
// travel as events through the same outbox (friends.go). From somebody who is
// no friend only a request is taken, and whoever may not know who we are gets
// no answer at all.
//
// The package must not know the database, the DHT or the screen: ports.go says
// what it needs from the node. Read courier.go and ports.go first.
package courier
