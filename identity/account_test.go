package identity_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/kith-chat/kith/identity"
)

func TestAccountIDText(t *testing.T) {
	t.Parallel()
	for n := range byte(50) {
		id := accountKey(n).ID()
		s := id.String()
		if len(s) != 63 || !strings.HasPrefix(s, "kith1") {
			t.Fatalf("%q is not 63 characters from kith1", s)
		}
		for _, form := range []string{s, strings.ToUpper(s), " \n" + s + "\t"} {
			if got, err := identity.ParseAccountID(form); err != nil || got != id {
				t.Fatalf("%q gives %v, %v", form, got, err)
			}
		}
		var back identity.AccountID
		text, err := id.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		if err := back.UnmarshalText(text); err != nil || back != id {
			t.Fatalf("text form: %v", err)
		}
	}
}

// Every single wrong character is found, and the error says which it is.
func TestAccountID_OneTypo(t *testing.T) {
	t.Parallel()
	const letters = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
	s := accountKey(3).ID().String()
	for at := range s {
		for k := range len(letters) + 3 {
			c := "bio"[k%3] // letters that the alphabet leaves out
			if k < len(letters) {
				c = letters[k]
			}
			if c == s[at] {
				continue
			}
			bad := s[:at] + string(c) + s[at+1:]
			_, err := identity.ParseAccountID(bad)
			if !errors.Is(err, identity.ErrAccountID) {
				t.Fatalf("%s with %q at %d: %v", s, c, at, err)
			}
			want := fmt.Sprintf("character %d (%q)", at+1, c)
			if at < len("kith1") {
				want = "does not start with kith1"
			}
			if !strings.Contains(err.Error(), want) {
				t.Fatalf("%s with %q at %d: the error does not say %q: %v", s, c, at, want, err)
			}
		}
	}
}

func TestAccountIDRefuses(t *testing.T) {
	t.Parallel()
	s := accountKey(3).ID().String()
	for _, c := range []struct{ text, says string }{
		{"", "0 characters"},
		{s[:62], "62 characters"},
		{s + "q", "64 characters"},
		{s[:20] + s[21:] + "q", "typing mistakes"},             // one left out, one added
		{s[:20] + s[21:22] + s[20:21] + s[22:], "typing mist"}, // two exchanged
		{strings.ToUpper(s[:30]) + s[30:], "upper and lower"},
		{"nith1" + s[5:], "start with kith1"},
		{identity.AccountID{}.String(), "usable"},         // a key of small order
		{identity.AccountID{2}.String(), "usable"},        // not on the curve
		{strings.Repeat("\xff", 63), "not an account ID"}, // not text
		{"kith1" + strings.Repeat("é", 29), "typing"},     // 63 bytes of it
	} {
		_, err := identity.ParseAccountID(c.text)
		if !errors.Is(err, identity.ErrAccountID) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: got %v, want %q", c.text, err, c.says)
		}
	}
}

func FuzzParseAccountID(f *testing.F) {
	s := accountKey(3).ID().String()
	for _, seed := range []string{s, strings.ToUpper(s), " " + s, s[:30] + "b" + s[31:], s[:62], "", identity.AccountID{}.String()} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, err := identity.ParseAccountID(text)
		if err != nil {
			if !id.IsZero() || !errors.Is(err, identity.ErrAccountID) {
				t.Fatalf("refused with %v and an ID", err)
			}
			return
		}
		if id.String() != strings.ToLower(strings.TrimSpace(text)) {
			t.Fatalf("%q prints as %q", text, id)
		}
		if _, err := identity.AccountFromBytes(id[:]); err != nil {
			t.Fatalf("an unusable key was taken: %v", err)
		}
	})
}
