package identity_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"math/big"
	"testing"

	"filippo.io/edwards25519"
	lcrypto "github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/identity"
)

// smallOrder are all encodings of the eight points of small order, canonical or
// not: for each of them anybody can make signatures.
func smallOrder(t *testing.T) [][]byte {
	t.Helper()
	var out [][]byte
	for _, s := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000080",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000080",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	} {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		p, err := new(edwards25519.Point).SetBytes(b)
		if err != nil || new(edwards25519.Point).MultByCofactor(p).Equal(edwards25519.NewIdentityPoint()) != 1 {
			t.Fatalf("%s is not of small order: %v", s, err)
		}
		out = append(out, b)
	}
	return out
}

// schnorr makes Ed25519 signatures by the book, so that it can make the odd
// ones too. Its messages are what kith signs: domain, zero byte, payload.
type schnorr struct {
	secret *edwards25519.Scalar
	public *edwards25519.Point
}

const oddDomain = identity.DomainEvent

func scalar(t *testing.T, wide []byte) *edwards25519.Scalar {
	t.Helper()
	s, err := new(edwards25519.Scalar).SetUniformBytes(wide)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newSchnorr(t *testing.T) schnorr {
	wide := make([]byte, 64)
	_, _ = rand.Read(wide)
	s := scalar(t, wide)
	return schnorr{s, new(edwards25519.Point).ScalarBaseMult(s)}
}

func (s schnorr) challenge(t *testing.T, r, a, payload []byte) *edwards25519.Scalar {
	h := sha512.New()
	h.Write(r)
	h.Write(a)
	h.Write([]byte(oddDomain + "\x00"))
	h.Write(payload)
	return scalar(t, h.Sum(nil))
}

// sign signs for the public key a with the nonce point r, whose discrete
// logarithm is nonce but for a part of small order.
func (s schnorr) sign(t *testing.T, a, r []byte, nonce *edwards25519.Scalar, payload []byte) []byte {
	k := s.challenge(t, r, a, payload)
	return append(bytes.Clone(r), new(edwards25519.Scalar).MultiplyAdd(k, s.secret, nonce).Bytes()...)
}

// Every kith must give one verdict on every signature, or groups split. The
// rule is crypto/ed25519's, cofactorless, and keys of small order or with a
// second encoding are refused. The cases are those of Chalkias, Garillot and
// Nikolaenko, "Taming the many EdDSAs" (2020), made anew for kith's messages.
func TestEd25519_Vectors(t *testing.T) {
	t.Parallel()
	s := newSchnorr(t)
	payload := []byte("payload")
	key := [32]byte(s.public.Bytes())
	wide := sha512.Sum512([]byte("nonce"))
	nonce := scalar(t, wide[:])
	r := new(edwards25519.Point).ScalarBaseMult(nonce)
	good := s.sign(t, key[:], r.Bytes(), nonce, payload)
	verify := func(key [32]byte, signature []byte) error { return oddDomain.Verify(key, payload, signature) }
	if err := verify(key, good); err != nil {
		t.Fatalf("a signature by the book: %v", err)
	}

	t.Run("S + n L", func(t *testing.T) {
		t.Parallel()
		order, ok := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
		if !ok {
			t.Fatal("L")
		}
		for n := int64(1); n <= 15; n++ {
			value := new(big.Int).SetBytes(reversed(good[32:]))
			value.Add(value, new(big.Int).Mul(order, big.NewInt(n)))
			if value.BitLen() > 256 {
				break
			}
			bad := append(bytes.Clone(good[:32]), reversed(value.FillBytes(make([]byte, 32)))...)
			if err := verify(key, bad); !errors.Is(err, identity.ErrSignature) {
				t.Errorf("S + %d L: %v", n, err)
			}
		}
	})
	t.Run("small-order R", func(t *testing.T) {
		t.Parallel()
		zero := edwards25519.NewScalar()
		for _, r := range smallOrder(t) {
			p, err := new(edwards25519.Point).SetBytes(r)
			if err != nil {
				t.Fatal(err)
			}
			// Only the neutral element in its one encoding satisfies the
			// cofactorless equation: the signer gave away the key, and
			// nobody else could have made it.
			plain := p.Equal(edwards25519.NewIdentityPoint()) == 1 && bytes.Equal(p.Bytes(), r)
			if err := verify(key, s.sign(t, key[:], r, zero, payload)); (err == nil) != plain {
				t.Errorf("R = %x: %v", r, err)
			}
		}
	})
	t.Run("mixed-order R", func(t *testing.T) {
		t.Parallel()
		for _, small := range smallOrder(t) {
			p, err := new(edwards25519.Point).SetBytes(small)
			if err != nil {
				t.Fatal(err)
			}
			neutral := p.Equal(edwards25519.NewIdentityPoint()) == 1
			mixed := new(edwards25519.Point).Add(r, p)
			if err := verify(key, s.sign(t, key[:], mixed.Bytes(), nonce, payload)); (err == nil) != neutral {
				t.Errorf("R + %x: %v", small, err)
			}
		}
	})
	t.Run("mixed-order A", func(t *testing.T) { t.Parallel(); mixedKeys(t, s, nonce) })
	t.Run("small-order A", func(t *testing.T) {
		t.Parallel()
		for _, a := range smallOrder(t) {
			refusesKey(t, a)
			for _, r := range smallOrder(t) {
				forged := append(bytes.Clone(r), make([]byte, 32)...)
				for n := range byte(32) { // R = -k A for one payload in eight
					if err := oddDomain.Verify([32]byte(a), []byte{n}, forged); !errors.Is(err, identity.ErrSignature) {
						t.Fatalf("A = %x, R = %x: a signature that anybody can make was taken", a, r)
					}
				}
			}
		}
	})
	t.Run("lengths", func(t *testing.T) {
		t.Parallel()
		for _, bad := range [][]byte{nil, {}, good[:63], append(bytes.Clone(good), 0), make([]byte, 64)} {
			if err := verify(key, bad); !errors.Is(err, identity.ErrSignature) {
				t.Errorf("a signature of %d bytes: %v", len(bad), err)
			}
		}
	})
}

// mixedKeys: a key with a part of small order is a key like another, and its
// signatures hold by the cofactorless equation: when the challenge happens to
// take that part away.
func mixedKeys(t *testing.T, s schnorr, nonce *edwards25519.Scalar) {
	small, err := new(edwards25519.Point).SetBytes(smallOrder(t)[8]) // of order 8
	if err != nil {
		t.Fatal(err)
	}
	a := new(edwards25519.Point).Add(s.public, small).Bytes()
	if _, err := identity.ParseDeviceKey(a); err != nil {
		t.Fatal(err)
	}
	r := new(edwards25519.Point).ScalarBaseMult(nonce).Bytes()
	taken := 0
	for n := range byte(64) {
		payload := []byte{n}
		k := s.challenge(t, r, a, payload)
		whole := k.Bytes()[0]%8 == 0
		if err := oddDomain.Verify([32]byte(a), payload, s.sign(t, a, r, nonce, payload)); (err == nil) != whole {
			t.Fatalf("challenge %d modulo 8: %v", k.Bytes()[0]%8, err)
		}
		if whole {
			taken++
		}
	}
	if taken == 0 {
		t.Error("no challenge was a multiple of eight")
	}
}

func refusesKey(t *testing.T, b []byte) {
	t.Helper()
	if _, err := identity.ParseDeviceKey(b); !errors.Is(err, identity.ErrKey) {
		t.Errorf("%x as a device: %v", b, err)
	}
	if _, err := identity.AccountFromBytes(b); !errors.Is(err, identity.ErrKey) || !errors.Is(err, identity.ErrAccountID) {
		t.Errorf("%x as an account: %v", b, err)
	}
}

func TestKeysHaveOneEncoding(t *testing.T) {
	t.Parallel()
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	decodable := 0
	for n := range int64(19) { // every y from p to 2^255-1 is a second name of y-p
		for _, sign := range []byte{0, 0x80} {
			b := reversed(new(big.Int).Add(p, big.NewInt(n)).FillBytes(make([]byte, 32)))
			b[31] |= sign
			if _, err := new(edwards25519.Point).SetBytes(b); err == nil {
				decodable++
			}
			refusesKey(t, b)
		}
	}
	if decodable < 10 {
		t.Errorf("only %d of the second encodings are points: the test tests nothing", decodable)
	}
	for _, b := range [][]byte{nil, make([]byte, 31), make([]byte, 33), bytes.Repeat([]byte{2}, 32)[:32:32], {31: 0x12, 0: 2}} {
		if len(b) == 32 {
			if _, err := new(edwards25519.Point).SetBytes(b); err == nil {
				continue
			}
		}
		refusesKey(t, b)
	}
}

func TestDeviceIsItsPeer(t *testing.T) {
	t.Parallel()
	d := device(t, 1, 2)
	host, err := d.HostKey()
	if err != nil {
		t.Fatal(err)
	}
	p, err := peer.IDFromPrivateKey(host)
	if err != nil {
		t.Fatal(err)
	}
	if d.ID().Peer() != p || d.ID().String() != p.String() {
		t.Fatalf("%s is not %s", d.ID(), p)
	}
	if back, err := identity.DeviceOf(p); err != nil || back != d.ID() {
		t.Fatalf("%v, %v", back, err)
	}
	if (identity.DeviceID{}).Peer() != "" {
		t.Error("nobody has a peer ID")
	}
	rsa, _, err := lcrypto.GenerateRSAKeyPair(2048, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := peer.IDFromPrivateKey(rsa)
	if err != nil {
		t.Fatal(err)
	}
	small, err := lcrypto.UnmarshalEd25519PublicKey(smallOrder(t)[0])
	if err != nil {
		t.Fatal(err)
	}
	weak, err := peer.IDFromPublicKey(small)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []peer.ID{other, weak, "", "rubbish"} {
		if _, err := identity.DeviceOf(p); !errors.Is(err, identity.ErrKey) {
			t.Errorf("%q: %v", p, err)
		}
	}
	if _, err := identity.NewDevice(ed25519.PrivateKey{1}, d.Certificate()); err == nil {
		t.Error("a key of one byte was taken")
	}
}

func reversed(b []byte) []byte {
	out := make([]byte, len(b))
	for i := range b {
		out[len(b)-1-i] = b[i]
	}
	return out
}
