// Package rendezvous answers one question: where is this account now?
//
// On the LAN it listens to mDNS. Across the internet a device provides, in the
// DHT, a key that only those can derive who hold its account's discovery
// secret, another one each day; its friends look that key up. Besides, the
// addresses at which a friend was last met are tried first, and those of an
// invite when nothing else is known. Whoever knows an account ID alone cannot
// derive the key, and finds nothing.
//
// When the machine moves to another network, what was bound to the old one is
// given up at once and everybody is looked for anew.
//
// What is found is an address and a key, never a person: who a peer is, is
// said and proved by package hello. Every step can be watched, so that nobody
// is left without a reason when somebody cannot be found.
//
// The package must not know what is said between friends.
package rendezvous
