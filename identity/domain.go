package identity

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
)

// Domain separates one use of a signature or a hash from every other use. The
// bytes that are signed or hashed are the domain, one zero byte, and the
// payload, so no two domains can collide: none of them contains a zero byte.
type Domain string

// The domains of kith, all of them. A new signed or hashed thing gets a new
// line here; a test checks that they are distinct and well formed and that a
// signature made under one never verifies under another.
const (
	DomainCertificate  Domain = "kith/1/sign/certificate" // account: this device is mine
	DomainDeviceList   Domain = "kith/1/sign/device-list" // account: these are all my devices
	DomainEvent        Domain = "kith/1/sign/event"       // device: I said this
	DomainInvite       Domain = "kith/1/sign/invite"      // device: this is how to find me
	DomainPresence     Domain = "kith/1/sign/presence"    // device: these are my addresses now
	DomainEventID      Domain = "kith/1/hash/event-id"    // the ID of an event
	DomainGossipID     Domain = "kith/1/hash/gossip-id"   // the ID of a gossip message
	DomainDirect       Domain = "kith/1/hash/conversation/direct"
	DomainPublic       Domain = "kith/1/hash/conversation/public"
	DomainSelf         Domain = "kith/1/hash/conversation/self"
	DomainRaw          Domain = "kith/1/hash/conversation/raw"
	DomainPrivate      Domain = "kith/1/hash/conversation/private"
	DomainGroupLink    Domain = "kith/1/sign/group-link"    // a link's key: this account may join
	DomainEpochCommit  Domain = "kith/1/hash/epoch"         // what announces an epoch's key
	DomainEpochTopic   Domain = "kith/1/derive/epoch-topic" // epoch secret to topic
	DomainEpochKey     Domain = "kith/1/derive/epoch-key"   // epoch secret to the first day's key
	DomainEpochNext    Domain = "kith/1/derive/epoch-next"  // one day's key to the next day's
	DomainEpochDay     Domain = "kith/1/derive/epoch-day"   // a day's key to the key of its payloads
	DomainEpochSeal    Domain = "kith/1/seal/epoch"         // what a sealed payload is bound to
	DomainSafety       Domain = "kith/1/hash/safety-number"
	DomainAccountKey   Domain = "kith/1/derive/account-key"      // recovery phrase to account key
	DomainDiscovery    Domain = "kith/1/derive/discovery-secret" // recovery phrase to first discovery secret
	DomainRendezvous   Domain = "kith/1/derive/rendezvous"       // discovery secret and day to DHT key
	DomainHelloProof   Domain = "kith/1/derive/hello-proof"      // discovery secret to proof of holding it
	DomainPresenceSeal Domain = "kith/1/derive/presence-seal"    // discovery secret to key of presence records
	DomainLinkCode     Domain = "kith/1/hash/link-code"          // checksum of a link code
	DomainLinkProof    Domain = "kith/1/derive/link-proof"       // link secret to proof of holding it
	DomainLinkWords    Domain = "kith/1/derive/link-words"       // link secret to the words both devices show
	DomainSecretAtRest Domain = "kith/1/derive/secret-at-rest"   // store key to key of secrets inside the store
)

// ErrSignature says that a signature does not verify: the bytes were altered,
// or somebody else made them.
var ErrSignature = errors.New("the signature does not match")

// Sum returns SHA-256 over the domain, a zero byte and the parts in order. The
// caller makes sure that the parts are self-delimiting or of fixed length.
func (d Domain) Sum(parts ...[]byte) [32]byte {
	h := sha256.New()
	h.Write([]byte(d))
	h.Write([]byte{0})
	for _, p := range parts {
		h.Write(p)
	}
	var out [32]byte
	h.Sum(out[:0])
	return out
}

// message returns the bytes that a signature under d covers.
func (d Domain) message(payload []byte) []byte {
	m := make([]byte, 0, len(d)+1+len(payload))
	m = append(m, d...)
	m = append(m, 0)
	return append(m, payload...)
}

// Sign signs payload under d. The result has 64 bytes.
func (d Domain) Sign(key ed25519.PrivateKey, payload []byte) []byte {
	return ed25519.Sign(key, d.message(payload))
}

// Verify checks a signature made by Sign; it returns ErrSignature when the
// signature, the key or the payload is not the one that was signed.
// crypto/ed25519 refuses a scalar that is not reduced, so a signature cannot
// be altered into a second valid one.
func (d Domain) Verify(key [32]byte, payload, signature []byte) error {
	if len(signature) != ed25519.SignatureSize || smallOrder(key) ||
		!ed25519.Verify(key[:], d.message(payload), signature) {
		return ErrSignature
	}
	return nil
}
