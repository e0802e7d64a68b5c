// Package pb holds the frames of /kith/direct/1 as they travel. Package
// courier converts them by hand and checks every bound before it allocates.
package pb
