// Package file moves the content of offered files between devices over
// /kith/file/1: verified as it arrives, resumable after any interruption, from
// several devices at once.
//
// A file is named by the BLAKE3 hash of its content (Root). Manager is what
// the node uses: it describes a file for an offer, serves the files that this
// device offered or holds, and fetches the wanted ones. Below it, a Server
// answers requests, a fetch asks several devices for pieces, and a part is the
// hidden file that grows beside the final name.
//
// The invariants: every group of 64 KiB is checked against the root before it
// touches the disk; a file stands under its name only when it is whole,
// verified and synced; nothing that a peer says chooses a path, and nothing
// is allocated by a length that a peer states. Sending a file neither copies
// it nor reads it into memory.
//
// The package must not know events beyond the body of an offer, nor who is a
// friend: it asks through Members, Sources and Config.Accept, and keeps what
// must last through Store.
//
// Read tree.go first (what is verified), then server.go, fetch.go, manager.go.
package file
