// Package pb is the generated encoding of the store's records. Only package
// store reads and writes it.
package pb
