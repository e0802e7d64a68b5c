package identity

import (
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/multiformats/go-multiaddr"
	"google.golang.org/protobuf/proto"

	"github.com/kith-chat/kith/identity/pb"
)

// Limits of an invite.
const (
	invitePrefix       = "kith:"
	maxInviteText      = 4 << 10
	MaxInviteAddresses = 8
	maxInviteAddress   = 256 // bytes
)

// Errors of invites.
var (
	ErrInvite        = errors.New("not a kith invite")
	ErrInviteExpired = errors.New("the invite has expired")
)

// Invite is what a stranger needs to reach an account for the first time: who
// it is, the secret by which its devices are found, and some addresses, so
// that the first contact needs no DHT. It is signed by the device that made
// it.
type Invite struct {
	Certificate Certificate // of the device that made it
	Name        string
	Secret      DiscoverySecret
	Token       [TokenSize]byte // names the invite, so that it can be revoked
	Expires     time.Time       // zero: never
	Addresses   []multiaddr.Multiaddr
	Relays      []multiaddr.Multiaddr
}

// Account returns whom the invite leads to.
func (i Invite) Account() AccountID { return i.Certificate.Account }

// Expired reports whether the invite is no longer valid.
func (i Invite) Expired(now time.Time) bool { return !i.Expires.IsZero() && now.After(i.Expires) }

// Check is Expired as an error for a person: ErrInviteExpired, with the day.
func (i Invite) Check(now time.Time) error {
	if !i.Expired(now) {
		return nil
	}
	return fmt.Errorf("%w on %s: ask for a new one", ErrInviteExpired, i.Expires.Format("2 January 2006 15:04 MST"))
}

// String names whom the invite leads to; it keeps the secret and the token out
// of formatted text.
func (i Invite) String() string { return "(invite of " + i.Account().Short() + ")" }

// Format writes String whatever the verb.
func (i Invite) Format(f fmt.State, _ rune) { redact(f, i.String()) }

// LogValue makes logs carry the account only.
func (i Invite) LogValue() slog.Value { return i.Account().LogValue() }

// Sign returns the invite as a kith: link. Addresses beyond the limit are left
// out.
func (i Invite) Sign(device *Device) (string, error) {
	body := &pb.InviteBody{
		Certificate: device.Certificate().Bytes(), Name: CleanName(i.Name),
		DiscoverySecret: i.Secret[:], Token: i.Token[:],
		Addresses: addressBytes(i.Addresses), Relays: addressBytes(i.Relays),
	}
	if !i.Expires.IsZero() {
		body.ExpiresMs = max(millis(i.Expires), 1)
	}
	payload, err := proto.Marshal(body)
	if err != nil {
		return "", fmt.Errorf("encoding the invite: %w", err)
	}
	raw, err := sealSigned(payload, device.Sign(DomainInvite, payload))
	if err != nil {
		return "", fmt.Errorf("encoding the invite: %w", err)
	}
	link := invitePrefix + base64.RawURLEncoding.EncodeToString(raw)
	if len(link) > maxInviteText {
		return "", fmt.Errorf("the invite has %d characters, more than %d: name fewer addresses", len(link), maxInviteText)
	}
	return link, nil
}

func addressBytes(all []multiaddr.Multiaddr) [][]byte {
	var out [][]byte
	for _, a := range all {
		if b := a.Bytes(); len(b) > 0 && len(b) <= maxInviteAddress && len(out) < MaxInviteAddresses {
			out = append(out, b)
		}
	}
	return out
}

// IsInvite reports whether a text looks like an invite link.
func IsInvite(text string) bool {
	return strings.HasPrefix(strings.ToLower(strings.TrimLeftFunc(text, wrapping)), invitePrefix)
}

// InviteForQR writes a link in the second text form that ParseInvite reads:
// capital letters and digits only (base32), which a QR code packs so much
// tighter that it has fewer squares although the text is longer.
func InviteForQR(link string) (string, error) {
	raw, err := inviteBytes(link)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrInvite, err)
	}
	text := strings.ToUpper(invitePrefix) + inviteBase32.EncodeToString(raw)
	if len(text) > maxInviteText {
		return "", fmt.Errorf("%w: it is too long for a QR code", ErrInvite)
	}
	return text, nil
}

// inviteBase32 is written in capitals: a link in base64 of an invite's length
// without any small letter does not happen.
var inviteBase32 = base32.StdEncoding.WithPadding(base32.NoPadding)

// wrapping reports whether r is what a mail, a chat or a sentence puts around
// a link or breaks it with.
func wrapping(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("<>()[]\"'`,;.", r) }

