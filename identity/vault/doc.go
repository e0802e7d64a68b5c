// Package vault keeps the secrets of a profile: it is the only code that
// writes keys to disk.
//
// The vault is one age file, vault.age, in the profile's folder (0700). With a
// passphrase it is encrypted to it (scrypt), so that a person can open it with
// the stock age tool. Without one it is encrypted to a random age key, which
// is kept in the system's keyring where there is one, named by the file
// vault.key (0600) beside it, else in that file itself: Protection says which,
// and the program says it aloud.
//
// Invariant: at every instant, a crash included, vault.age and what opens it
// are both on disk. Read vault.go first, then key.go.
//
// The package must not know what the secrets are used for.
package vault
