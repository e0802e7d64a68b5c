package identity_test

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/pb"
)

func TestDeviceList(t *testing.T) {
	t.Parallel()
	l := deviceList(t, 1, 0, 2, 3)
	got, err := identity.ParseDeviceList(l.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if got.Account != accountKey(1).ID() || len(got.Devices) != 2 || got.Devices[1].Name != "laptop" || !got.Devices[0].Added.Equal(day()) {
		t.Fatalf("got %+v", got)
	}
	if !got.Contains(deviceID(t, 2)) || !got.Contains(deviceID(t, 3)) || got.Contains(deviceID(t, 4)) || got.Contains(identity.DeviceID{}) {
		t.Fatal("it contains the wrong devices")
	}
	dirty, err := identity.SignDeviceList(accountKey(1), 0, []identity.ListedDevice{{Device: deviceID(t, 2), Name: "a\u202eb\n", Added: day()}}, day())
	if err != nil || dirty.Devices[0].Name != "ab" {
		t.Fatalf("a name is not cleaned: %+v, %v", dirty, err)
	}
}

func TestDeviceListBounds(t *testing.T) {
	t.Parallel()
	var keys []byte
	for n := range byte(identity.MaxDevices) {
		keys = append(keys, n+1)
	}
	full := deviceList(t, 1, 0, keys...)
	long := strings.Repeat("é", identity.MaxNameGraphemes)
	var named []identity.ListedDevice
	for _, d := range full.Devices {
		named = append(named, identity.ListedDevice{Device: d.Device, Name: long, Added: d.Added})
	}
	if _, err := identity.SignDeviceList(accountKey(1), 0, named, day()); err != nil {
		t.Fatalf("a full list with long names: %v", err)
	}
	for what, devices := range map[string][]identity.ListedDevice{
		"no device":           nil,
		"seventeen":           append(full.Devices[:16:16], identity.ListedDevice{Device: deviceID(t, 99)}),
		"a device twice":      append(full.Devices[:3:3], full.Devices[0]),
		"a small-order key":   {{Device: identity.DeviceID{}}},
		"a key off the curve": {{Device: identity.DeviceID{2}}},
	} {
		if _, err := identity.SignDeviceList(accountKey(1), 0, devices, day()); !errors.Is(err, identity.ErrDeviceList) {
			t.Errorf("%s: %v", what, err)
		}
	}
	id, dev := accountKey(1).ID(), deviceID(t, 2)
	for what, body := range map[string]*pb.DeviceListBody{
		"version zero":     {Version: 0},
		"the last version": {Version: math.MaxUint64},
		"a negative time":  {Version: 1, IssuedMs: -1},
		"a time too far":   {Version: 1, IssuedMs: math.MaxInt64},
	} {
		body.Account, body.Devices = id[:], []*pb.ListedDevice{{Device: dev[:]}}
		payload, err := proto.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		raw := joined(payload, accountKey(1).Sign(identity.DomainDeviceList, payload))
		if _, err := identity.ParseDeviceList(raw); !errors.Is(err, identity.ErrDeviceList) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := identity.SignDeviceList(accountKey(1), math.MaxInt64, full.Devices, day()); !errors.Is(err, identity.ErrDeviceList) {
		t.Errorf("a list after the last: %v", err)
	}
	if _, err := identity.ParseDeviceList(make([]byte, identity.MaxDeviceList+1)); !errors.Is(err, identity.ErrDeviceList) {
		t.Errorf("too large: %v", err)
	}
}

func TestDeviceListVersions(t *testing.T) {
	t.Parallel()
	first := deviceList(t, 1, 0, 2)
	if first.Version != uint64(day().UnixMilli()) {
		t.Fatalf("the first version is %d, not the time", first.Version)
	}
	second := deviceList(t, 1, first.Version, 2, 3)
	if second.Version != first.Version+1 {
		t.Fatalf("a list of the same millisecond has version %d", second.Version)
	}
	if !second.Supersedes(first) || first.Supersedes(second) || first.Supersedes(first) {
		t.Fatal("the higher version does not win")
	}
	// After a restore the old lists are unknown: the time makes it newest.
	restored, err := identity.SignDeviceList(accountKey(1), 0, second.Devices[:1], day().Add(time.Second))
	if err != nil || !restored.Supersedes(second) {
		t.Fatalf("a restored account's list is not the newest: %v", err)
	}
	other := deviceList(t, 9, math.MaxInt32, 2)
	if newer, err := other.Newer(first); newer || !errors.Is(err, identity.ErrDeviceList) {
		t.Fatalf("another account's list: %v, %v", newer, err)
	}
	// Two lists with one version: an error, and one choice for everybody.
	a, b := deviceList(t, 1, 0, 2), deviceList(t, 1, 0, 3)
	aNewer, err := a.Newer(b)
	if !errors.Is(err, identity.ErrDeviceList) {
		t.Fatalf("two lists with one version: %v", err)
	}
	bNewer, err := b.Newer(a)
	if !errors.Is(err, identity.ErrDeviceList) || aNewer == bNewer {
		t.Fatalf("both or neither of two lists with one version wins: %v", err)
	}
	if newer, err := a.Newer(a); newer || err != nil {
		t.Fatalf("a list against itself: %v, %v", newer, err)
	}
}

// Entries that cost nothing to send must not cost much to read.
func TestBombs_DeviceList(t *testing.T) {
	t.Parallel()
	id := accountKey(1).ID()
	payload, err := proto.Marshal(&pb.DeviceListBody{Account: id[:], Version: 1})
	if err != nil {
		t.Fatal(err)
	}
	payload = append(payload, bytes.Repeat([]byte{0x22, 0}, (identity.MaxDeviceList-200)/2)...)
	raw := joined(payload, accountKey(1).Sign(identity.DomainDeviceList, payload))
	result := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := identity.ParseDeviceList(raw); err == nil {
				b.Fatal("thousands of empty devices were taken")
			}
		}
	})
	if got := result.AllocedBytesPerOp(); got > 2<<20 {
		t.Errorf("%d bytes of input cost %d bytes", len(raw), got)
	}
}