// ParseInvite reads a kith: link and verifies who made it. Line breaks, spaces,
// brackets and quotes, as a copy from a mail brings them, are passed over. It
// does not look at the clock: see Check. The error says whether the link was
// cut off, mistyped or altered.
func ParseInvite(text string) (Invite, error) {
	raw, err := inviteBytes(text)
	if err != nil {
		return Invite{}, fmt.Errorf("%w: %w", ErrInvite, err)
	}
	payload, signature, err := openSigned(raw)
	if errors.Is(err, errCutOff) {
		return Invite{}, fmt.Errorf("%w: %w; copy the whole link", ErrInvite, err)
	}
	if err != nil {
		return Invite{}, fmt.Errorf("%w: %w", ErrInvite, errAltered)
	}
	var body pb.InviteBody
	if err := proto.Unmarshal(payload, &body); err != nil {
		return Invite{}, fmt.Errorf("%w: %w", ErrInvite, errAltered)
	}
	cert, err := ParseCertificate(body.GetCertificate())
	if err != nil {
		return Invite{}, fmt.Errorf("%w: %w: %w", ErrInvite, errAltered, err)
	}
	if err := DomainInvite.Verify(cert.Device, payload, signature); err != nil {
		return Invite{}, fmt.Errorf("%w: %w: %w", ErrInvite, errAltered, err)
	}
	return inviteOf(cert, &body)
}

var errAltered = errors.New("it was altered or mistyped")

// inviteBytes takes the wrapping and the encoding off.
func inviteBytes(text string) ([]byte, error) {
	if len(text) > maxInviteText {
		return nil, fmt.Errorf("it has %d characters, more than %d", len(text), maxInviteText)
	}
	text = strings.Map(func(r rune) rune {
		if wrapping(r) {
			return -1
		}
		return r
	}, text)
	if len(text) < len(invitePrefix) || !strings.EqualFold(text[:len(invitePrefix)], invitePrefix) {
		return nil, fmt.Errorf("it does not start with %s", invitePrefix)
	}
	text = text[len(invitePrefix):]
	if text == "" {
		return nil, errCutOff
	}
	if strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == "" {
		raw, err := inviteBase32.DecodeString(text)
		if err != nil || inviteBase32.EncodeToString(raw) != text {
			return nil, errCutOff
		}
		return raw, nil
	}
	at := strings.IndexFunc(text, func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
	if at >= 0 {
		r, _ := utf8.DecodeRuneInString(text[at:])
		return nil, fmt.Errorf("character %d after %s, %q, does not belong there", at+1, invitePrefix, r)
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil { // the alphabet is right, so that the end is missing
		return nil, errCutOff
	}
	return raw, nil
}

func inviteOf(cert Certificate, body *pb.InviteBody) (Invite, error) {
	if len(body.GetDiscoverySecret()) != SecretSize || len(body.GetToken()) != TokenSize {
		return Invite{}, fmt.Errorf("%w: a part of it has a wrong length", ErrInvite)
	}
	i := Invite{
		Certificate: cert, Name: CleanName(body.GetName()),
		Secret: DiscoverySecret(body.GetDiscoverySecret()), Token: [TokenSize]byte(body.GetToken()),
	}
	if i.Secret.IsZero() {
		return Invite{}, fmt.Errorf("%w: it has no secret to find anybody by", ErrInvite)
	}
	var err error
	if ms := body.GetExpiresMs(); ms != 0 {
		if i.Expires, err = instant(ms); err != nil {
			return Invite{}, fmt.Errorf("%w: %w", ErrInvite, err)
		}
	}
	if i.Addresses, err = parseAddresses(body.GetAddresses()); err != nil {
		return Invite{}, err
	}
	if i.Relays, err = parseAddresses(body.GetRelays()); err != nil {
		return Invite{}, err
	}
	return i, nil
}

func parseAddresses(raw [][]byte) ([]multiaddr.Multiaddr, error) {
	if len(raw) > MaxInviteAddresses {
		return nil, fmt.Errorf("%w: it has %d addresses", ErrInvite, len(raw))
	}
	var out []multiaddr.Multiaddr
	for _, b := range raw {
		if len(b) > maxInviteAddress {
			return nil, fmt.Errorf("%w: an address is too long", ErrInvite)
		}
		a, err := multiaddr.NewMultiaddrBytes(b)
		if err != nil {
			return nil, fmt.Errorf("%w: an address is wrong", ErrInvite)
		}
		out = append(out, a)
	}
	return out, nil
}
