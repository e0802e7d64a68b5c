package ui

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// shaped are the scripts in which an invisible joiner changes the letters
// beside it, so that words cannot be written rightly without it.
var shaped = []*unicode.RangeTable{
	unicode.Arabic, unicode.Syriac, unicode.Nko, unicode.Mongolian,
	unicode.Devanagari, unicode.Bengali, unicode.Gurmukhi, unicode.Gujarati, unicode.Oriya,
	unicode.Tamil, unicode.Telugu, unicode.Kannada, unicode.Malayalam, unicode.Sinhala, unicode.Khmer,
}

// pictograph reports whether r can be part of a joined emoji. The blocks are
// wider than Unicode's list; what is in them is visible by itself, so to
// allow a joiner or a selector after it hides nothing.
func pictograph(r rune) bool {
	switch {
	case r >= 0x1f000 && r <= 0x1faff, r >= 0x2190 && r <= 0x2bff:
		return true
	}
	return strings.ContainsRune("©®‼⁉™ℹ〰〽㊗㊙", r)
}

func breaksLine(r rune) bool {
	return r == '\n' || r == '\u0085' || r == '\u2028' || r == '\u2029'
}

// picture stands for a control character, so that an attempt is seen.
func picture(r rune) rune {
	switch {
	case r < 0x20:
		return '␀' + r
	case r == 0x7f:
		return '␡'
	}
	return utf8.RuneError
}

// invisible reports whether r would show nothing or change the order of what
// stands around it: bidirectional controls, zero-width characters, fillers.
// The few format characters that are drawn, such as the Arabic number sign,
// are not among them.
func invisible(r rune) bool {
	return unicode.Is(unicode.Cf, r) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r) ||
		unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
}

const (
	blackFlag = '\U0001f3f4'
	cancelTag = '\U000e007f'
	// maxTags bounds a region's code: "gbeng" and the like, and the end.
	maxTags = 7
)

func isTag(r rune) bool { return r >= 0xe0020 && r <= cancelTag }

// regionTags returns the run of tags that starts with first and goes on in
// rest, if it follows a black flag and is ended as it must be; else "".
func regionTags(before, first rune, rest string) string {
	if before != blackFlag || first == cancelTag {
		return ""
	}
	run := string(first)
	for n := 1; n < maxTags; n++ {
		r, size := utf8.DecodeRuneInString(rest)
		if !isTag(r) {
			return ""
		}
		run += rest[:size]
		rest = rest[size:]
		if r == cancelTag {
			return run
		}
	}
	return ""
}

// NeedsEscape reports whether r may not stand as it is in JSON that somebody
// could look at on a terminal. Joiners and selectors count too: an escape
// loses nothing there.
func NeedsEscape(r rune) bool {
	return r == utf8.RuneError || unicode.IsControl(r) ||
		unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Variation_Selector,
			unicode.Other_Default_Ignorable_Code_Point, unicode.Noncharacter_Code_Point)
}
