package identity

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/btcsuite/btcd/btcutil/bech32"
)

// AccountID names a person: the account's Ed25519 public key. Its text form is
// bech32m (BIP-350) with the prefix "kith", 63 characters: kith1….
type AccountID [32]byte

const (
	accountPrefix = "kith"
	// accountTextLen is prefix, separator, 52 characters of key, 6 of checksum.
	accountTextLen = len(accountPrefix) + 1 + 52 + 6
)

// ErrAccountID says that a text is not an account ID.
var ErrAccountID = errors.New("not an account ID")

// AccountKey is the private key of an account. It signs certificates and
// device lists and nothing else.
type AccountKey struct{ key ed25519.PrivateKey }

// NewAccountKey makes the key from a 32-byte seed.
func NewAccountKey(seed [32]byte) AccountKey {
	return AccountKey{ed25519.NewKeyFromSeed(seed[:])}
}

// ID returns the account that the key belongs to.
func (k AccountKey) ID() AccountID {
	if len(k.key) == 0 {
		return AccountID{}
	}
	return AccountID(k.key.Public().(ed25519.PublicKey))
}

// Sign signs payload under the domain with the account key.
func (k AccountKey) Sign(d Domain, payload []byte) []byte { return d.Sign(k.key, payload) }

// LogValue keeps the private key out of logs.
func (k AccountKey) LogValue() slog.Value { return k.ID().LogValue() }

// String keeps the private key out of formatted text.
func (k AccountKey) String() string { return k.ID().String() }

// Format writes String whatever the verb.
func (k AccountKey) Format(f fmt.State, _ rune) { redact(f, k.String()) }

// AccountFromBytes checks that b is a usable account key and returns its ID.
func AccountFromBytes(b []byte) (AccountID, error) {
	var a AccountID
	if err := checkKey(b); err != nil {
		return a, fmt.Errorf("%w: %w", ErrAccountID, err)
	}
	copy(a[:], b)
	return a, nil
}

// ParseAccountID reads the text form. White space around it is ignored, and
// letters may be all lower or all upper case. Up to four wrong characters are
// always detected; when exactly one is wrong the error says which.
func ParseAccountID(s string) (AccountID, error) {
	var a AccountID
	s = strings.TrimSpace(s)
	if len(s) != accountTextLen {
		return a, fmt.Errorf("%w: it has %d characters, not %d", ErrAccountID, len(s), accountTextLen)
	}
	if l := strings.ToLower(s); l == s || strings.ToUpper(s) == s {
		s = l
	} else {
		return a, fmt.Errorf("%w: it mixes upper and lower case", ErrAccountID)
	}
	if !strings.HasPrefix(s, accountPrefix+"1") {
		return a, fmt.Errorf("%w: it does not start with %s1", ErrAccountID, accountPrefix)
	}
	raw, err := decodeAccount(s)
	if err != nil {
		if at := oneTypo(s); at > 0 {
			return a, fmt.Errorf("%w: one typing mistake: character %d (%q) is wrong", ErrAccountID, at+1, s[at])
		}
		return a, fmt.Errorf("%w: the checksum does not match, so there are typing mistakes", ErrAccountID)
	}
	return AccountFromBytes(raw)
}

// decodeAccount checks the checksum and the padding.
func decodeAccount(s string) ([]byte, error) {
	prefix, data, version, err := bech32.DecodeGeneric(s)
	if err != nil {
		return nil, err
	}
	if prefix != accountPrefix || version != bech32.VersionM {
		return nil, ErrAccountID
	}
	raw, err := bech32.ConvertBits(data, 5, 8, false)
	if err != nil {
		return nil, err
	}
	if len(raw) != ed25519.PublicKeySize {
		return nil, ErrAccountID
	}
	return raw, nil
}

// oneTypo returns the place of the single character whose replacement makes
// the checksum match, or -1 when there is none; the code's distance makes sure
// that there are never two such places. The right character is not offered: a
// person should look at the original.
func oneTypo(s string) int {
	const charset = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
	const checksumM = 0x2bc830a3 // BIP-350
	residue, unknown := uint32(1), -1
	for _, c := range []byte(accountPrefix) {
		residue = checksumStep(residue, uint32(c>>5))
	}
	residue = checksumStep(residue, 0)
	for _, c := range []byte(accountPrefix) {
		residue = checksumStep(residue, uint32(c&31))
	}
	for i := len(accountPrefix) + 1; i < len(s); i++ {
		v := strings.IndexByte(charset, s[i])
		if v < 0 && unknown >= 0 {
			return -1
		}
		if v < 0 {
			unknown, v = i, 0
		}
		residue = checksumStep(residue, uint32(v))
	}
	if residue ^= checksumM; residue == 0 && unknown < 0 {
		return -1 // the checksum is right, so that something else is wrong
	}
	// The checksum is linear: a mistake of e at a place adds to the residue
	// what e gives, moved on by the characters behind that place.
	for e := range uint32(32) {
		moved := e
		for i := len(s) - 1; i > len(accountPrefix); i-- {
			if moved == residue && (unknown == i || unknown < 0) {
				return i
			}
			moved = checksumStep(moved, 0)
		}
	}
	return -1
}

// checksumStep takes one more five-bit value into a bech32 checksum (BIP-173).
func checksumStep(checksum, value uint32) uint32 {
	top := checksum >> 25
	checksum = (checksum&0x1ffffff)<<5 ^ value
	for i, g := range [5]uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
		if top>>i&1 == 1 {
			checksum ^= g
		}
	}
	return checksum
}

// IsZero reports whether a names nobody.
func (a AccountID) IsZero() bool { return a == AccountID{} }

// String returns the full text form.
func (a AccountID) String() string {
	data, err := bech32.ConvertBits(a[:], 8, 5, true)
	if err != nil {
		return ""
	}
	s, err := bech32.EncodeM(accountPrefix, data)
	if err != nil {
		return ""
	}
	return s
}

// Short returns the fingerprint that stands beside a name where two people
// could be confused: the first eight characters after kith1.
func (a AccountID) Short() string { return a.String()[len(accountPrefix)+1:][:8] }

// LogValue makes logs carry the short form only.
func (a AccountID) LogValue() slog.Value { return slog.StringValue(a.Short()) }

// MarshalText writes the text form.
func (a AccountID) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads the text form.
func (a *AccountID) UnmarshalText(b []byte) error {
	id, err := ParseAccountID(string(b))
	if err != nil {
		return err
	}
	*a = id
	return nil
}
