// Package pb holds the generated messages of /kith/file/1. Only node/file may
// use it: everybody else speaks of file.Transfer.
package pb
