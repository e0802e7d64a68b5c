// Package pb is the wire format of /kith/signal/1, made from signal.proto by
// make generate. Only package signal speaks it.
package pb
