package event

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
	"golang.org/x/text/unicode/norm"

	"github.com/kith-chat/kith/identity"
)

// ConversationID names a set of events.
type ConversationID [32]byte

// String returns the ID in hexadecimal.
func (c ConversationID) String() string { return hex.EncodeToString(c[:]) }

// LogValue makes logs carry the first eight characters only.
func (c ConversationID) LogValue() slog.Value { return slog.StringValue(c.String()[:8]) }

// IsZero reports whether c names no conversation.
func (c ConversationID) IsZero() bool { return c == ConversationID{} }

// Direct returns the conversation between two accounts; the order of the two
// does not matter.
func Direct(a, b identity.AccountID) ConversationID {
	if bytes.Compare(a[:], b[:]) > 0 {
		a, b = b, a
	}
	return identity.DomainDirect.Sum(a[:], b[:])
}

// Public returns the conversation of the group that is joined by name. The
// name must come from CleanGroup.
func Public(name string) ConversationID { return identity.DomainPublic.Sum([]byte(name)) }

// Raw returns the local conversation that shows another program's topic.
func Raw(topic string) ConversationID { return identity.DomainRaw.Sum([]byte(topic)) }

// Self returns the conversation among an account's own devices.
func Self(a identity.AccountID) ConversationID { return identity.DomainSelf.Sum(a[:]) }

// MaxGroupName is the most graphemes that a group's name may have, and
// maxGroupBytes the most bytes.
const (
	MaxGroupName  = 64
	maxGroupBytes = 512
)

// ErrGroupName says that a text cannot name a public group.
var ErrGroupName = errors.New("not a group name")

// CleanGroup brings a public group's name into the one form that everybody
// derives the conversation from: without leading #, NFKC, lower case, 1 to 64
// graphemes, no spaces, control, format or private characters.
func CleanGroup(name string) (string, error) {
	name = strings.TrimPrefix(strings.TrimSpace(name), "#")
	if len(name) > maxGroupBytes || !utf8.ValidString(name) {
		return "", fmt.Errorf("%w: it is too long or not UTF-8", ErrGroupName)
	}
	// Lower-casing can undo NFKC and the reverse, so repeat until nothing
	// changes; two rounds are enough for every assigned character.
	for range 3 {
		next := norm.NFKC.String(strings.ToLower(norm.NFKC.String(name)))
		if next == name {
			break
		}
		name = next
	}
	if name == "" {
		return "", fmt.Errorf("%w: it is empty", ErrGroupName)
	}
	for _, r := range name {
		if unicode.IsControl(r) || unicode.IsSpace(r) || unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp) || r == unicode.ReplacementChar {
			return "", fmt.Errorf("%w: it contains a space or an invisible character", ErrGroupName)
		}
	}
	if strings.ContainsAny(name, "/#@:") {
		return "", fmt.Errorf("%w: it contains one of / # @ :", ErrGroupName)
	}
	if n := uniseg.GraphemeClusterCount(name); n > MaxGroupName || len(name) > maxGroupBytes {
		return "", fmt.Errorf("%w: it has more than %d characters", ErrGroupName, MaxGroupName)
	}
	return name, nil
}
