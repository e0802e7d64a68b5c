package terms_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/kith-chat/kith/node/store/terms"
)

func TestOf(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"Hello, World":  {"hello", "world"},
		"Ｆｕｌｌ width":    {"full", "width"},
		"我们今天见面":        {"今天", "天见", "们今", "我们", "见面", "面"},
		"see 你好 there":  {"see", "there", "你好", "好"},
		"":              nil,
		"... !!! \x00 ": nil,
	} {
		got := terms.Of(text)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestQuery(t *testing.T) {
	t.Parallel()
	got, _ := terms.Query("Hello wor")
	if len(got) != 2 || got[0].Prefix || !got[1].Prefix || got[1].Text != "wor" {
		t.Errorf("got %+v", got)
	}
	got, contains := terms.Query("今天见")
	if len(got) != 2 || got[0].Prefix || got[1].Prefix || len(contains) != 1 {
		t.Errorf("got %+v, %q", got, contains)
	}
	got, _ = terms.Query("见")
	if len(got) != 1 || !got[0].Prefix {
		t.Errorf("got %+v", got)
	}
}

func FuzzTerms(f *testing.F) {
	f.Add("Hello, 世界 and ガギグ")
	f.Add("e\u0301\u0301\u0301 ﷺ ß İ")
	f.Add(strings.Repeat("x", 100))
	f.Fuzz(func(t *testing.T, text string) {
		have := terms.Of(text)
		for _, s := range have {
			if len(s) > terms.MaxTerm || s == "" || utf8.ValidString(text) && !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
				t.Fatalf("term %q of %q", s, text)
			}
		}
		if len(have) > terms.MaxTerms {
			t.Fatalf("%d terms", len(have))
		}
		query, _ := terms.Query(text)
		for _, q := range query {
			found := slices.ContainsFunc(have, func(s string) bool { return s == q.Text || q.Prefix && strings.HasPrefix(s, q.Text) })
			if !found && len(have) < terms.MaxTerms {
				t.Fatalf("%q is looked for and not in %q", q.Text, have)
			}
		}
	})
}
