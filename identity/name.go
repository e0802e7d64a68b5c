package identity

import (
	"strings"
	"unicode"

	"github.com/rivo/uniseg"
	"golang.org/x/text/unicode/norm"
)

// Limits of a name.
const (
	MaxNameGraphemes = 64
	MaxNameBytes     = 256
)

// CleanName brings a name into the form in which it is stored and shown: NFC,
// without control, bidi, zero-width and other invisible characters, white space
// folded, at most 64 graphemes. What is left may be empty.
//
// Cleaning a clean name changes nothing. The joiners of scripts and of emoji
// families are invisible too and go with the rest.
func CleanName(name string) string {
	if len(name) > 16*MaxNameBytes {
		name = name[:16*MaxNameBytes]
	}
	// What one step takes away can let the next step join what is left, so
	// repeat until nothing changes. Each round shortens the name or is the last
	// but one.
	for range maxRounds {
		next := cleanOnce(name)
		if next == name {
			return name
		}
		name = next
	}
	return ""
}

// maxRounds ends the cleaning of a name that will not settle; none is known.
const maxRounds = 8

func cleanOnce(name string) string {
	name = strings.ToValidUTF8(name, "")
	name = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case invisible(r):
			return -1
		}
		return r
	}, norm.NFC.String(name))
	name = norm.NFC.String(strings.Join(strings.Fields(limitMarks(name)), " "))
	return strings.TrimSpace(firstGraphemes(name))
}

// invisible reports whether a character shows nothing or changes how others
// are shown.
func invisible(r rune) bool {
	switch {
	case unicode.IsControl(r), unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp):
		return true
	case unicode.In(r, unicode.Variation_Selector, unicode.Noncharacter_Code_Point, unicode.Other_Default_Ignorable_Code_Point):
		return true // among them fillers that look like nothing
	case r == '\u2800', r == unicode.ReplacementChar: // the empty Braille pattern, and what stands for rubbish
		return true
	}
	return !unicode.IsPrint(r) && !unicode.IsMark(r) && r != ' '
}

// maxMarks is how many combining marks one character may carry.
const maxMarks = 4

func limitMarks(s string) string {
	var b strings.Builder
	marks, base := 0, false
	for _, r := range s {
		if unicode.IsMark(r) {
			if marks++; marks > maxMarks || !base {
				continue
			}
		} else {
			marks, base = 0, r != ' '
		}
		b.WriteRune(r)
	}
	return b.String()
}

func firstGraphemes(s string) string {
	out, rest, state, n := 0, s, -1, 0
	for len(rest) > 0 && n < MaxNameGraphemes {
		var g string
		g, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if out+len(g) > MaxNameBytes {
			break
		}
		out += len(g)
		n++
	}
	return s[:out]
}
