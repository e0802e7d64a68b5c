package identity

import (
	"strings"
	"unicode"
	"unicode/utf8"

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
func CleanName(name string) string {
	if len(name) > 16*MaxNameBytes {
		name = name[:16*MaxNameBytes]
	}
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
	case unicode.In(r, unicode.Variation_Selector), unicode.In(r, unicode.Noncharacter_Code_Point):
		return true
	case r == '\u115f', r == '\u1160', r == '\u3164', r == '\uffa0', r == '\u2800', r == '\ufffd', r == '\u034f':
		return true // fillers that look like nothing
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

// Skeleton returns what is left of a name when everything that looks alike is
// made the same: two names with one skeleton can be taken for each other. It
// follows the idea of UTS #39 (Unicode Security Mechanisms) with a table of
// the letters that people meet, not the whole of its data.
func Skeleton(name string) string {
	name = norm.NFKD.String(strings.ToLower(norm.NFKC.String(CleanName(name))))
	var b strings.Builder
	for _, r := range name {
		switch {
		case unicode.IsMark(r), unicode.IsSpace(r), unicode.IsPunct(r):
			continue
		}
		if s, ok := lookalike(r); ok {
			b.WriteString(s)
		} else {
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return strings.ReplaceAll(strings.ReplaceAll(b.String(), "rn", "m"), "vv", "w")
}

// Confusable reports whether two names can be taken for each other.
func Confusable(a, b string) bool { return Skeleton(a) == Skeleton(b) }

// lookalikes pairs each Latin letter with what is drawn like it: Cyrillic,
// Greek, Armenian, Cherokee and other letters and digits, in lower case.
const lookalikes = "aаαɑ⍺ꭺ" + "\x00bЬьƅᏏъ" + "\x00cсϲⅽᴄꮯ" + "\x00dԁⅾᏧꓒ" + "\x00eеҽєε℮ꭼ" + "\x00fϝքꬵ" +
	"\x00gɡցƍԍ" + "\x00hһհᏂʜн" + "\x00iіıɩι1l|ǀ!ɪӏאוןļľｌ∣ⅼⅰ" + "\x00jјϳյ" + "\x00kкκᴋ" + "\x00mмⅿʍ" + "\x00nпոռη" +
	"\x00oоοσ0օᴏഠ੦໐०০୦௦" + "\x00pрρϱ⍴" + "\x00qԛգզ" + "\x00rгᴦⲅ" + "\x00sѕꜱƽ5ʂ" + "\x00tтτᴛ" + "\x00uυսʋцᴜ" +
	"\x00vνѵᴠⅴ∨" + "\x00wѡԝաɯω" + "\x00xхχ×ⅹ" + "\x00yуγүყʏ" + "\x00zᴢʐ2" + "\x003зʒӡэ" + "\x004ч" + "\x006б" + "\x008ȣ" + "\x009գ"

// lookalike returns the letter that a character is drawn like.
func lookalike(r rune) (string, bool) {
	if r < utf8.RuneSelf && unicode.IsLower(r) && r != 'l' {
		return "", false
	}
	i := strings.IndexRune(lookalikes, r)
	if i < 0 {
		return "", false
	}
	group := lookalikes[strings.LastIndexByte(lookalikes[:i], 0)+1:]
	first, size := utf8.DecodeRuneInString(group)
	if first == r {
		return "", false
	}
	return group[:size], true
}
