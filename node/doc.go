// Package node is a running peer: it opens the store and the host, wires the
// parts that carry and find, and closes them in the reverse order.
//
// A Node is made by Open from an unlocked identity and a Config, serves until
// Close, and is used through its methods: people (friends.go), conversations
// (chats.go), what is said in them (messages.go), files (files.go), and what
// happens, as a stream with a cursor (watch.go). The types that its callers
// see stand in view.go.
//
// The parts below do not know each other: each states in small interfaces
// what it needs, and adapters.go supplies it from the store and the host.
// Package node must not know how people look at it: no screen, no API.
//
// The invariant of the message path: what a person was told is durable. Send
// answers after the event and its outbox rows are synced, a peer is
// acknowledged after its events are, and no network call happens inside a
// store transaction.
//
// Read next: node/courier for one-to-one delivery, pubsub for groups,
// node/store for what rests.
package node
