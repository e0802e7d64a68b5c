// Package index keeps the keys of one conversation in memory, in order, with
// counts and sums by bucket, so that a range of a million events is summed
// without being read: reconcile.Set without the bodies.
//
// It must not know where events rest. Invariant: the count and the sum of a
// bucket are those of its keys.
package index
