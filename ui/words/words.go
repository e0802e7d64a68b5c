package words

import (
	"embed"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/kith-chat/kith/ui"
)

//go:embed en.toml zh.toml
var files embed.FS

// fallback is the language for whoever speaks none of ours.
const fallback = "en"

// Languages returns the languages there are, by their ISO 639-1 codes.
func Languages() []string { return []string{"en", "zh"} }

// Words says things in one language. It does not change and may be shared.
type Words struct {
	lang  string
	forms map[string]forms
}

// forms is one string; one is used for the number 1 where it is set.
type forms struct {
	one, other []piece
}

// piece is a part of a string: words, or the place of an argument.
type piece struct {
	text ui.Text
	arg  int // -1 for words
}

// Load returns the words of a language: "en", "zh", or a locale such as
// "zh_CN.UTF-8". A language that is not there is an error.
func Load(lang string) (*Words, error) {
	code := languageOf(lang)
	raw, err := files.ReadFile(code + ".toml")
	if err != nil {
		return nil, ui.Invalid.Because("there is no language %q; there are: %s", lang, strings.Join(Languages(), ", "))
	}
	var tree map[string]any
	if err := toml.Unmarshal(raw, &tree); err != nil {
		return nil, fmt.Errorf("reading the words of %s: %w", code, err)
	}
	w := &Words{lang: code, forms: map[string]forms{}}
	if err := w.add("", tree); err != nil {
		return nil, fmt.Errorf("reading the words of %s: %w", code, err)
	}
	return w, nil
}

// FromEnv returns the words of the language that the environment asks for by
// LC_ALL, LC_MESSAGES or LANG, in that order, and English where it asks for
// another one or for none.
func FromEnv(getenv func(string) string) *Words {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := getenv(name); v != "" {
			return Pick(v)
		}
	}
	return Pick(fallback)
}

// Pick is Load, with English where there is no such language.
func Pick(lang string) *Words {
	w, err := Load(lang)
	if err != nil {
		w, err = Load(fallback)
	}
	if err != nil {
		// The files are part of the program and a test loads them all; without
		// them each string shows its key.
		return &Words{lang: fallback}
	}
	return w
}

// languageOf cuts a locale down to its language.
func languageOf(locale string) string {
	if i := strings.IndexAny(locale, "_-.@"); i >= 0 {
		locale = locale[:i]
	}
	return strings.ToLower(locale)
}

// Language returns the code of the language, such as "en".
func (w *Words) Language() string { return w.lang }

// Get says the string of a key, with args in the places of its placeholders.
// Arguments are cleaned as ui.F does. A key that is not there is said as it
// stands.
func (w *Words) Get(key string, args ...any) ui.Text {
	f, ok := w.forms[key]
	if !ok {
		return ui.Line(key)
	}
	pieces := f.other
	if f.one != nil && isOne(args) {
		pieces = f.one
	}
	if len(pieces) == 1 && pieces[0].arg < 0 {
		return pieces[0].text
	}
	parts := make([]ui.Text, len(pieces))
	for i, p := range pieces {
		switch {
		case p.arg < 0:
			parts[i] = p.text
		case p.arg < len(args):
			parts[i] = ui.F("%v", args[p.arg])
		}
	}
	return ui.Join("", parts...)
}

// isOne reports whether the first number among args is 1.
func isOne(args []any) bool {
	for _, a := range args {
		switch v := reflect.ValueOf(a); {
		case v.CanInt():
			return v.Int() == 1
		case v.CanUint():
			return v.Uint() == 1
		case v.CanFloat():
			return math.Abs(v.Float()-1) < 1e-9
		}
	}
	return false
}

// add takes over a table of the file.
func (w *Words) add(prefix string, table map[string]any) error {
	for name, v := range table {
		key := name
		if prefix != "" {
			key = prefix + "." + name
		}
		switch v := v.(type) {
		case string:
			w.forms[key] = forms{other: parse(v)}
		case map[string]any:
			one, hasOne := v["one"].(string)
			other, hasOther := v["other"].(string)
			if !hasOther {
				if err := w.add(key, v); err != nil {
					return err
				}
				continue
			}
			f := forms{other: parse(other)}
			if hasOne {
				f.one = parse(one)
			}
			w.forms[key] = f
		default:
			return fmt.Errorf("%s is neither a string nor a table", key)
		}
	}
	return nil
}

// parse splits a string at its placeholders.
func parse(s string) []piece {
	out := []piece{}
	for s != "" {
		open := strings.IndexByte(s, '{')
		end := strings.IndexByte(s[max(open, 0):], '}') + max(open, 0)
		n := -1
		if open >= 0 && end > open {
			if v, err := strconv.ParseUint(s[open+1:end], 10, 4); err == nil {
				n = int(v)
			}
		}
		if n < 0 {
			return append(out, piece{ui.Line(s), -1})
		}
		if open > 0 {
			out = append(out, piece{ui.Line(s[:open]), -1})
		}
		out = append(out, piece{arg: n})
		s = s[end+1:]
	}
	return out
}
