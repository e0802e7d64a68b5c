package node

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/kith-chat/kith/identity"
)

// inviteSetting is where the invites that were made here are kept, by token.
const inviteSetting = "invite/"

// maxInvites bounds the invites that are in force at once.
const maxInvites = 1000

// inviteRecord is what is kept of an invite.
type inviteRecord struct {
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"`
	Revoked bool      `json:"revoked,omitempty"`
	Default bool      `json:"default,omitempty"` // the one that `kith id` shows
}

// CreateInvite makes an invite that is valid for a time, or with 0 until it is
// revoked.
func (n *Node) CreateInvite(ctx context.Context, valid time.Duration) (link, token string, err error) {
	if valid < 0 {
		return "", "", fmt.Errorf("%w: an invite cannot be valid for %v", ErrInvalid, valid)
	}
	all, err := n.Invites(ctx)
	if err != nil {
		return "", "", err
	}
	if len(all) >= maxInvites {
		return "", "", fmt.Errorf("%w: there are %d invites already: revoke some", ErrNotAllowed, len(all))
	}
	return n.newInvite(ctx, valid, false)
}

func (n *Node) newInvite(ctx context.Context, valid time.Duration, standing bool) (link, token string, err error) {
	var t [identity.TokenSize]byte
	_, _ = rand.Read(t[:]) // crypto/rand.Read never fails
	r := inviteRecord{Created: now(), Default: standing}
	if valid > 0 {
		r.Expires = r.Created.Add(valid)
	}
	if err := n.putInvite(ctx, hex.EncodeToString(t[:]), r); err != nil {
		return "", "", err
	}
	link, err = n.inviteLink(t, r.Expires)
	return link, hex.EncodeToString(t[:]), err
}

func (n *Node) inviteLink(token [identity.TokenSize]byte, expires time.Time) (string, error) {
	i := identity.Invite{
		Name: n.Name(), Secret: n.config.Vault.Secrets().Discovery, Token: token, Expires: expires,
		Addresses: n.bareAddresses(),
	}
	return i.Sign(n.self)
}

// maxQR is how many capital letters and digits fit into a QR code that is
// narrower than 80 columns with its margin (version 14, least redundancy).
const maxQR = 667

// InviteQR returns an invite of ours as the text for a QR code: with as many
// of its addresses as keep the code narrower than 80 columns. It is empty for
// what is no invite of this device.
func (n *Node) InviteQR(link string) string {
	i, err := identity.ParseInvite(link)
	if err != nil || i.Certificate.Device != n.self.ID() {
		return ""
	}
	for {
		qr, err := identity.InviteForQR(link)
		if err != nil {
			return ""
		}
		if len(qr) <= maxQR || len(i.Addresses)+len(i.Relays) == 0 {
			return qr
		}
		if len(i.Relays) > 0 {
			i.Relays = i.Relays[:len(i.Relays)-1]
		} else {
			i.Addresses = i.Addresses[:len(i.Addresses)-1] // the best stand first
		}
		if link, err = i.Sign(n.self); err != nil {
			return ""
		}
	}
}

func (n *Node) putInvite(ctx context.Context, token string, r inviteRecord) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("keeping the invite: %w", err)
	}
	return kindOf(n.store.PutSetting(ctx, inviteSetting+token, raw))
}

// StandingInvite returns the invite that stands until it is revoked, with the
// addresses of now, making it if there is none.
func (n *Node) StandingInvite(ctx context.Context) (string, error) {
	n.inviting.Lock()
	defer n.inviting.Unlock()
	var standing string
	err := n.eachInvite(ctx, func(token string, r inviteRecord) {
		if r.Default && !r.Revoked {
			standing = token
		}
	})
	if err != nil {
		return "", err
	}
	if raw, err := hex.DecodeString(standing); err == nil && len(raw) == identity.TokenSize {
		return n.inviteLink([identity.TokenSize]byte(raw), time.Time{})
	}
	link, _, err := n.newInvite(ctx, 0, true)
	return link, err
}

func (n *Node) eachInvite(ctx context.Context, fn func(token string, r inviteRecord)) error {
	return kindOf(n.store.Settings(ctx, inviteSetting, func(k string, v []byte) error {
		var r inviteRecord
		if err := json.Unmarshal(v, &r); err != nil {
			return nil //nolint:nilerr // a damaged record is an invite that is not valid
		}
		fn(k[len(inviteSetting):], r)
		return nil
	}))
}

// Invites returns the invites that were made here, the newest first.
func (n *Node) Invites(ctx context.Context) ([]InviteInfo, error) {
	var out []InviteInfo
	err := n.eachInvite(ctx, func(token string, r inviteRecord) {
		out = append(out, InviteInfo{Token: token, Created: r.Created, Expires: r.Expires, Revoked: r.Revoked})
	})
	slices.SortFunc(out, func(a, b InviteInfo) int { return b.Created.Compare(a.Created) })
	return out, err
}

// RevokeInvite makes an invite invalid, named by the beginning of its token.
func (n *Node) RevokeInvite(ctx context.Context, token string) error {
	var found []string
	records := make(map[string]inviteRecord)
	err := n.eachInvite(ctx, func(t string, r inviteRecord) {
		if len(token) >= 4 && len(t) >= len(token) && t[:len(token)] == token {
			found = append(found, t)
			records[t] = r
		}
	})
	switch {
	case err != nil:
		return err
	case len(found) == 0:
		return fmt.Errorf("%w: there is no invite %q", ErrNotFound, token)
	case len(found) > 1:
		return fmt.Errorf("%w: %q fits %d invites", ErrAmbiguous, token, len(found))
	}
	r := records[found[0]]
	r.Revoked = true
	return n.putInvite(ctx, found[0], r)
}

// inviteValid reports whether a token is that of an invite in force.
func (n *Node) inviteValid(ctx context.Context, token []byte) bool {
	raw, err := n.store.Setting(ctx, inviteSetting+hex.EncodeToString(token))
	if err != nil || raw == nil {
		return false
	}
	var r inviteRecord
	if err := json.Unmarshal(raw, &r); err != nil {
		return false
	}
	return !r.Revoked && (r.Expires.IsZero() || time.Now().Before(r.Expires))
}
