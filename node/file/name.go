package file

import (
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	// MaxName is the most bytes of UTF-8 that CleanName returns. File systems
	// take 255; the rest is for the hidden name of an unfinished file.
	MaxName = 200
	// maxExtension is how much of a too long name may be its extension.
	maxExtension = 20
	// defaultName stands for a name of which nothing is left.
	defaultName = "file"
)

// CleanName makes a file name out of what a peer calls a file: the last part
// of a path, without control, format and invisible characters, separators and
// the characters that Windows refuses, without leading dots and dashes or
// trailing dots and spaces, at most MaxName bytes with the extension kept, and
// no reserved device name. It is never empty, and cleaning it again changes
// nothing.
func CleanName(name string) string {
	name = strings.ToValidUTF8(name, "_")
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	name = strings.Map(cleanRune, name)
	name = trimName(norm.NFC.String(name))
	if reservedName(name) {
		name = "_" + name
	}
	name = shortenName(name)
	if name == "" {
		return defaultName
	}
	return name
}

// cleanRune drops what cannot be seen and replaces what cannot stand in a
// name on some system. The colon also separates streams on Windows.
func cleanRune(r rune) rune {
	switch {
	case unicode.IsSpace(r):
		return ' '
	case unicode.IsControl(r), unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp, unicode.Variation_Selector),
		unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r):
		return -1
	case strings.ContainsRune(`/\:*?"<>|`, r), r == unicode.ReplacementChar, !unicode.IsGraphic(r):
		return '_'
	}
	return r
}

func trimName(name string) string {
	name = strings.TrimLeft(name, ".-~ ")
	return strings.TrimRight(name, ". ")
}

// shortenName cuts the stem so that the whole has at most MaxName bytes.
func shortenName(name string) string {
	if len(name) <= MaxName {
		return name
	}
	ext := path.Ext(name)
	if len(ext) > maxExtension {
		ext = ""
	}
	stem := cutRunes(strings.TrimSuffix(name, ext), MaxName-len(ext))
	return trimName(stem) + ext
}

// cutRunes returns the longest front of s of at most limit bytes that ends
// between two characters.
func cutRunes(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// reservedName reports whether Windows takes the name for a device, whatever
// its extension.
func reservedName(name string) bool {
	stem, _, _ := strings.Cut(name, ".")
	stem = strings.ToUpper(strings.TrimSpace(stem))
	switch stem {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$":
		return true
	}
	for _, port := range []string{"COM", "LPT"} {
		if n, found := strings.CutPrefix(stem, port); found {
			switch n {
			case "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "¹", "²", "³":
				return true
			}
		}
	}
	return false
}

// numbered returns the nth form of a name that is taken: "name (2).ext".
func numbered(name string, n string) string {
	ext := path.Ext(name)
	stem := strings.TrimSuffix(name, ext)
	if stem == "" || len(ext) > maxExtension {
		stem, ext = name, ""
	}
	suffix := " (" + n + ")"
	return cutRunes(stem, 255-len(suffix)-len(ext)) + suffix + ext
}
