// Package ui is what every screen of kith shares: how foreign text is made
// safe for a terminal, how a person, a time, a size and a delivery state are
// written, which words and which exit code an error gets, and how shortcodes
// become emoji.
//
// Text is the heart of it: one line that is safe to write on a terminal. It
// can be made from foreign bytes by Line, Block and Wrap only, which clean
// them, and from the program's own words by F, whose format must be a
// constant. So whoever writes nothing but Text cannot forget to clean.
//
// The package must not know how a node works; it knows the local API's
// messages (node/api/v1) and nothing below them. It does no input or output.
//
// Read safe.go first, then reason.go.
package ui
