// Package local says where the node of a home is reached on this machine, and
// who may speak to it: the rules that the server and its clients must agree
// on.
//
// The API is served on the unix socket kith.sock in the home, which is open to
// its owner alone: by the modes of folder and socket, and because both sides
// ask the kernel who the other one is. A system bounds the length of a
// socket's path; where the home's is longer, kith.sock is a symbolic link to
// the socket, which then lies in a short folder of its own, made for it and
// closed to others.
//
// For browsers and bots there may be a listener on a loopback address; what
// opens that is the token in a file.
//
// The package must not know what is said over these connections.
// Read socket.go first.
package local
