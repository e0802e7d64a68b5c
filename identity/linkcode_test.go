package identity_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/multiformats/go-multiaddr"

	"github.com/kith-chat/kith/identity"
)

func linkCode(t testing.TB) identity.LinkCode {
	t.Helper()
	a, err := multiaddr.NewMultiaddr("/ip4/192.0.2.7/tcp/4177")
	if err != nil {
		t.Fatal(err)
	}
	return identity.NewLinkCode(deviceID(t, 1), []multiaddr.Multiaddr{a}, time.UnixMilli(1_800_000_000_000))
}

// TestLinkCode: a code survives the way over paper, and one typo is found.
func TestLinkCode(t *testing.T) {
	t.Parallel()
	c := linkCode(t)
	text, err := c.Text()
	if err != nil {
		t.Fatal(err)
	}
	got, err := identity.ParseLinkCode("  " + text[:40] + "\n " + text[40:] + "\n")
	if err != nil || got.Device != c.Device || !got.Expires.Equal(c.Expires) || len(got.Addresses) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	other := deviceID(t, 2)
	if !slices.Equal(got.Proof("new", other), c.Proof("new", other)) || slices.Equal(c.Proof("new", other), c.Proof("old", other)) {
		t.Fatal("proofs do not hold")
	}
	words := c.Words(other, [32]byte{1}, [32]byte{2})
	if !slices.Equal(words, got.Words(other, [32]byte{1}, [32]byte{2})) || len(words) != identity.LinkWords {
		t.Fatalf("words %q", words)
	}
	if slices.Equal(words, c.Words(other, [32]byte{1}, [32]byte{3})) || slices.Equal(words, c.Words(deviceID(t, 3), [32]byte{1}, [32]byte{2})) {
		t.Fatal("the words do not depend on the devices and their nonces")
	}
	for i := len("kithlink:"); i < len(text); i++ {
		r := byte('A')
		if text[i] == r {
			r = 'B'
		}
		if _, err := identity.ParseLinkCode(text[:i] + string(r) + text[i+1:]); !errors.Is(err, identity.ErrLinkCode) {
			t.Fatalf("a typo at %d is not found: %v", i, err)
		}
	}
	if c.Check(c.Expires) != nil || !errors.Is(c.Check(c.Expires.Add(time.Millisecond)), identity.ErrLinkCode) {
		t.Fatal("the expiry does not hold")
	}
	if s := fmt.Sprintf("%v %+v %#v %x %d", c, c, c, c, c); strings.Count(s, "(link code)") != 5 {
		t.Fatalf("a code prints itself: %s", s)
	}
}

func FuzzParseLinkCode(f *testing.F) {
	text, err := linkCode(f).Text()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add("kithlink:")
	f.Add("kith:AAAA")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := identity.ParseLinkCode(s)
		if err != nil {
			if !errors.Is(err, identity.ErrLinkCode) {
				t.Fatal(err)
			}
			return
		}
		again, err := c.Text()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := identity.ParseLinkCode(again); err != nil {
			t.Fatalf("%q is read and not read again: %v", s, err)
		}
	})
}
