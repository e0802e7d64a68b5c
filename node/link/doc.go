// Package link is /kith/link/1: how a new device becomes one of an account.
//
// The old device shows a code (identity.LinkCode) that says whom to call and
// holds a secret. The new device calls, both prove that they have the secret,
// and both show the same few words; only when the people, or the one person,
// at both devices have found the words equal does the old device certify the
// new one and hand over the account.
//
//	new                         old
//	Join  proof, name      ->
//	                       <-   Answer  proof, nonce, account
//	Agree nonce            ->            both show the words now
//	Shown agree            ->            and its person agrees too
//	                       <-   Grant   keys, certificate, device list
//	Done                   ->
//
// The channel is libp2p's, authenticated by the device keys: the new device
// knows the old one's from the code, and the words cover the new one's. So who
// stole a code and calls first is seen by its words, which the right new
// device does not show. A code works once.
//
// The package must not know what a vault or a store is: its callers make the
// grant and keep it.
package link
