package seal

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/kith-chat/kith/identity"
)

// ErrOpen says that sealed bytes do not open: they were altered, moved to
// another name, or sealed with another key.
var ErrOpen = errors.New("the secret does not open: it was altered or belongs elsewhere")

// Box seals secrets at rest with XChaCha20-Poly1305 and a random nonce. It is
// safe for concurrent use.
type Box struct{ aead cipher.AEAD }

// NewBox returns the box of a store; the key is derived from the store's key,
// which is never used for it directly.
func NewBox(storeKey [32]byte) (*Box, error) {
	k, err := hkdf.Key(sha256.New, storeKey[:], nil, string(identity.DomainSecretAtRest), chacha20poly1305.KeySize)
	if err != nil {
		return nil, fmt.Errorf("deriving the key of secrets: %w", err)
	}
	aead, err := chacha20poly1305.NewX(k)
	if err != nil {
		return nil, fmt.Errorf("deriving the key of secrets: %w", err)
	}
	return &Box{aead}, nil
}

// Seal seals secret under the name that it is stored under.
func (b *Box) Seal(name, secret []byte) []byte {
	nonce := make([]byte, chacha20poly1305.NonceSizeX, chacha20poly1305.NonceSizeX+len(secret)+b.aead.Overhead())
	_, _ = rand.Read(nonce) // crypto/rand.Read never fails
	return b.aead.Seal(nonce, nonce, secret, name)
}

// Open returns the secret that was sealed under the name, or ErrOpen.
func (b *Box) Open(name, sealed []byte) ([]byte, error) {
	if len(sealed) < chacha20poly1305.NonceSizeX {
		return nil, ErrOpen
	}
	nonce, box := sealed[:chacha20poly1305.NonceSizeX], sealed[chacha20poly1305.NonceSizeX:]
	secret, err := b.aead.Open(nil, nonce, box, name)
	if err != nil {
		return nil, ErrOpen
	}
	return secret, nil
}
