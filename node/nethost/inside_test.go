package nethost

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"
	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
)

// ChatRelay returns the options of a relay with our limits, for tests.
func ChatRelay(*testing.T) []libp2p.Option {
	return []libp2p.Option{libp2p.EnableRelayService(relay.WithResources(relayResources()), relay.WithLimit(chatLimit()))}
}

// Whoever leaves records without end with our DHT server fills no memory.
func TestLimits_Records(t *testing.T) {
	t.Parallel()
	ctx, r := t.Context(), newRecords(100)
	for i := range 1000 {
		k := datastore.NewKey(fmt.Sprintf("/providers/%d/a", i))
		b, err := r.Batch(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(b.Put(ctx, k, []byte("x")), b.Commit(ctx)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(r.all); n != 100 {
		t.Fatalf("%d records are kept", n)
	}
	k := datastore.NewKey("/providers/7/a")
	if err := r.Put(ctx, k, []byte("newer")); err != nil {
		t.Fatal(err)
	}
	if v, err := r.Get(ctx, k); err != nil || string(v) != "newer" {
		t.Errorf("a record that is there is not replaced: %q, %v", v, err)
	}
	if err := r.Put(ctx, k, make([]byte, maxRecord+1)); err != nil {
		t.Fatal(err)
	}
	if n, err := r.GetSize(ctx, k); err != nil || n != 5 {
		t.Errorf("a record of %d bytes, %v", n, err)
	}
	found, err := r.Query(ctx, query.Query{Prefix: "/providers/7", KeysOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if all, err := found.Rest(); err != nil || len(all) != 1 || all[0].Key != "/providers/7/a" {
		t.Errorf("%v, %v", all, err)
	}
	if err := r.Delete(ctx, k); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Get(ctx, k); !errors.Is(err, datastore.ErrNotFound) {
		t.Error(err)
	}
	if ok, err := r.Has(ctx, k); ok || err != nil {
		t.Error(ok, err)
	}
	if err := r.Put(ctx, datastore.NewKey("/providers/new/a"), nil); err != nil || len(r.all) != 100 {
		t.Errorf("%d records after one has gone, %v", len(r.all), err)
	}
}

// aged is a connection that was opened some time ago.
type aged struct {
	network.Conn
	opened time.Time
}

func (a aged) Stat() network.ConnStats {
	return network.ConnStats{Stats: network.Stats{Opened: a.opened}}
}

func TestOldConnectionsAreRenewed(t *testing.T) {
	t.Parallel()
	now := time.Now()
	got := old([]network.Conn{
		aged{opened: now}, aged{opened: now.Add(-renewAfter + time.Minute)}, aged{opened: now.Add(-renewAfter)},
	}, now)
	if len(got) != 1 || renewAfter+renewCheck >= 24*time.Hour {
		t.Errorf("%d connections are old enough", len(got))
	}
}
