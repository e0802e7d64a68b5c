package identity

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/multiformats/go-multiaddr"
	"github.com/tyler-smith/go-bip39/wordlists"
	"google.golang.org/protobuf/proto"

	"github.com/kith-chat/kith/identity/pb"
)

const (
	linkPrefix    = "kithlink:"
	maxLinkText   = 2 << 10
	linkChecksum  = 4 // bytes at the end of a code
	linkSecretLen = 16
	// LinkValid is for how long a code works.
	LinkValid = 5 * time.Minute
	// LinkWords is how many words both devices show: 44 bits, of which a
	// stranger has one guess.
	LinkWords = 4
)

// ErrLinkCode says that a text is not a link code, or one that has expired.
var ErrLinkCode = errors.New("not a link code that works")

// LinkCode is what a device shows so that a new one can become a device of the
// same account: whom to call, where, and a secret that proves that the caller
// has seen the code. It works once and for LinkValid. It never prints itself;
// Text must be asked for.
type LinkCode struct {
	Device    DeviceID // that shows the code
	Expires   time.Time
	Addresses []multiaddr.Multiaddr

	secret [linkSecretLen]byte
}

// NewLinkCode makes a code for a device at the addresses.
func NewLinkCode(device DeviceID, addresses []multiaddr.Multiaddr, now time.Time) LinkCode {
	c := LinkCode{
		Device: device, Expires: now.Add(LinkValid).UTC().Truncate(time.Millisecond),
		Addresses: addresses[:min(len(addresses), MaxInviteAddresses)],
	}
	_, _ = rand.Read(c.secret[:]) // crypto/rand.Read never fails
	return c
}

// String keeps the secret out of formatted text.
func (c LinkCode) String() string { return "(link code)" }

// Format writes String whatever the verb.
func (c LinkCode) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// LogValue keeps the secret out of logs.
func (c LinkCode) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Text returns the code as it is shown and typed.
func (c LinkCode) Text() (string, error) {
	raw, err := proto.Marshal(&pb.LinkCode{
		Device: c.Device[:], Secret: c.secret[:], ExpiresMs: millis(c.Expires), Addresses: addressBytes(c.Addresses),
	})
	if err != nil {
		return "", fmt.Errorf("encoding the link code: %w", err)
	}
	sum := DomainLinkCode.Sum(raw)
	return linkPrefix + base64.RawURLEncoding.EncodeToString(append(raw, sum[:linkChecksum]...)), nil
}

// ParseLinkCode reads a code; white space within it is passed over. Whether it
// has expired is said by Check.
func ParseLinkCode(text string) (LinkCode, error) {
	if len(text) > maxLinkText {
		return LinkCode{}, fmt.Errorf("%w: it has %d characters, more than %d", ErrLinkCode, len(text), maxLinkText)
	}
	text = strings.Map(func(r rune) rune {
		if wrapping(r) {
			return -1
		}
		return r
	}, text)
	body, ok := strings.CutPrefix(text, linkPrefix)
	if !ok {
		return LinkCode{}, fmt.Errorf("%w: it does not start with %s", ErrLinkCode, linkPrefix)
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil || len(raw) <= linkChecksum {
		return LinkCode{}, fmt.Errorf("%w: it was cut off or mistyped", ErrLinkCode)
	}
	raw, check := raw[:len(raw)-linkChecksum], raw[len(raw)-linkChecksum:]
	if sum := DomainLinkCode.Sum(raw); subtle.ConstantTimeCompare(sum[:linkChecksum], check) != 1 {
		return LinkCode{}, fmt.Errorf("%w: it was cut off or mistyped", ErrLinkCode)
	}
	var m pb.LinkCode
	if err := proto.Unmarshal(raw, &m); err != nil {
		return LinkCode{}, fmt.Errorf("%w: %w", ErrLinkCode, err)
	}
	var c LinkCode
	if c.Device, err = ParseDeviceKey(m.GetDevice()); err != nil {
		return LinkCode{}, fmt.Errorf("%w: %w", ErrLinkCode, err)
	}
	if copy(c.secret[:], m.GetSecret()) != linkSecretLen || len(m.GetSecret()) != linkSecretLen {
		return LinkCode{}, fmt.Errorf("%w: its secret has a wrong length", ErrLinkCode)
	}
	if c.Expires, err = instant(m.GetExpiresMs()); err != nil {
		return LinkCode{}, fmt.Errorf("%w: %w", ErrLinkCode, err)
	}
	if c.Addresses, err = parseAddresses(m.GetAddresses()); err != nil {
		return LinkCode{}, fmt.Errorf("%w: %w", ErrLinkCode, err)
	}
	return c, nil
}

// Check returns ErrLinkCode if the code has expired.
func (c LinkCode) Check(now time.Time) error {
	if now.After(c.Expires) {
		return fmt.Errorf("%w: it has expired; make another one on the old device with kith devices link", ErrLinkCode)
	}
	return nil
}

// Proof proves to the other device that the prover has the code: role is that
// of the prover, so that a proof cannot be sent back.
func (c LinkCode) Proof(role string, newDevice DeviceID) []byte {
	return c.derive(DomainLinkProof, []byte(role), newDevice[:])
}

// Words returns what both devices show: equal only if each talks to the other
// and to nobody between. The nonces are chosen by the devices after each knows
// the other's key, so that nobody can look for a key with fitting words.
func (c LinkCode) Words(newDevice DeviceID, oldNonce, newNonce [32]byte) []string {
	mac := c.derive(DomainLinkWords, newDevice[:], oldNonce[:], newNonce[:])
	out := make([]string, LinkWords)
	for i := range out {
		out[i] = wordlists.English[(int(mac[2*i])<<8|int(mac[2*i+1]))%len(wordlists.English)]
	}
	return out
}

// derive is HMAC-SHA-256 under the secret; all parts have fixed lengths but the
// role, which is the first one and one of two words.
func (c LinkCode) derive(d Domain, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, c.secret[:])
	h.Write([]byte(d))
	h.Write([]byte{0})
	h.Write(c.Device[:])
	for _, p := range parts {
		h.Write([]byte{byte(len(p))})
		h.Write(p)
	}
	return h.Sum(nil)
}
