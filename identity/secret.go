package identity

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
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

// LogValue keeps the secret out of logs.
func (s DiscoverySecret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Format writes String whatever the verb: %d or %x of a secret is still the
// secret.
func (s DiscoverySecret) Format(f fmt.State, _ rune) { redact(f, s.String()) }

// MarshalText refuses: whoever stores a secret asks for its bytes.
func (s DiscoverySecret) MarshalText() ([]byte, error) { return nil, errSecretText }

var errSecretText = errors.New("a secret is not written as text by accident")

// redact writes what a type that holds a secret says of itself.
func redact(f fmt.State, s string) { _, _ = io.WriteString(f, s) }
