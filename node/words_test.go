package node

import (
	"testing"

	"github.com/kith-chat/kith/identity"
)

// TestHidesWords: words hide as words, in any case and width, and Chinese ones
// anywhere, since no spaces part them.
func TestHidesWords(t *testing.T) {
	t.Parallel()
	s := screen{folded: foldAll([]string{"Spoiler", "剧透", "buy now"})}
	for text, want := range map[string]bool{
		"a spoiler ahead": true, "SPOILER!": true, "ｓｐｏｉｌｅｒ": true, "spoilers": false, "unspoiler": false,
		"这里有剧透吧": true, "please buy now.": true, "buy  now": false, "": false,
	} {
		if got := s.hides(identity.AccountID{1}, text); got != want {
			t.Errorf("%q: hidden %v, want %v", text, got, want)
		}
	}
}
