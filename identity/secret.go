package identity

import (
	"crypto/rand"
	"log/slog"
)

// SecretSize is the length of a discovery secret in bytes, TokenSize that of
// an invite's token.
const (
	SecretSize = 32
	TokenSize  = 16
)

// DiscoverySecret is what an account's friends share to find its devices:
// whoever lacks it cannot go from the account to an address. It never prints
// itself.
type DiscoverySecret [SecretSize]byte

// NewDiscoverySecret makes a secret from the system's randomness.
func NewDiscoverySecret() DiscoverySecret {
	var s DiscoverySecret
	_, _ = rand.Read(s[:]) // crypto/rand.Read never fails
	return s
}

// IsZero reports whether there is no secret.
func (s DiscoverySecret) IsZero() bool { return s == DiscoverySecret{} }

// String keeps the secret out of formatted text.
func (s DiscoverySecret) String() string { return "(discovery secret)" }

// GoString keeps the secret out of %#v.
func (s DiscoverySecret) GoString() string { return s.String() }

// LogValue keeps the secret out of logs.
func (s DiscoverySecret) LogValue() slog.Value { return slog.StringValue(s.String()) }
