package tui

import (
	"cmp"
	"slices"
	"strings"

	"github.com/kyokomi/emoji/v2"
)

// emojiName is an emoji and one of its names, without colons.
type emojiName struct{ name, emoji string }

// favourites are offered before anything is typed.
func favourites() []string {
	return []string{"+1", "heart", "joy", "tada", "eyes", "fire", "pray", "thinking", "cry", "white_check_mark", "x", "rocket"}
}

// findEmoji returns emoji whose name has a part, those that begin with it first.
func findEmoji(part string, most int) []emojiName {
	codes := emoji.CodeMap()
	part = strings.ToLower(part)
	var out []emojiName
	if part == "" {
		for _, name := range favourites() {
			if e := codes[":"+name+":"]; e != "" {
				out = append(out, emojiName{name, strings.TrimSpace(e)})
			}
		}
		return out
	}
	for code, e := range codes {
		if name := strings.Trim(code, ":"); strings.Contains(name, part) {
			out = append(out, emojiName{name, strings.TrimSpace(e)})
		}
	}
	slices.SortFunc(out, func(a, b emojiName) int {
		x, y := strings.HasPrefix(a.name, part), strings.HasPrefix(b.name, part)
		if x != y {
			if x {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(len(a.name), len(b.name)), cmp.Compare(a.name, b.name))
	})
	return out[:min(len(out), most)]
}
