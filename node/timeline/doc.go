// Package timeline turns stored events into what a person sees.
//
// Fold takes one event with those that refer to it (edits, reactions,
// retractions) and gives a Message. It is a pure function of a set: whatever
// the order in which the events arrived, every device of every member shows
// the same message. Shown and Unread say which kinds of events are messages at
// all and which of them ask for attention.
//
// The rules of the fold: an edit or a retraction counts only from the account
// that made its target, and only inside the same conversation; of several
// edits the last by (effective time, ID) wins; a retraction wins over
// everything and leaves no text and no file; of the reactions of one account
// with one emoji the last wins.
//
// The package must not know the network, the database or the clock. Texts and
// names pass through as their authors wrote them; whoever prints them makes
// them safe.
//
// Read timeline.go first; node/store supplies the input.
package timeline
