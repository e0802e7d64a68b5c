// Package pb is the generated encoding of what a gossip message carries. Only
// package pubsub reads and writes it.
package pb
