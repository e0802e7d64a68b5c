package courier

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"runtime"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/courier/pb"
)

func certificate(t testing.TB) identity.Certificate {
	t.Helper()
	priv := ed25519.NewKeyFromSeed(make([]byte, 32))
	cert, err := identity.Certify(identity.NewAccountKey([32]byte{1}), identity.DeviceID(priv.Public().(ed25519.PublicKey)), time.UnixMilli(1))
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func encoded(t testing.TB, m *pb.Frame) []byte {
	t.Helper()
	raw, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestFramesAreTheSchema compares what is written by hand with what the schema
// says, both ways.
func TestFramesAreTheSchema(t *testing.T) {
	t.Parallel()
	rows := []Queued{{Bytes: []byte("one")}, {Bytes: bytes.Repeat([]byte("2"), 3000)}}
	ours := appendEvents(nil, rows)
	theirs := encoded(t, &pb.Frame{Kind: &pb.Frame_Events{Events: &pb.Events{Events: [][]byte{rows[0].Bytes, rows[1].Bytes}}}})
	if !bytes.Equal(ours, theirs) {
		t.Error("events differ from the schema")
	}
	f, err := decodeFrame(ours)
	if err != nil || len(f.events) != 2 || !bytes.Equal(f.events[1], rows[1].Bytes) {
		t.Errorf("events: %v, %v", f, err)
	}
	a := acks{through: 1 << 40, refused: []refusal{{3, ReasonInvalid}, {300, ReasonTooLarge}}}
	ours = appendAcks(nil, a)
	theirs = encoded(t, &pb.Frame{Kind: &pb.Frame_Acks{Acks: &pb.Acks{Through: 1 << 40, Refused: []*pb.Refusal{
		{Number: 3, Reason: pb.Reason_REASON_INVALID}, {Number: 300, Reason: pb.Reason_REASON_TOO_LARGE},
	}}}})
	if !bytes.Equal(ours, theirs) {
		t.Error("answers differ from the schema")
	}
	if f, err = decodeFrame(ours); err != nil || !reflect.DeepEqual(*f.acks, a) {
		t.Errorf("answers: %+v, %v", f.acks, err)
	}
	o := opening{certificate: certificate(t), deviceList: []byte("list"), windowEvents: 5, windowBytes: 6}
	raw, err := o.encode()
	if err != nil {
		t.Fatal(err)
	}
	if f, err = decodeFrame(raw); err != nil || !reflect.DeepEqual(*f.open, o) {
		t.Errorf("opening: %+v, %v", f.open, err)
	}
	if raw, err = goAwayStorage.encode(); err != nil {
		t.Fatal(err)
	}
	if f, err = decodeFrame(raw); err != nil || f.goAway != goAwayStorage {
		t.Errorf("go away: %+v, %v", f, err)
	}
}

// bombs are frames that would cost a careless reader much more than they cost
// their sender, and frames that are nothing.
func bombs(t testing.TB) map[string][]byte {
	t.Helper()
	events := func(n int, each []byte) []byte {
		list := make([][]byte, n)
		for i := range list {
			list[i] = each
		}
		return encoded(t, &pb.Frame{Kind: &pb.Frame_Events{Events: &pb.Events{Events: list}}})
	}
	one := events(1, []byte("x"))
	refusals := make([]*pb.Refusal, 40_000)
	for i := range refusals {
		refusals[i] = &pb.Refusal{}
	}
	announced := protowire.AppendVarint(protowire.AppendTag(nil, fieldEvents, protowire.BytesType), math.MaxInt64)
	cert := certificate(t).Bytes()
	return map[string][]byte{
		"nothing":                {},
		"half a million entries": events(500_000, nil),
		"one event too many":     events(MaxEvents+1, []byte("x")),
		"an empty event":         events(1, nil),
		"a huge event":           events(1, make([]byte, event.MaxEvent+1)),
		"no event":               encoded(t, &pb.Frame{Kind: &pb.Frame_Events{Events: &pb.Events{}}}),
		"two contents":           append(bytes.Clone(one), one...),
		"a length of 2^63":       announced,
		"a field of varint type": protowire.AppendVarint(protowire.AppendTag(nil, fieldEvents, protowire.VarintType), 7),
		"a group":                protowire.AppendTag(nil, fieldEvents, protowire.StartGroupType),
		"40,000 empty refusals":  encoded(t, &pb.Frame{Kind: &pb.Frame_Acks{Acks: &pb.Acks{Through: 1, Refused: refusals}}}),
		"a refusal of no reason": encoded(t, &pb.Frame{Kind: &pb.Frame_Acks{Acks: &pb.Acks{Through: 1, Refused: []*pb.Refusal{{Number: 1}}}}}),
		"no certificate":         encoded(t, &pb.Frame{Kind: &pb.Frame_Open{Open: &pb.Open{Version: 1}}}),
		"no version":             encoded(t, &pb.Frame{Kind: &pb.Frame_Open{Open: &pb.Open{Certificate: cert}}}),
		"a long device list":     encoded(t, &pb.Frame{Kind: &pb.Frame_Open{Open: &pb.Open{Version: 1, Certificate: cert, DeviceList: make([]byte, maxDeviceList+1)}}}),
		"a long opening":         encoded(t, &pb.Frame{Kind: &pb.Frame_Open{Open: &pb.Open{Version: 1, Certificate: cert, DeviceList: make([]byte, 1<<20)}}}),
		"an unknown content":     {0x7a, 1, 0},
	}
}

func TestBombs(t *testing.T) {
	t.Parallel()
	for name, raw := range bombs(t) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := decodeFrame(raw)
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
		// Other tests run beside this one: the bound is a generous one.
		if got := after.TotalAlloc - before.TotalAlloc; got > 64<<20 {
			t.Errorf("%s: %d bytes took %d bytes of memory", name, len(raw), got)
		}
	}
}

// TestBombsAllocateNothing measures what a count that is too high costs.
func TestBombsAllocateNothing(t *testing.T) {
	raw := bombs(t)["half a million entries"]
	if n := testing.AllocsPerRun(10, func() { _, _ = decodeFrame(raw) }); n > 20 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzFrames(f *testing.F) {
	o := opening{certificate: certificate(f), deviceList: []byte("list"), windowEvents: 5, windowBytes: 6}
	raw, err := o.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add(appendEvents(nil, []Queued{{Bytes: []byte("one")}, {Bytes: []byte("two")}}))
	f.Add(appendAcks(nil, acks{through: 300, refused: []refusal{{3, ReasonInvalid}}}))
	for _, b := range bombs(f) {
		if len(b) < 4096 {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		fr, err := decodeFrame(raw)
		if err != nil {
			return
		}
		sum := 0
		for _, e := range fr.events {
			sum += len(e)
		}
		if len(fr.events) > MaxEvents || sum > len(raw) {
			t.Fatalf("%d events of %d bytes out of %d", len(fr.events), sum, len(raw))
		}
		if fr.acks != nil {
			again, err := decodeFrame(appendAcks(nil, *fr.acks))
			if err != nil || !reflect.DeepEqual(again.acks, fr.acks) {
				t.Fatalf("answers do not survive: %+v %v", fr.acks, err)
			}
		}
		if fr.open != nil && (fr.open.windowBytes > friendBytes || fr.open.windowEvents > friendEvents) {
			t.Fatalf("window %+v", fr.open)
		}
	})
}

// FuzzAnswers lets a session match answers that another side makes up.
func FuzzAnswers(f *testing.F) {
	f.Add(appendAcks(nil, acks{through: 3, refused: []refusal{{2, ReasonInvalid}}}))
	f.Add(appendAcks(nil, acks{through: 11}))
	f.Add(appendAcks(nil, acks{through: 2, refused: []refusal{{2, ReasonInvalid}, {2, ReasonInvalid}}}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		fr, err := decodeFrame(raw)
		if err != nil || fr.acks == nil {
			return
		}
		x := &session{c: new(Courier)}
		for i := range 10 {
			x.took(Queued{ID: event.ID{byte(i)}, Bytes: []byte{1, 2}})
		}
		answers, err := x.match(fr.acks)
		if err != nil {
			return
		}
		if len(answers) != int(fr.acks.through) || x.flying() != 10-len(answers) || x.bytes != 2*x.flying() {
			t.Fatalf("%d answers for %+v, %d left", len(answers), fr.acks, x.flying())
		}
	})
}

func TestMemoSurvives(t *testing.T) {
	t.Parallel()
	m := memo{device: identity.DeviceID{1}, sequence: 1 << 50, time: 1 << 60, id: [8]byte{2}, owed: event.ContactEnd, told: secretMark{3}, said: [8]byte{4}}
	if got := parseMemo(m.bytes()); got != m || len(m.bytes()) > 128 {
		t.Errorf("got %+v", got)
	}
	for _, raw := range [][]byte{nil, {1}, make([]byte, memoSize), bytes.Repeat([]byte{2}, memoSize)} {
		if parseMemo(raw) != (memo{}) {
			t.Errorf("%x was understood", raw)
		}
	}
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	var b backoff
	now := time.Unix(0, 0)
	for range 200 {
		wait := b.next(now)
		if limit := max(quickRetry, now.Sub(b.since)/20); wait > limit || wait < firstRetry/2 || wait > slowRetry {
			t.Fatalf("after %v: %v", now.Sub(b.since), wait)
		}
		now = now.Add(wait)
	}
	if gone := now.Sub(b.since); gone < 10*time.Hour {
		t.Errorf("200 tries within %v", gone)
	}
	b.reset()
	if wait := b.next(now); wait > firstRetry {
		t.Errorf("after a success: %v", wait)
	}
}

func TestMeters(t *testing.T) {
	t.Parallel()
	m := meters[string]{rate: 1, burst: 3}
	now := time.Unix(100, 0)
	for i := range 5 {
		if got := m.take("a", now); got != (i < 3) {
			t.Errorf("take %d: %v", i, got)
		}
	}
	if !m.take("b", now) || m.take("a", now.Add(500*time.Millisecond)) || !m.take("a", now.Add(1100*time.Millisecond)) {
		t.Error("the keys are not apart, or time does not fill")
	}
	if wait := m.charge("c", 13, now); wait != 10*time.Second {
		t.Errorf("a debt of ten is worked off in %v", wait)
	}
	for i := range 3 * maxMeters {
		m.take(fmt.Sprint(binary.LittleEndian.AppendUint32(nil, uint32(i))), now)
	}
	if len(m.known) > maxMeters {
		t.Errorf("%d keys are kept", len(m.known))
	}
}
