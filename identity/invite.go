package identity

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

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

// Sign returns the invite as a kith: link. Addresses beyond the limit are left
// out.
func (i Invite) Sign(device *Device) (string, error) {
	body := &pb.InviteBody{
		Certificate: device.Certificate().Bytes(), Name: CleanName(i.Name),
		DiscoverySecret: i.Secret[:], Token: i.Token[:],
		Addresses: addressBytes(i.Addresses), Relays: addressBytes(i.Relays),
	}
	if !i.Expires.IsZero() {
		body.ExpiresMs = i.Expires.UnixMilli()
	}
	payload, err := proto.Marshal(body)
	if err != nil {
		return "", fmt.Errorf("encoding the invite: %w", err)
	}
	raw, err := proto.Marshal(&pb.Signed{Payload: payload, Signature: device.Sign(DomainInvite, payload)})
	if err != nil {
		return "", fmt.Errorf("encoding the invite: %w", err)
	}
	return invitePrefix + base64.RawURLEncoding.EncodeToString(raw), nil
}

func addressBytes(all []multiaddr.Multiaddr) [][]byte {
	var out [][]byte
	for _, a := range all {
		if b := a.Bytes(); len(b) <= maxInviteAddress && len(out) < MaxInviteAddresses {
			out = append(out, b)
		}
	}
	return out
}

// IsInvite reports whether a text looks like an invite link.
func IsInvite(text string) bool {
	return strings.HasPrefix(strings.ToLower(strings.TrimLeft(text, " <\t\n")), invitePrefix)
}

// ParseInvite reads a kith: link and verifies who made it. Line breaks, spaces
// and angle brackets, as a copy from a mail brings them, are passed over. It
// does not look at the clock: see Expired.
func ParseInvite(text string) (Invite, error) {
	if len(text) > maxInviteText {
		return Invite{}, fmt.Errorf("%w: it has %d characters", ErrInvite, len(text))
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == '<' || r == '>' {
			return -1
		}
		return r
	}, text)
	if len(text) < len(invitePrefix) || !strings.EqualFold(text[:len(invitePrefix)], invitePrefix) {
		return Invite{}, fmt.Errorf("%w: it does not start with %s", ErrInvite, invitePrefix)
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text[len(invitePrefix):])
	if err != nil {
		return Invite{}, fmt.Errorf("%w: it was cut off or mistyped", ErrInvite)
	}
	var signed pb.Signed
	var body pb.InviteBody
	if errors.Join(proto.Unmarshal(raw, &signed), proto.Unmarshal(signed.GetPayload(), &body)) != nil {
		return Invite{}, fmt.Errorf("%w: it was cut off or mistyped", ErrInvite)
	}
	cert, err := ParseCertificate(body.GetCertificate())
	if err != nil {
		return Invite{}, fmt.Errorf("%w: %w", ErrInvite, err)
	}
	if err := DomainInvite.Verify(cert.Device, signed.GetPayload(), signed.GetSignature()); err != nil {
		return Invite{}, fmt.Errorf("%w: it was altered or mistyped", ErrInvite)
	}
	return inviteOf(cert, &body)
}

func inviteOf(cert Certificate, body *pb.InviteBody) (Invite, error) {
	if len(body.GetDiscoverySecret()) != SecretSize || len(body.GetToken()) != TokenSize || body.GetExpiresMs() < 0 {
		return Invite{}, fmt.Errorf("%w: a part of it has a wrong length", ErrInvite)
	}
	i := Invite{
		Certificate: cert, Name: CleanName(body.GetName()),
		Secret: DiscoverySecret(body.GetDiscoverySecret()), Token: [TokenSize]byte(body.GetToken()),
	}
	if ms := body.GetExpiresMs(); ms > 0 {
		i.Expires = time.UnixMilli(ms).UTC()
	}
	var err error
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
