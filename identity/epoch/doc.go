// Package epoch holds the keys by which what is said in a private group is
// sealed for the trip.
//
// An epoch begins whenever somebody is excluded: one of those who may, draws a
// secret, from which come the topic of the epoch and the key of its first day;
// the secret itself is thrown away. Each day's key is the hash of the day
// before, and a day's key is erased after Grace, so that a device that is lost
// gives away what is sealed from then on and nothing before. A step in the
// group announces the epoch by a commitment, so that nobody can slip members
// another key; which of two announcements counts is decided by pubsub/roster.
//
// A payload is a version byte, the day in four bytes, a random nonce of 24 and
// XChaCha20-Poly1305 over the rest, bound to the group, the topic and the day.
// The seal says that a member made the payload; which member, the signature of
// each event inside says.
//
// The package is pure: it must not know the network, the database or the
// clock; callers pass the day in. No key prints itself.
//
// Read key.go first, then ring.go.
package epoch
