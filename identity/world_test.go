package identity_test

import (
	"crypto/ed25519"
	"testing"
	"time"

	"github.com/multiformats/go-multiaddr"

	"github.com/kith-chat/kith/identity"
)

// The people of these tests. Their keys follow from small numbers, so that
// fuzz seeds are the same in every run.

func day() time.Time { return time.UnixMilli(1_790_000_000_123).UTC() }

func accountKey(n byte) identity.AccountKey { return identity.NewAccountKey([32]byte{n, 7}) }

func deviceKey(n byte) ed25519.PrivateKey {
	seed := [32]byte{n, 9}
	return ed25519.NewKeyFromSeed(seed[:])
}

func deviceID(tb testing.TB, n byte) identity.DeviceID {
	tb.Helper()
	id, err := identity.ParseDeviceKey(deviceKey(n).Public().(ed25519.PublicKey))
	if err != nil {
		tb.Fatal(err)
	}
	return id
}

// device returns device key of account.
func device(tb testing.TB, account, key byte) *identity.Device {
	tb.Helper()
	cert, err := identity.Certify(accountKey(account), deviceID(tb, key), day())
	if err != nil {
		tb.Fatal(err)
	}
	d, err := identity.NewDevice(deviceKey(key), cert)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

func deviceList(tb testing.TB, account byte, before uint64, keys ...byte) identity.DeviceList {
	tb.Helper()
	var all []identity.ListedDevice
	for _, k := range keys {
		all = append(all, identity.ListedDevice{Device: deviceID(tb, k), Name: "laptop", Added: day()})
	}
	l, err := identity.SignDeviceList(accountKey(account), before, all, day())
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// invite returns an invite with four addresses, and its link.
func invite(tb testing.TB, d *identity.Device) (identity.Invite, string) {
	tb.Helper()
	i := identity.Invite{
		Certificate: d.Certificate(), Name: "Ann Example", Secret: identity.DiscoverySecret{1, 2, 3},
		Token: [identity.TokenSize]byte{4, 5, 6}, Expires: day().Add(24 * time.Hour),
	}
	for _, a := range []string{
		"/ip4/192.168.1.20/tcp/4001", "/ip4/192.168.1.20/udp/4001/quic-v1",
		"/ip4/198.18.0.7/tcp/4001", "/ip4/198.18.0.7/udp/4001/quic-v1",
	} {
		i.Addresses = append(i.Addresses, multiaddr.StringCast(a))
	}
	link, err := i.Sign(d)
	if err != nil {
		tb.Fatal(err)
	}
	return i, link
}
