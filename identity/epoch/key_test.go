package epoch

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/kith-chat/kith/identity/event"
)

var update = os.Getenv("KITH_UPDATE_VECTORS") != ""

// vector is one line of the checked-in derivations: another implementation
// comes to the same bytes.
type vector struct {
	Group, Secret string
	Number        uint64
	Start         uint32
	Topic         string
	Commitment    string
	Day           uint32
	Key           string // of Day
	Nonce         string
	Payload       string
	Sealed        string
}

func TestVectors(t *testing.T) {
	t.Parallel()
	const file = "testdata/vectors.json"
	if update {
		writeVectors(t, file)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	if err := json.Unmarshal(raw, &all); err != nil || len(all) < 3 {
		t.Fatalf("%d vectors, %v", len(all), err)
	}
	for i, v := range all {
		if got := compute(t, v); got != v {
			t.Errorf("vector %d:\n got %+v\nwant %+v", i, got, v)
		}
	}
}

func compute(t *testing.T, v vector) vector {
	t.Helper()
	k, err := derive(event.ConversationID(unhex(t, v.Group)), v.Number, v.Start, [32]byte(unhex(t, v.Secret)))
	if err != nil {
		t.Fatal(err)
	}
	c := k.Commitment()
	v.Topic, v.Commitment = k.Topic(), hex.EncodeToString(c[:])
	if k, err = k.From(v.Day); err != nil {
		t.Fatal(err)
	}
	v.Key = hex.EncodeToString(k.key[:])
	head := append([]byte{version, byte(v.Day >> 24), byte(v.Day >> 16), byte(v.Day >> 8), byte(v.Day)}, unhex(t, v.Nonce)...)
	sealed, err := k.sealWith(head, unhex(t, v.Payload))
	if err != nil {
		t.Fatal(err)
	}
	v.Sealed = hex.EncodeToString(sealed)
	if got, err := k.Open(v.Day, sealed); err != nil || !bytes.Equal(got, unhex(t, v.Payload)) {
		t.Errorf("opening: %v", err)
	}
	return v
}

func writeVectors(t *testing.T, file string) {
	t.Helper()
	var all []vector
	for i := range 4 {
		all = append(all, compute(t, vector{
			Group: strings.Repeat(fmt.Sprintf("%02x", i+1), 32), Secret: strings.Repeat(fmt.Sprintf("%02x", 16*i+7), 32),
			Number: uint64(1 + i*i), Start: uint32(20_000 + i), Day: uint32(20_000 + i + 10*i),
			Nonce: strings.Repeat(fmt.Sprintf("%02x", 200+i), 24), Payload: hex.EncodeToString([]byte(strings.Repeat("hello", i))),
		}))
	}
	raw, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll("testdata", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(raw, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const today = 20_500

func start(t testing.TB, number uint64) Key {
	t.Helper()
	k, err := Start(event.ConversationID{1}, number, today)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func seal(t testing.TB, k Key, day uint32, text string) []byte {
	t.Helper()
	b, err := k.Seal(day, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A key is hashed forward and the days before are gone; a newcomer's key does
// not reach back.
func TestForward(t *testing.T) {
	t.Parallel()
	k := start(t, 1)
	old := seal(t, k, today, "monday")
	later := seal(t, k, today+5, "saturday")
	for _, day := range []uint32{today, today + 1} {
		if _, err := k.Open(day, old); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := k.Open(today, later); !errors.Is(err, ErrErased) {
		t.Errorf("a payload of next week was opened: %v", err)
	}
	if got, err := k.Open(today+5, later); err != nil || string(got) != "saturday" {
		t.Errorf("got %q, %v", got, err)
	}
	newcomer, err := k.From(today + 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newcomer.Open(today+1, old); !errors.Is(err, ErrErased) {
		t.Errorf("a newcomer opens what was sealed before: %v", err)
	}
	if got, err := newcomer.Open(today+5, later); err != nil || string(got) != "saturday" {
		t.Errorf("a newcomer: %q, %v", got, err)
	}
	if k.Advance(today+1) || !k.Advance(today+2) || k.Since() != today+1 {
		t.Errorf("kept since %d", k.Since())
	}
	if _, err := k.Open(today+2, old); !errors.Is(err, ErrErased) {
		t.Errorf("an erased day's payload was opened: %v", err)
	}
	if _, err := k.From(today); !errors.Is(err, ErrErased) {
		t.Errorf("an erased day's key was given away: %v", err)
	}
}

// After a rotation the old key opens nothing that is sealed under the new one,
// and a payload opens under no other group, epoch or day.
func TestSenderKey_RotateOnRemove(t *testing.T) {
	t.Parallel()
	before, after := start(t, 1), start(t, 2)
	sealed := seal(t, after, today, "without you")
	if _, err := before.Open(today, sealed); !errors.Is(err, ErrOpen) {
		t.Errorf("the old key: %v", err)
	}
	if before.Topic() == after.Topic() {
		t.Error("the topic did not change")
	}
	other := after
	other.group[0] ^= 1
	if _, err := other.Open(today, sealed); !errors.Is(err, ErrOpen) {
		t.Errorf("another group: %v", err)
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 4
		if _, err := after.Open(today, bad); err == nil {
			t.Fatalf("byte %d was changed and it opens", i)
		}
	}
	for n := range Overhead {
		if _, err := after.Open(today, sealed[:n]); err == nil {
			t.Fatalf("%d bytes open", n)
		}
	}
}

// Nobody can slip a member another key than the one that was announced.
func TestKeyOfAnotherIsRefused(t *testing.T) {
	t.Parallel()
	k := start(t, 3)
	w := k.Wire()
	if got, err := FromWire(event.ConversationID{1}, w); err != nil || got != k {
		t.Fatal(err)
	}
	w.Key[0] ^= 1
	if _, err := FromWire(event.ConversationID{1}, w); !errors.Is(err, ErrKey) {
		t.Errorf("another key: %v", err)
	}
	if _, err := FromWire(event.ConversationID{2}, k.Wire()); !errors.Is(err, ErrKey) {
		t.Errorf("another group: %v", err)
	}
	w = k.Wire()
	w.Topic[3]++
	if _, err := FromWire(event.ConversationID{1}, w); !errors.Is(err, ErrKey) {
		t.Errorf("another topic: %v", err)
	}
}

func TestRing(t *testing.T) {
	t.Parallel()
	now := time.Unix(today*24*60*60, 0)
	r := NewRing(event.ConversationID{1})
	a, b := start(t, 1), start(t, 2)
	if !r.Put(a) || r.Put(a) || !r.Put(b) {
		t.Error("put")
	}
	if r.Tidy(*a.Announce(), now) {
		t.Error("a key that is not announced yet was retired")
	}
	if !r.Tidy(*b.Announce(), now) {
		t.Error("the old epoch goes on")
	}
	again, err := ParseRing(event.ConversationID{1}, r.Bytes())
	if err != nil || !bytes.Equal(again.Bytes(), r.Bytes()) {
		t.Fatal(err)
	}
	if !again.Tidy(*b.Announce(), now.Add(Linger+time.Second)) {
		t.Error("nothing was erased")
	}
	if _, ok := again.Get(*a.Announce()); ok {
		t.Error("the key of an epoch that is over is kept")
	}
	if _, ok := again.Get(*b.Announce()); !ok {
		t.Error("the key in force is gone")
	}
	for range 2 * maxKeys {
		again.Put(start(t, 9))
	}
	if len(again.Keys()) != maxKeys {
		t.Errorf("%d keys", len(again.Keys()))
	}
}

// No verb prints a key.
func TestKeysAreNotPrinted(t *testing.T) {
	t.Parallel()
	k := start(t, 1)
	for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%d", "%s", "%q"} {
		for _, what := range []any{k, k.Wire(), *k.Wire()} {
			if s := fmt.Sprintf(verb, what); strings.Contains(s, hex.EncodeToString(k.key[:4])) || !strings.Contains(s, "key of epoch") {
				t.Errorf("%s prints %s", verb, s)
			}
		}
	}
}

func FuzzOpen(f *testing.F) {
	k := start(f, 1)
	f.Add(seal(f, k, today, "hello"))
	f.Add(seal(f, k, today+1, strings.Repeat("x", 4096)))
	f.Add([]byte{version})
	f.Fuzz(func(t *testing.T, raw []byte) {
		if got, err := k.Open(today, raw); err == nil && len(got) != len(raw)-Overhead {
			t.Fatal("a payload has another length than was sealed")
		}
		r, err := ParseRing(event.ConversationID{1}, raw)
		if err == nil && !bytes.Equal(r.Bytes(), raw) {
			t.Fatal("a ring reads as another")
		}
	})
}
