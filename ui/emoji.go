package ui

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/kyokomi/emoji/v2"
)

// maxShortcode is the longest name between two colons that is looked up.
const maxShortcode = 64

// Emojize turns shortcodes such as :tada: into emoji. It leaves alone what
// stands in a `code span`, in an address (a word with "://" in it), beside a
// letter or a digit ("12:30:00"), and what is written \:tada:, from which it
// takes the backslash away. Unknown names stay as they are. It belongs to
// input: the text that is sent, edited or reacted with, before it is sent.
func Emojize(s string) string {
	if !strings.Contains(s, ":") {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	codes := emoji.CodeMap()
	after := ' ' // the character before the place, or a space after an emoji
	for s != "" {
		if n := verbatim(s, after); n > 0 {
			b.WriteString(s[:n])
			after, _ = utf8.DecodeLastRuneInString(s[:n])
			s = s[n:]
			continue
		}
		if strings.HasPrefix(s, `\:`) {
			if n := shortcode(s[1:], codes); n > 0 {
				b.WriteString(s[1 : 1+n])
				s, after = s[1+n:], ' '
				continue
			}
		}
		if s[0] == ':' && !wordlike(after) && after != ':' {
			if n := shortcode(s, codes); n > 0 {
				b.WriteString(codes[s[:n]])
				s, after = s[n:], ' '
				continue
			}
		}
		r, size := utf8.DecodeRuneInString(s)
		b.WriteString(s[:size])
		after, s = r, s[size:]
	}
	return b.String()
}

// Emoji reads one emoji as a person gives it for a reaction: the emoji itself,
// a shortcode, or a shortcode's name without colons.
func Emoji(s string) string {
	if code, ok := emoji.CodeMap()[":"+strings.Trim(s, ":")+":"]; ok {
		return code
	}
	return s
}

// verbatim returns the length of the code span or the address that s begins
// with, or 0.
func verbatim(s string, after rune) int {
	if s[0] == '`' {
		ticks := len(s) - len(strings.TrimLeft(s, "`"))
		if end := strings.Index(s[ticks:], s[:ticks]); end >= 0 {
			return ticks + end + ticks
		}
		return ticks
	}
	if first, _ := utf8.DecodeRuneInString(s); unicode.IsLetter(first) && !wordlike(after) {
		word := s
		if end := strings.IndexFunc(s, unicode.IsSpace); end >= 0 {
			word = s[:end]
		}
		if at := strings.Index(word, "://"); at > 0 && strings.IndexFunc(word[:at], notScheme) < 0 {
			return len(word)
		}
	}
	return 0
}

func notScheme(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '+' && r != '.' && r != '-'
}

func wordlike(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// shortcode returns the length of the known shortcode that s begins with, or
// 0. A letter or a digit right after it means that it is something else.
func shortcode(s string, codes map[string]string) int {
	if len(s) < 3 || s[0] != ':' {
		return 0
	}
	end := strings.IndexByte(s[1:], ':')
	if end < 1 || end > maxShortcode {
		return 0
	}
	n := end + 2
	if _, known := codes[s[:n]]; !known {
		return 0
	}
	if next, _ := utf8.DecodeRuneInString(s[n:]); n < len(s) && wordlike(next) {
		return 0
	}
	return n
}
