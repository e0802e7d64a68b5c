package rendezvous

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/kith-chat/kith/identity"
)

const (
	day = 24 * time.Hour
	// overlap is how long before and after midnight (UTC) the key of the other
	// day is in force as well, for clocks that are wrong.
	overlap = 6 * time.Hour
)

// Key returns the DHT key under which the holders of a secret meet on the day
// of t. Without the secret it looks like any other key.
func Key(secret identity.DiscoverySecret, t time.Time) (cid.Cid, error) {
	number := binary.BigEndian.AppendUint64(nil, uint64(t.UTC().Unix()/int64(day/time.Second)))
	sum := identity.DomainRendezvous.Sum(secret[:], number)
	mh, err := multihash.Encode(sum[:], multihash.SHA2_256)
	if err != nil {
		return cid.Undef, err
	}
	return cid.NewCidV1(cid.Raw, mh), nil
}

// keys returns the keys that are in force at a time: one, or two around
// midnight, that of the day itself first.
func keys(secret identity.DiscoverySecret, now time.Time) []cid.Cid {
	var out []cid.Cid
	for _, t := range []time.Time{now, now.Add(-overlap), now.Add(overlap)} {
		if k, err := Key(secret, t); err == nil && !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	return out
}

// nextKey returns when the next key comes into force.
func nextKey(now time.Time) time.Time {
	at := now.UTC().Truncate(day).Add(day - overlap)
	if !at.After(now) {
		at = at.Add(day)
	}
	return at
}
