package timeline

import (
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
)

// The limits of reactions on one message. Beyond them the earliest stay, so
// that a flood of later ones hides nothing.
const (
	// MaxReactions is how many different emoji a message shows.
	MaxReactions = 32
	// MaxReactionsEach is how many of them one account can choose, so that
	// one person cannot fill the places of all.
	MaxReactionsEach = 8
	// maxEmojiClusters is how many characters, as a person counts them, a
	// reaction has; a few, because ":-)" is a reaction as well.
	maxEmojiClusters = 4
)

// reactions collects the last word of each account on each emoji.
type reactions struct {
	last map[choice]Input
}

type choice struct {
	account identity.AccountID
	emoji   string
}

func (r *reactions) add(in Input, b event.Reaction) {
	if !ValidEmoji(b.Emoji) {
		return
	}
	if r.last == nil {
		r.last = make(map[choice]Input)
	}
	k := choice{account: in.Author, emoji: b.Emoji}
	was, ok := r.last[k]
	if !ok || compare(in.Effective, in.Event.ID(), was.Effective, was.Event.ID()) > 0 {
		r.last[k] = in
	}
}

// list returns what stands, earliest first.
func (r *reactions) list() []Reaction {
	type standing struct {
		choice
		in Input
	}
	var all []standing
	for k, in := range r.last {
		body, err := in.Event.Body()
		if b, ok := body.(event.Reaction); err != nil || !ok || b.Removed {
			continue
		}
		all = append(all, standing{k, in})
	}
	slices.SortFunc(all, func(a, b standing) int {
		return compare(a.in.Effective, a.in.Event.ID(), b.in.Effective, b.in.Event.ID())
	})
	var out []Reaction
	place := make(map[string]int)
	each := make(map[identity.AccountID]int)
	for _, s := range all {
		if each[s.account] >= MaxReactionsEach {
			continue
		}
		at, ok := place[s.emoji]
		if !ok {
			if len(out) >= MaxReactions {
				continue
			}
			at = len(out)
			place[s.emoji] = at
			out = append(out, Reaction{Emoji: s.emoji})
		}
		each[s.account]++
		out[at].Accounts = append(out[at].Accounts, s.account)
	}
	return out
}

// ValidEmoji reports whether s can be a reaction: at most event.MaxEmoji
// bytes of UTF-8, one to four characters as a person counts them, no space and
// nothing that controls a terminal.
func ValidEmoji(s string) bool {
	if s == "" || len(s) > event.MaxEmoji || !utf8.ValidString(s) {
		return false
	}
	visible := false
	for _, r := range s {
		switch {
		case unicode.IsControl(r), unicode.IsSpace(r), r == utf8.RuneError,
			unicode.In(r, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp):
			return false
		case r == '\u200d', r == '\ufe0e', r == '\ufe0f', r >= '\U000e0020' && r <= '\U000e007f':
			// Joiners, presentation selectors and the tags of flags are
			// parts of emoji; other format characters are not.
		case unicode.Is(unicode.Cf, r):
			return false
		case !unicode.Is(unicode.M, r):
			visible = true
		}
	}
	return visible && uniseg.GraphemeClusterCount(s) <= maxEmojiClusters
}
