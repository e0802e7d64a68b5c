package reconcile_test

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/pubsub/reconcile"
	"github.com/kith-chat/kith/pubsub/reconcile/pb"
)

// FuzzRanges: whatever is decoded is encoded to something that means the same,
// and never holds more than its bytes.
func FuzzRanges(f *testing.F) {
	whole, _ := world(3000, func(int) bool { return true })
	for _, set := range []*memory{whole, newMemory()} {
		f.Add(reconcile.Opening(set, reconcile.Key{}, reconcile.End()))
	}
	f.Add([]byte{0x22, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Add([]byte{0x13, 0x00})
	f.Fuzz(func(t *testing.T, raw []byte) {
		again, ids, err := reconcile.DecodeRanges(raw, reconcile.Key{}, reconcile.End())
		if err != nil {
			if !errors.Is(err, reconcile.ErrPeer) {
				t.Fatal(err)
			}
			return
		}
		if ids > reconcile.MaxListed || ids*8 > len(raw) {
			t.Fatalf("%d IDs out of %d bytes", ids, len(raw))
		}
		twice, _, err := reconcile.DecodeRanges(again, reconcile.Key{}, reconcile.End())
		if err != nil || !bytes.Equal(again, twice) {
			t.Fatalf("encoded again it is another: %v", err)
		}
	})
}

func FuzzFrame(f *testing.F) {
	whole, _ := world(100, func(int) bool { return true })
	c := room()
	raw, err := proto.Marshal(&pb.Frame{Of: &pb.Frame_Open{Open: &pb.Open{
		Conversation: c[:], Salt: 1, HighMs: 1 << 41, Round: &pb.Round{Ranges: reconcile.Opening(whole, reconcile.Key{}, reconcile.End())},
	}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		if err := reconcile.DecodeOpening(raw); err != nil && !errors.Is(err, reconcile.ErrPeer) {
			t.Fatal(err)
		}
	})
}

func TestWants(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 200).Draw(t, "n")
		listed := make([]reconcile.Key, n)
		var places []int
		for i := range listed {
			listed[i] = made(i)
			if rapid.Bool().Draw(t, "wanted") {
				places = append(places, i)
			}
		}
		got, err := reconcile.Wanted(reconcile.EncodeWants(places), listed)
		if err != nil || len(got) != len(places) {
			t.Fatalf("%d of %d, %v", len(got), len(places), err)
		}
		for i, k := range got {
			if k != listed[places[i]] {
				t.Fatal("another event than was wanted")
			}
		}
	})
	for _, runs := range [][]uint32{{0, 2}, {1, 1}, {math.MaxUint32, math.MaxUint32}, {0, 1, 0, 1}, {0, 0}} {
		if _, err := reconcile.Wanted(runs, []reconcile.Key{made(1)}); !errors.Is(err, reconcile.ErrPeer) {
			t.Errorf("%v was taken: %v", runs, err)
		}
	}
}

// TestMsgID_Salted: two events have no short names in common that somebody
// could prepare, since they change with each session.
func TestMsgID_Salted(t *testing.T) {
	t.Parallel()
	id := event.ID{1, 2, 3}
	if reconcile.Salted(1, id) == reconcile.Salted(2, id) {
		t.Error("the salt changes nothing")
	}
}
