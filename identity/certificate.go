package identity

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kith-chat/kith/identity/pb"
)

// MaxCertificate is the most bytes that an encoded certificate may have.
const MaxCertificate = 512

// ErrCertificate says that bytes are not a certificate that holds.
var ErrCertificate = errors.New("not a valid device certificate")

// Certificate is the account's signed statement that a device speaks for it.
// Whether the device has been revoked since is said by the DeviceList.
type Certificate struct {
	Account AccountID
	Device  DeviceID
	Issued  time.Time // in whole milliseconds

	raw []byte // the exact bytes that travel: payload and signature
}

// Certify makes the certificate of a device.
func Certify(account AccountKey, device DeviceID, issued time.Time) (Certificate, error) {
	id := account.ID()
	payload, err := proto.Marshal(&pb.CertificateBody{
		Account: id[:], Device: device[:], IssuedMs: millis(issued),
	})
	if err != nil {
		return Certificate{}, fmt.Errorf("encoding the certificate: %w", err)
	}
	raw, err := sealSigned(payload, account.Sign(DomainCertificate, payload))
	if err != nil {
		return Certificate{}, fmt.Errorf("encoding the certificate: %w", err)
	}
	return ParseCertificate(raw)
}

// ParseCertificate reads a certificate and verifies the account's signature.
func ParseCertificate(raw []byte) (Certificate, error) {
	if len(raw) == 0 || len(raw) > MaxCertificate {
		return Certificate{}, fmt.Errorf("%w: it has %d bytes", ErrCertificate, len(raw))
	}
	payload, signature, err := openSigned(raw)
	if err != nil {
		return Certificate{}, fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	var body pb.CertificateBody
	if err := proto.Unmarshal(payload, &body); err != nil {
		return Certificate{}, fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	account, err := AccountFromBytes(body.GetAccount())
	if err != nil {
		return Certificate{}, fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	device, err := ParseDeviceKey(body.GetDevice())
	if err != nil {
		return Certificate{}, fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	if err := DomainCertificate.Verify(account, payload, signature); err != nil {
		return Certificate{}, fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	issued, err := instant(body.GetIssuedMs())
	if err != nil {
		return Certificate{}, fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	return Certificate{Account: account, Device: device, Issued: issued, raw: bytes.Clone(raw)}, nil
}

// Bytes returns the encoded certificate; the caller must not change it.
func (c Certificate) Bytes() []byte { return c.raw }
