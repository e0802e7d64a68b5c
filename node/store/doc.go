// Package store is what rests: events, chats, contacts, transfers and settings
// in one encrypted Badger directory. It is the only package that knows Badger.
//
// Everything that is written goes through one writer (writer.go), which shares
// one synced commit among all requests that wait; a method that puts something
// returns when it is durable, and not before. One method is one step of a
// message's way: PutOutgoing, PutIncoming, PutAck, MarkRead. No method calls
// the network, and none is called back by it, except that PutOutgoing asks its
// caller to sign once the event's place is known.
//
// The layout of the keys stands in keys.go and is final: the schema's version
// is kept in the store, and a newer one is refused untouched. Every durable
// change has a number (changes.go), so that a watcher goes on where it was.
//
// Encryption at rest hides and does not authenticate: an event is parsed again
// and compared with its ID whenever it is read, secrets are sealed once more,
// and each chat carries a count and a sum of its events (Check).
package store