func FuzzParseDeviceList(f *testing.F) {
	l := deviceList(f, 1, 0, 2, 3).Bytes()
	f.Add(l)
	f.Add(device(f, 1, 2).Certificate().Bytes())
	f.Add(append(bytes.Clone(l), l...))
	f.Add([]byte{0x0a, 0, 0x12, 0})
	payload, _ := split(f, l)
	f.Add(payload)
	f.Fuzz(func(t *testing.T, raw []byte) {
		checkDeviceList(t, raw)
		checkDeviceList(t, joined(raw, accountKey(1).Sign(identity.DomainDeviceList, raw)))
	})
}

func checkDeviceList(t *testing.T, raw []byte) {
	l, err := identity.ParseDeviceList(raw)
	if err != nil {
		if !errors.Is(err, identity.ErrDeviceList) || len(l.Devices) != 0 {
			t.Fatalf("refused with %v", err)
		}
		return
	}
	if !bytes.Equal(l.Bytes(), raw) || l.Version == 0 || len(l.Devices) == 0 || len(l.Devices) > identity.MaxDevices {
		t.Fatalf("taken: %+v", l)
	}
	seen := map[identity.DeviceID]bool{}
	for _, d := range l.Devices {
		if seen[d.Device] || d.Name != identity.CleanName(d.Name) || !l.Contains(d.Device) {
			t.Fatalf("taken: %+v", d)
		}
		if _, err := d.Added.MarshalText(); err != nil {
			t.Fatal("a time cannot be written")
		}
		seen[d.Device] = true
	}
	payload, signature := split(t, raw)
	if err := identity.DomainDeviceList.Verify(l.Account, payload, signature); err != nil {
		t.Fatalf("taken without the account's signature: %v", err)
	}
}
