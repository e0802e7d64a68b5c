// Package tui is the full-screen terminal UI: the list of chats, the
// conversation, the members, the composer and the windows above them.
//
// Model follows bubbletea: Update takes a message and returns commands, View
// draws. Update does no input or output; every call of the local API is a
// command (calls.go), and what the node tells comes in batches (stream.go), so
// that a burst of messages costs one screen, not one each. Nothing ticks while
// nothing happens.
//
// The package must not know how a node works: it has the local API's clients,
// the command table of ui/cli for slash commands, and the other parts of ui.
//
// Invariant: whatever stands on the screen is a span (line.go), which is made
// from ui.Text alone. So a byte of a peer cannot reach the terminal without
// having been cleaned, and the only escape sequences are the colours that
// theme.go writes. Only what is in sight is laid out, and a message that was
// laid out is kept until it or the width changes.
//
// Read model.go first, then talk.go (a conversation and where one stands in
// it), block.go (one message) and view.go.
package tui
