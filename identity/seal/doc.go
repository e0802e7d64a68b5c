// Package seal holds every seal of kith: authenticated encryption of what a
// third party, or a disk, keeps.
//
// Box seals secrets inside the store: the store's own encryption hides, but
// does not notice a flipped bit, so that a secret rests under an AEAD of its
// own, bound to the name that it is stored under.
//
// The package is pure: it knows neither the disk nor the network.
package seal
