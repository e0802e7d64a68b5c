// Package signal is /kith/signal/1: what is true for a moment and is never
// stored, such as that somebody is typing. A signal goes to connected peers
// alone, is sent once, and may be lost.
//
// The package must not know who may see what: its Config says whose signals
// are taken, and its caller says to whom they go. Kinds that it does not know
// are passed over, so that newer nodes can say more.
package signal
