package hello

import (
	"crypto/ed25519"
	"net/netip"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/node/hello/pb"
)

func FuzzParse(f *testing.F) {
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	id, err := identity.ParseDeviceKey(key.Public().(ed25519.PublicKey))
	if err != nil {
		f.Fatal(err)
	}
	cert, err := identity.Certify(identity.NewAccountKey([32]byte{1}), id, time.UnixMilli(1_700_000_000_000))
	if err != nil {
		f.Fatal(err)
	}
	for _, m := range []*pb.Hello{
		{},
		{Version: 1, Proof: make([]byte, 32)},
		{Version: 1, Certificate: cert.Bytes(), Name: "Ann\u200b", DeviceList: make([]byte, 100), Capabilities: []string{"a", "b"}},
		{Version: 1, Certificate: cert.Bytes(), Name: "\x1b[0m", DeviceList: make([]byte, identity.MaxDeviceList+1)},
	} {
		raw, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var m pb.Hello
		if len(raw) > maxFrame || proto.Unmarshal(raw, &m) != nil {
			return
		}
		p, err := parse(id.Peer(), &m, false, time.Now())
		if err != nil {
			return
		}
		if p.Certificate.Device != id || p.Account().IsZero() || p.Name != identity.CleanName(p.Name) ||
			len(p.DeviceList) > identity.MaxDeviceList || len(p.Capabilities) > maxCapabilities {
			t.Fatalf("%+v", p)
		}
	})
}

func TestLocalAddresses(t *testing.T) {
	t.Parallel()
	own := func() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("2a02:1:2:3::/64")} }
	for addr, want := range map[string]bool{
		"127.0.0.1": true, "::1": true, "192.168.3.4": true, "10.1.1.1": true, "172.16.0.9": true,
		"169.254.1.1": true, "fe80::1": true, "fd00::1": true, "2a02:1:2:3:ffff::9": true,
		"2a02:1:2:4::9": false, "8.8.8.8": false, "100.64.0.1": false, "172.32.0.1": false,
	} {
		if got := local(netip.MustParseAddr(addr), own); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
}
