package identity_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/rivo/uniseg"

	"github.com/kith-chat/kith/identity"
)

func TestSafetyNumber(t *testing.T) {
	t.Parallel()
	ann, bob, eve := accountKey(1).ID(), accountKey(2).ID(), accountKey(3).ID()
	n := identity.NewSafetyNumber(ann, bob)
	if n != identity.NewSafetyNumber(bob, ann) {
		t.Fatal("it depends on who asks")
	}
	if !regexp.MustCompile(`^\d{5}( \d{5}){11}$`).MatchString(n.Digits) {
		t.Errorf("digits %q", n.Digits)
	}
	if len(strings.Split(n.Emoji, " ")) != 8 || len(strings.Split(n.Names, ", ")) != 8 {
		t.Errorf("emoji %q, names %q", n.Emoji, n.Names)
	}
	// People have compared this number: another algorithm would undo it.
	if want := "90248 12515 16945 86167 50961 08086 75866 80273 89459 83150 89539 37792"; n.Digits != want {
		t.Errorf("the number has changed: %s", n.Digits)
	}
	for what, other := range map[string]identity.SafetyNumber{
		"ann's friend is another": identity.NewSafetyNumber(ann, eve),
		"bob's friend is another": identity.NewSafetyNumber(eve, bob),
		"both are":                identity.NewSafetyNumber(eve, eve),
	} {
		a, b := strings.Fields(n.Digits), strings.Fields(other.Digits)
		for i := range a {
			if a[i] == b[i] {
				t.Errorf("%s: group %d is the same", what, i+1)
			}
		}
		if n.Emoji == other.Emoji {
			t.Errorf("%s: the emoji are the same", what)
		}
	}
}

func TestSafetyEmojiAreDistinct(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for n := range byte(60) {
		s := identity.NewSafetyNumber(accountKey(n).ID(), accountKey(n+1).ID())
		emoji, names := strings.Split(s.Emoji, " "), strings.Split(s.Names, ", ")
		for i := range emoji {
			if uniseg.GraphemeClusterCount(emoji[i]) != 1 {
				t.Errorf("%q is not one picture", emoji[i])
			}
			if was, have := seen[names[i]]; have && was != emoji[i] {
				t.Errorf("%s is %s and %s", names[i], was, emoji[i])
			}
			seen[names[i]] = emoji[i]
		}
	}
	if len(seen) != 64 {
		t.Errorf("%d pictures in 480, not 64", len(seen))
	}
}

func BenchmarkSafetyNumber(b *testing.B) {
	x, y := accountKey(1).ID(), accountKey(2).ID()
	for b.Loop() {
		identity.NewSafetyNumber(x, y)
	}
}
