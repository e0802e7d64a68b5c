// Package pb is the generated encoding of events and their bodies. Only
// package event reads and writes it; everybody else uses event's types.
package pb
