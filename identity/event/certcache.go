package event

import (
	"crypto/sha256"
	"sync"

	"github.com/kith-chat/kith/identity"
)

// certificateCacheSize bounds a CertificateCache: 4,096 devices, about 2 MiB.
const certificateCacheSize = 4096

// CertificateCache remembers certificates that have been verified, so that a
// burst of one device's events costs one signature check each and not two.
// The zero value is ready; it is safe for concurrent use.
type CertificateCache struct {
	mu    sync.Mutex
	known map[[32]byte]identity.Certificate
}

func (c *CertificateCache) parse(raw []byte) (identity.Certificate, error) {
	if c == nil {
		return identity.ParseCertificate(raw)
	}
	key := sha256.Sum256(raw)
	c.mu.Lock()
	cert, ok := c.known[key]
	c.mu.Unlock()
	if ok {
		return cert, nil
	}
	cert, err := identity.ParseCertificate(raw)
	if err != nil {
		return cert, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= certificateCacheSize {
		c.known = make(map[[32]byte]identity.Certificate)
	}
	c.known[key] = cert
	return cert, nil
}
