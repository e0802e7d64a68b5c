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
// graphemes, no spaces, no control, format, private, unassigned or other
// invisible characters. Variation selectors are dropped: two names that differ
// in nothing else look the same. Cleaning a clean name changes nothing.
func CleanGroup(name string) (string, error) {
	name = strings.TrimPrefix(strings.TrimSpace(name), "#")
	if len(name) > maxGroupBytes || !utf8.ValidString(name) {
		return "", fmt.Errorf("%w: it is too long or not UTF-8", ErrGroupName)
	}
	name, settled := foldGroup(name)
	if !settled {
		return "", fmt.Errorf("%w: it contains a character that has no one form", ErrGroupName)
	}
	if name == "" {
		return "", fmt.Errorf("%w: it is empty", ErrGroupName)
	}
	for _, r := range name {
		if unseen(r) {
			return "", fmt.Errorf("%w: it contains a space or an invisible character", ErrGroupName)
		}
	}
	if strings.ContainsAny(name, "/#@:") {
		return "", fmt.Errorf("%w: it contains / or # or @ or a colon", ErrGroupName)
	}
	if n := uniseg.GraphemeClusterCount(name); n > MaxGroupName || len(name) > maxGroupBytes {
		return "", fmt.Errorf("%w: it has more than %d characters", ErrGroupName, MaxGroupName)
	}
	return name, nil
}

// foldGroup normalises until nothing changes, since lower-casing can undo NFKC
// and the reverse; two rounds are enough for every assigned character.
func foldGroup(name string) (folded string, settled bool) {
	for range 4 {
		next := strings.Map(func(r rune) rune {
			if unicode.Is(unicode.Variation_Selector, r) {
				return -1
			}
			return r
		}, name)
		next = norm.NFKC.String(strings.ToLower(norm.NFKC.String(next)))
		if next == name {
			return name, true
		}
		name = next
	}
	return name, false
}

// unseen reports whether a character shows nothing, or is not known to this
// version of Unicode, so that a later one could fold it differently.
func unseen(r rune) bool {
	switch {
	case unicode.IsMark(r), unicode.IsPrint(r):
		return r == unicode.ReplacementChar || r == '\u2800' || unicode.IsSpace(r) ||
			unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
	}
	return true
}
