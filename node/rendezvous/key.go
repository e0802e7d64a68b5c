package rendezvous

import (
	"encoding/binary"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/kith-chat/kith/identity"
)

// overlap is how long before and after midnight (UTC) the key of the other day
// is in force as well, for clocks that are wrong.
const overlap = 6 * time.Hour

// Key returns the DHT key under which the holders of a secret meet on the day
// of t. Without the secret it looks like any other key.
func Key(secret identity.DiscoverySecret, t time.Time) (cid.Cid, error) {
	day := binary.BigEndian.AppendUint64(nil, uint64(t.UTC().Unix()/int64(24*60*60)))
	sum := identity.DomainRendezvous.Sum(secret[:], day)
	mh, err := multihash.Encode(sum[:], multihash.SHA2_256)
	if err != nil {
		return cid.Undef, err
	}
	return cid.NewCidV1(cid.Raw, mh), nil
}

// keys returns the keys that are in force at a time: one, or two around
// midnight.
func keys(secret identity.DiscoverySecret, now time.Time) []cid.Cid {
	var out []cid.Cid
	for _, t := range []time.Time{now, now.Add(-overlap), now.Add(overlap)} {
		k, err := Key(secret, t)
		if err != nil {
			continue
		}
		known := false
		for _, o := range out {
			known = known || o == k
		}
		if !known {
			out = append(out, k)
		}
	}
	return out
}
