// Package hello is /kith/hello/1: the exchange by which two peers that have
// just connected learn who is who, and what the other can do.
//
// A peer ID is no account. Who runs a node is told only to those whom the
// Policy names: people on the same LAN, friends, members of a shared group,
// and whoever proves that they hold our discovery secret, without saying it.
// Everybody else learns a version number and nothing more, so that nobody can
// go through the network and write down which account has which address.
//
// What a peer says of itself is taken only if it is proved: the certificate
// must be for the very key that the connection was made with.
//
// The package must not know what a friend is: it asks its Policy.
package hello
