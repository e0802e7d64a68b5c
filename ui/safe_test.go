package ui

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestLine(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want string }{
		"plain":                {"hello, wörld", "hello, wörld"},
		"escape sequence":      {"\x1b[31mred\x1b[0m", "␛[31mred␛[0m"},
		"title report":         {"\x1b]0;evil\a", "␛]0;evil␇"},
		"clipboard":            {"\x1b]52;c;ZXZpbA==\x1b\\", "␛]52;c;ZXZpbA==␛\\"},
		"C1 control":           {"a\u009b31mb", "a\ufffd31mb"},
		"overwrite":            {"real\rfake", "real␍fake"},
		"backspaces":           {"ok\b\bno", "ok␈␈no"},
		"delete":               {"a\x7fb", "a␡b"},
		"null":                 {"a\x00b", "a␀b"},
		"line break":           {"a\nbob: hi", "a bob: hi"},
		"other line breaks":    {"a\u2028b\u2029c\u0085d", "a b c d"},
		"tab":                  {"a\tb", "a b"},
		"right-to-left":        {"exe.\u202egpj", "exe.gpj"},
		"isolates":             {"\u2066a\u2069\u2067b\u2068", "ab"},
		"marks of direction":   {"a\u200e\u200f\u061cb", "ab"},
		"zero width":           {"a\u200bd\u2060m\ufeffi\u00adn", "admin"},
		"fillers":              {"a\u3164b\u115fc\uffa0d\u034fe", "abcde"},
		"not UTF-8":            {"a\xff\xfeb", "a\ufffd\ufffdb"},
		"private use":          {"a\ue000b", "a\ufffdb"},
		"noncharacter":         {"a\uffffb", "a\ufffdb"},
		"family":               {"👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"},
		"heart with selector":  {"❤\ufe0f", "❤\ufe0f"},
		"keycap":               {"1\ufe0f\u20e3", "1\ufe0f\u20e3"},
		"dark skin":            {"👍🏿", "👍🏿"},
		"rainbow flag":         {"🏳\ufe0f\u200d🌈", "🏳\ufe0f\u200d🌈"},
		"England":              {"🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"},
		"hidden tags":          {"hi\U000e0068\U000e0069", "hi"},
		"unended tags":         {"🏴\U000e0067\U000e0062x", "🏴x"},
		"joiner between words": {"ad\u200dmin", "admin"},
		"joiner at the end":    {"👍\u200d", "👍"},
		"selector on a letter": {"a\ufe0fb", "ab"},
		"Persian":              {"می\u200cخواهم", "می\u200cخواهم"},
		"Sinhala":              {"ක්\u200dෂ", "ක්\u200dෂ"},
		"Han variant":          {"葛\U000e0100城", "葛\U000e0100城"},
		"mark without base":    {"\u0301a", "◌\u0301a"},
		"towering marks":       {"a" + strings.Repeat("\u0301", 50), "a" + strings.Repeat("\u0301", MaxMarks)},
		"odd spaces":           {"a\u00a0b\u2003c\u3000d", "a b c\u3000d"},
		"Arabic number sign":   {"\u0600\u0661", "\u0600\u0661"},
	} {
		if got := Line(c.in).String(); got != c.want {
			t.Errorf("%s: Line(%+q) = %+q, want %+q", name, c.in, got, c.want)
		}
	}
}

func TestBlockKeepsLines(t *testing.T) {
	t.Parallel()
	got := Block("one\r\ntwo\u2028\u0301three\tfour\x1b[2J")
	want := []string{"one", "two", "◌\u0301three    four␛[2J"}
	if len(got) != len(want) {
		t.Fatalf("%d lines, want %d: %q", len(got), len(want), got)
	}
	for i := range want {
		if got[i].String() != want[i] {
			t.Errorf("line %d is %+q, want %+q", i, got[i], want[i])
		}
	}
	if len(Block("")) != 1 {
		t.Error("an empty text must still be one line")
	}
}

func TestFCleansArguments(t *testing.T) {
	t.Parallel()
	type own string
	got := F("%s|%s|%v|%d|%s", "a\x1bb", own("c\u202ed"), []string{"e\nf"}, 7, Line("g\x07")).String()
	if want := "a␛b|cd|[e f]|7|g␇"; got != want {
		t.Errorf("got %+q, want %+q", got, want)
	}
}

// check fails unless s is safe by the promise of Text.
func check(t *testing.T, s string) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Fatalf("%+q is not UTF-8", s)
	}
	marks, base := 0, false
	var before rune
	for i, r := range s {
		next, _ := utf8.DecodeRuneInString(s[i+utf8.RuneLen(r):])
		switch {
		case unicode.IsControl(r):
			t.Fatalf("%+q has the control character %U", s, r)
		case unicode.Is(unicode.Bidi_Control, r):
			t.Fatalf("%+q has the bidi control %U", s, r)
		case r == '\u2028' || r == '\u2029':
			t.Fatalf("%+q has the line break %U", s, r)
		case r == zwj || r == zwnj:
			if before == 0 || next == utf8.RuneError || next == zwj || next == zwnj {
				t.Fatalf("%+q has the joiner %U with nothing to join", s, r)
			}
		case isTag(r):
			if before != blackFlag && !isTag(before) {
				t.Fatalf("%+q has the tag %U without a flag", s, r)
			}
		case invisible(r):
			t.Fatalf("%+q has the invisible %U", s, r)
		case unicode.Is(unicode.Co, r):
			t.Fatalf("%+q has the private %U", s, r)
		}
		if unicode.Is(unicode.M, r) {
			if marks++; marks > MaxMarks || !base {
				t.Fatalf("%+q has %d marks on one character", s, marks)
			}
		} else {
			marks, base = 0, true
		}
		before = r
	}
}

// FuzzTermSanitize holds the promise of Text against any input: no C0, C1 or
// DEL, no bidi controls, nothing invisible out of place, at most MaxMarks
// marks on a character, and cleaning twice changes nothing.
func FuzzTermSanitize(f *testing.F) {
	for _, s := range []string{
		"hello", "\x1b[31mred", "\x1b]52;c;Zm9v\a", "a\u009b2Jb", "real\rfake", "exe.\u202egpj", "👨\u200d👩\u200d👧",
		"🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "a" + strings.Repeat("\u0301", 40), "\u0301",
		"می\u200cخواهم", "葛\U000e0100", "\xff\xfe\x1b", "one\r\ntwo\n\u0301three", "1\ufe0f\u20e3", "\u200d\u200d\u200c",
		strings.Repeat("👍\u200d", 40), "日本語のとても長い行です。", "a b  c\tdd", "\U000e0001\U000e0020\ufff9",
	} {
		f.Add(s, 20)
	}
	f.Fuzz(func(t *testing.T, s string, columns int) {
		line := Line(s).String()
		check(t, line)
		if again := Line(line).String(); again != line {
			t.Fatalf("cleaning %+q again gave %+q", line, again)
		}
		for _, l := range Block(s) {
			check(t, l.String())
		}
		check(t, F("%s %v", s, []byte(s)).String())
		columns = 10 + abs(columns)%200
		if cut := Truncate(Line(s), columns); Width(cut) > columns {
			t.Fatalf("%q has %d columns, more than %d", cut, Width(cut), columns)
		}
		for _, l := range Wrap(s, columns, columns) {
			check(t, l.String())
		}
	})
}

func abs(n int) int {
	if n < 0 {
		return -(n + 1)
	}
	return n
}
