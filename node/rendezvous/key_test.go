package rendezvous

import (
	"slices"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"pgregory.net/rapid"

	"github.com/kith-chat/kith/identity"
)

type keyType = cid.Cid

// Two clocks that are less than six hours apart share a key at every moment,
// and no key is in force for longer than a day and a half.
func TestKeysOverlap(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		secret := identity.DiscoverySecret{1, 2, 3}
		at := time.Unix(rapid.Int64Range(0, 4_000_000_000).Draw(t, "at"), 0)
		skew := time.Duration(rapid.Int64Range(0, int64(overlap)).Draw(t, "skew"))
		ours, theirs := keys(secret, at), keys(secret, at.Add(skew))
		if len(ours) < 1 || len(ours) > 2 {
			t.Fatalf("%d keys at once", len(ours))
		}
		if !slices.ContainsFunc(ours, func(k cid.Cid) bool { return slices.Contains(theirs, k) }) {
			t.Fatal("no key in common")
		}
		for _, k := range keys(secret, at.Add(day+2*overlap+time.Second)) {
			if slices.Contains(ours, k) {
				t.Fatal("a key is in force for too long")
			}
		}
		if slices.ContainsFunc(keys(identity.DiscoverySecret{1, 2, 4}, at), func(k cid.Cid) bool { return slices.Contains(ours, k) }) {
			t.Fatal("two secrets share a key")
		}
		next := nextKey(at)
		if !next.After(at) || next.Sub(at) > day || len(keys(secret, next)) != 2 || slices.Equal(keys(secret, next), keys(secret, next.Add(-time.Second))) {
			t.Fatalf("the next key after %v comes at %v", at, next)
		}
	})
}

func TestKeyIsFixed(t *testing.T) {
	t.Parallel()
	k, err := Key(identity.DiscoverySecret{1}, time.Date(2026, 11, 23, 23, 59, 59, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	same, err := Key(identity.DiscoverySecret{1}, time.Date(2026, 11, 23, 20, 0, 0, 0, time.FixedZone("", -3*3600)))
	if err != nil || k != same {
		t.Errorf("the day is not that of UTC: %v, %v, %v", k, same, err)
	}
	const want = "bafkreiaov2cdsafa6cibhcj6sbofbw7moqk4ch3bnusbogk2pjxex75u7m"
	if got := k.String(); got != want {
		t.Errorf("the key is %s", got)
	}
}
