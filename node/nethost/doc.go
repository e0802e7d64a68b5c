// Package nethost assembles the libp2p host and its DHT: the only place where
// libp2p's options stand.
//
// The host listens on TCP (TLS 1.3 first, Noise for those who lack it) and
// QUIC, takes peers with Ed25519 keys only, and runs under explicit limits:
// what a peer can take is said here in numbers, and not left to the size of
// the machine. Behind a router it opens a port where the router lets it, asks
// relays for a way in, and punches holes. Connections are replaced within a
// day, so that the keys of what was said are gone.
//
// The package must not know who the peers are or what they say.
package nethost
