// Package pb is the generated encoding of the first exchange between peers.
// Only package hello reads and writes it.
package pb
