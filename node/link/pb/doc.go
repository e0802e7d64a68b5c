// Package pb is the wire format of /kith/link/1, made from link.proto by make
// generate. Only package link speaks it.
package pb
