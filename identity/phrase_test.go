package identity_test

import (
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/kith-chat/kith/identity"
)

func TestPhrase(t *testing.T) {
	t.Parallel()
	p := identity.NewPhrase()
	words := p.Words()
	if len(words) != identity.PhraseWords || p == identity.NewPhrase() {
		t.Fatalf("%d words", len(words))
	}
	plain := strings.Join(words, " ")
	numbered := ""
	for i, w := range words {
		numbered += "\n " + string(rune('0'+i/10)) + string(rune('0'+i%10)) + ". " + w
	}
	for what, text := range map[string]string{
		"plain": plain, "capitals": strings.ToUpper(plain), "lines": strings.Join(words, "\r\n"),
		"space": "\t" + strings.Join(words, "   ") + " ", "commas": strings.Join(words, ", "), "numbered": numbered,
	} {
		if got, err := identity.ParsePhrase(text); err != nil || got != p {
			t.Errorf("%s: %v", what, err)
		}
	}
	if identity.PhraseOf(p.Entropy()) != p {
		t.Error("the entropy gives another phrase")
	}
	if !p.Confirm(3, " "+strings.ToUpper(words[2])) || p.Confirm(3, "nothing") || p.Confirm(0, words[0]) || p.Confirm(25, words[0]) {
		t.Error("Confirm")
	}
}

// The words of the entropy of zeros and of ones are published with BIP-39; the
// keys that follow from them must never change, or a phrase on paper is worth
// nothing.
func TestPhraseGivesTheSameAccountForEver(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ words, account, secret string }{
		{
			strings.Repeat("abandon ", 23) + "art",
			"kith1npqs6fx8mujp20vyegh3xas7uzmuep3wy6gmhp278vvpzy6y60wsvplkxf", "f596010c7a0f252a1a4788745c1ec8f73a6cd2a192ac2ea1bdae959a93991a6d",
		},
		{
			strings.Repeat("zoo ", 23) + "vote",
			"kith1e9h0306h8vh9qvjfsucxayjfjxc89dslv4ayngmjmzyulrpkgs8q9khlv9", "7e13420c4b611d5132027b3277b16804d79c61fe32bf0f10285c0686f77c9090",
		},
	} {
		p, err := identity.ParsePhrase(c.words)
		if err != nil {
			t.Fatal(err)
		}
		account, err := p.AccountKey()
		if err != nil {
			t.Fatal(err)
		}
		secret, err := p.DiscoverySecret()
		if err != nil {
			t.Fatal(err)
		}
		if account.ID().String() != c.account || hex.EncodeToString(secret[:]) != c.secret {
			t.Errorf("account %s, secret %x", account.ID(), secret[:])
		}
	}
}

func TestPhraseSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	good := strings.Fields(strings.Repeat("abandon ", 23) + "art")
	with := func(n int, word string) string {
		w := slices.Clone(good)
		w[n] = word
		return strings.Join(w, " ")
	}
	for _, c := range []struct{ text, says string }{
		{with(4, "abandn"), `word 5, "abandn", is not in the list: perhaps abandon`},
		{with(0, "wrod"), `word 1, "wrod", is not in the list: perhaps `},
		{with(23, "zzzzzzzz"), `word 24, "zzzzzzzz", is not in the list`},
		{with(1, "ability"), "in another place"},
		{with(1, ""), "it has 23 words, not 24"},
		{strings.Join(good, " ") + " art", "it has 25 words"},
		{"", "it has 0 words"},
		{strings.Repeat("abandon ", 12), "it has 12 words"},
		{strings.Repeat("abandon ", 500), "too long"},
		{with(3, strings.Repeat("q", 200)), "is not in the list"},
		{with(3, "ａｂａｎｄｏｎ\u202e"), "word 4"},
	} {
		p, err := identity.ParsePhrase(c.text)
		if !errors.Is(err, identity.ErrPhrase) || !strings.Contains(err.Error(), c.says) || p != (identity.Phrase{}) {
			t.Errorf("%.50q: got %v, want %q", c.text, err, c.says)
		}
	}
}

func FuzzParsePhrase(f *testing.F) {
	f.Add(strings.Repeat("abandon ", 23) + "art")
	f.Add("1. " + strings.Repeat("ZOO,\n", 23) + "vote")
	f.Add(strings.Repeat("abandon ", 24))
	f.Add("abandn \xff é")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := identity.ParsePhrase(text)
		if err != nil {
			if !errors.Is(err, identity.ErrPhrase) || p != (identity.Phrase{}) {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		if again, err := identity.ParsePhrase(strings.Join(p.Words(), " ")); err != nil || again != p {
			t.Fatalf("its words give another phrase: %v", err)
		}
	})
}
