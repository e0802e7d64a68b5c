// Package notify tells a person that somebody wants them: by the bell, by the
// notifications of the terminal (OSC 9 and OSC 777) and by those of the
// desktop.
//
// Decide is the policy, a pure function: direct messages, mentions and requests
// are told, what is on the screen is not, muted chats are not, and quiet hours
// are kept. A Notifier gathers what is decided, so that a burst is one
// notification, and hands it to its outlets. Watch joins both to a node, for a
// headless one that has no screen.
//
// The package must not know how a node works; it knows the local API alone.
//
// Invariant: a Note is made of ui.Text and bounded, so that nothing that a peer
// wrote can end an escape sequence, be an option of a program or be markup of
// the desktop.
//
// Read policy.go first, then notifier.go.
package notify
