package identity

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"filippo.io/edwards25519"
	lcrypto "github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
)

// ErrKey says that 32 bytes are not an Ed25519 public key that kith accepts:
// not a canonical point of the curve, or one of small order, for which
// anybody can make signatures.
var ErrKey = errors.New("not a usable Ed25519 public key")

// DeviceID names one device: the Ed25519 public key of its libp2p host. Its
// text form is the libp2p peer ID.
type DeviceID [32]byte

// ParseDeviceKey checks that b is a usable Ed25519 public key.
func ParseDeviceKey(b []byte) (DeviceID, error) {
	var d DeviceID
	if err := checkKey(b); err != nil {
		return d, err
	}
	copy(d[:], b)
	return d, nil
}

// DeviceOf returns the device that a libp2p peer ID names. Only peers with an
// Ed25519 key embedded in their ID are devices; others give ErrKey.
func DeviceOf(p peer.ID) (DeviceID, error) {
	pub, err := p.ExtractPublicKey()
	if err != nil || pub.Type() != lcrypto.Ed25519 {
		return DeviceID{}, ErrKey
	}
	raw, err := pub.Raw()
	if err != nil {
		return DeviceID{}, ErrKey
	}
	return ParseDeviceKey(raw)
}

// Peer returns the libp2p peer ID of the device; empty for the zero DeviceID.
func (d DeviceID) Peer() peer.ID {
	if d.IsZero() {
		return ""
	}
	pub, err := lcrypto.UnmarshalEd25519PublicKey(d[:])
	if err != nil {
		return ""
	}
	id, err := peer.IDFromPublicKey(pub)
	if err != nil {
		return ""
	}
	return id
}

// IsZero reports whether d names no device.
func (d DeviceID) IsZero() bool { return d == DeviceID{} }

// String returns the peer ID in its usual text form (12D3Koo…).
func (d DeviceID) String() string { return d.Peer().String() }

// Short returns the last eight characters of the text form, for logs.
func (d DeviceID) Short() string {
	s := d.String()
	if len(s) > 8 {
		return "…" + s[len(s)-8:]
	}
	return s
}

// LogValue makes logs carry the short form only.
func (d DeviceID) LogValue() slog.Value { return slog.StringValue(d.Short()) }

// Device is a device with its private key and the certificate by which it
// speaks for an account: what a node signs with.
type Device struct {
	key  ed25519.PrivateKey
	cert Certificate
}

// NewDevice joins a device's private key with its certificate. It fails when
// the certificate is for another key.
func NewDevice(key ed25519.PrivateKey, cert Certificate) (*Device, error) {
	if len(key) != ed25519.PrivateKeySize {
		return nil, ErrKey
	}
	if DeviceID(key.Public().(ed25519.PublicKey)) != cert.Device {
		return nil, errors.New("the certificate is for another device")
	}
	return &Device{key: key, cert: cert}, nil
}

// ID returns the device's name.
func (d *Device) ID() DeviceID { return d.cert.Device }

// Account returns the account that the device speaks for.
func (d *Device) Account() AccountID { return d.cert.Account }

// Certificate returns the account's statement about the device.
func (d *Device) Certificate() Certificate { return d.cert }

// Sign signs payload under the domain with the device key.
func (d *Device) Sign(domain Domain, payload []byte) []byte { return domain.Sign(d.key, payload) }

// HostKey returns the private key in libp2p's form, for the host only.
func (d *Device) HostKey() (lcrypto.PrivKey, error) { return lcrypto.UnmarshalEd25519PrivateKey(d.key) }

// LogValue keeps the private key out of logs.
func (d *Device) LogValue() slog.Value { return d.cert.Device.LogValue() }

// String keeps the private key out of formatted text.
func (d *Device) String() string { return d.cert.Device.String() }

// Format writes String whatever the verb.
func (d *Device) Format(f fmt.State, _ rune) { redact(f, d.String()) }

// checkKey accepts canonical encodings of points that are not of small order.
func checkKey(b []byte) error {
	if len(b) != ed25519.PublicKeySize || smallOrder([32]byte(b)) {
		return ErrKey
	}
	p, err := new(edwards25519.Point).SetBytes(b)
	if err != nil || [32]byte(p.Bytes()) != [32]byte(b) {
		return ErrKey
	}
	return nil
}

// smallOrderKeys are the encodings of the eight points of small order,
// canonical or not, as listed in Wycheproof and in RFC 8032's errata.
var smallOrderKeys = sync.OnceValue(func() map[[32]byte]bool {
	m := map[[32]byte]bool{}
	for _, s := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	} {
		b, err := hex.DecodeString(s)
		if err != nil {
			continue
		}
		m[[32]byte(b)] = true
		b[31] |= 0x80
		m[[32]byte(b)] = true
	}
	return m
})

func smallOrder(k [32]byte) bool { return smallOrderKeys()[k] }
