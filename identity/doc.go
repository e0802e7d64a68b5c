// Package identity says who is who in kith: accounts, the devices that belong
// to them, and the statements that join the two.
//
// An account is a person and is named by an Ed25519 public key, written
// kith1… (see AccountID). A device is one machine of that person; its Ed25519
// key is at the same time the libp2p host key (see DeviceID). A Certificate,
// signed by the account, makes a device speak for the account; a DeviceList,
// signed and versioned, says which devices are in force. An Invite carries
// what a stranger needs to find the account, and a SafetyNumber is what two
// people compare to know that nobody stands between them.
//
// Every signature in kith is made over a domain string, a zero byte and the
// exact bytes that travel; all domains are listed in domain.go, so that a
// signature made for one purpose never verifies for another.
//
// The package is pure: it must not know the network, the database or the
// clock. Read account.go first, then identity/event.
package identity
