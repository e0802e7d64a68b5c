// Package event holds the signed unit of everything that happens in a
// conversation, and the names of conversations.
//
// An Event is an immutable statement by a device: a header, the device's
// signature over the header's exact bytes, the certificate by which the device
// speaks for its account, and a body that the header covers by hash. Its ID is
// the hash of the header, so that whoever carries an event can neither alter
// it nor give it a second name, and a body can be erased everywhere while the
// header still verifies.
//
// A conversation is a set of events; its ID is derived from what it is between
// (conversation.go). Bodies are one Go type per kind (body.go); unknown kinds
// are kept and carried, not shown.
//
// The package is pure: it must not know the network, the database or the
// clock; callers pass the time in. Parse never trusts its input: sizes are
// checked before anything is allocated for them.
//
//	signed, err := event.Sign(device, event.Header{Conversation: c, Sequence: 1, Time: t}, event.Text{Text: "hello"})
//	…
//	got, err := event.Parse(signed.Bytes())
//	if err == nil { err = got.Verify(nil) }
package event
