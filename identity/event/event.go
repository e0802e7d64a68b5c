package event

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event/pb"
)

// Version is the version of the header that this code writes. Parse takes
// later versions as long as they keep the fields of this one.
const Version = 1

// Errors of events from outside.
var (
	ErrEvent    = errors.New("not a valid event")
	ErrTooLarge = errors.New("the event is too large")
	ErrID       = errors.New("not a message ID")
)

// ID names an event: SHA-256 over a domain string and the header's bytes. The
// signature is no part of it, so it cannot be given a second ID.
type ID [32]byte

// idText is how an ID is written for people: lower-case base32, 52 characters.
var idText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// String returns the full text form.
func (id ID) String() string { return idText.EncodeToString(id[:]) }

// Short returns the first ten characters, enough for a person to name a
// message by.
func (id ID) Short() string { return id.String()[:10] }

// LogValue makes logs carry the short form only.
func (id ID) LogValue() slog.Value { return slog.StringValue(id.Short()) }

// IsZero reports whether id names nothing.
func (id ID) IsZero() bool { return id == ID{} }

func (id ID) optional() []byte {
	if id.IsZero() {
		return nil
	}
	return id[:]
}

// ParseID reads the full text form.
func ParseID(s string) (ID, error) {
	raw, err := idText.DecodeString(strings.ToLower(strings.TrimSpace(s)))
	if err != nil || len(raw) != len(ID{}) || idText.EncodeToString(raw) != strings.ToLower(strings.TrimSpace(s)) {
		return ID{}, ErrID
	}
	return ID(raw), nil
}

// Header is what a device says about an event and signs.
type Header struct {
	Conversation ConversationID
	Device       identity.DeviceID // set by Sign
	// Account is whom the device speaks for, set by Sign. It is signed: a
	// certificate binds the account alone, so that anybody can certify
	// anybody's device, and a carrier who put such a certificate in the place
	// of the right one would pass for the author.
	Account    identity.AccountID
	Sequence   uint64 // the device's nth event in this conversation, from 1
	Previous   ID     // the device's event before, zero for the first
	Time       Time
	Parents    []ID  // heads of the conversation that the author had seen, at most MaxParents
	Kind       Kind  // set by Sign
	Expiry     int64 // milliseconds since 1970 after which the body is erased, 0 for never
	BodyHash   [32]byte
	BodyLength uint32

	version uint32
}

// Event is an immutable, signed statement by a device.
type Event struct {
	header    Header
	rawHeader []byte
	signature []byte
	rawCert   []byte
	body      []byte // nil when erased
	cert      identity.Certificate
	id        ID
}

// Sign makes an event: it fills in the header's device, kind and body hash,
// checks every limit as Parse does, and signs.
func Sign(device *identity.Device, h Header, b Body) (*Event, error) {
	raw, err := b.encode()
	if err != nil {
		return nil, fmt.Errorf("encoding the body: %w", err)
	}
	if _, err := ParseBody(b.Kind(), raw); err != nil {
		return nil, err
	}
	h.Device, h.Account, h.Kind = device.ID(), device.Account(), b.Kind()
	h.BodyHash, h.BodyLength = sha256.Sum256(raw), uint32(len(raw))
	h.version = Version
	header, err := h.encode()
	if err != nil {
		return nil, err
	}
	e := &Event{
		header: h, rawHeader: header, body: raw,
		signature: device.Sign(identity.DomainEvent, header),
		rawCert:   device.Certificate().Bytes(), cert: device.Certificate(),
		id: identity.DomainEventID.Sum(header),
	}
	if e.body == nil {
		e.body = []byte{}
	}
	if err := h.check(); err != nil {
		return nil, err
	}
	if e.Size() > MaxEvent {
		return nil, ErrTooLarge
	}
	return e, nil
}

func (h *Header) encode() ([]byte, error) {
	m := &pb.Header{
		Version: h.version, Conversation: h.Conversation[:], Device: h.Device[:], Account: h.Account[:],
		Sequence: h.Sequence, Previous: h.Previous.optional(), Time: uint64(h.Time), Kind: uint32(h.Kind),
		ExpiryMs: h.Expiry, BodyHash: h.BodyHash[:], BodyLength: h.BodyLength,
	}
	for i := range h.Parents {
		m.Parents = append(m.Parents, h.Parents[i][:])
	}
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encoding the header: %w", err)
	}
	return raw, nil
}

// Parse reads an event and checks its structure, its bounds and that the body,
// if there is one, is the one that the header covers. It does not check
// signatures: Verify does. It keeps no reference to raw.
func Parse(raw []byte) (*Event, error) {
	if len(raw) > MaxEvent {
		return nil, ErrTooLarge
	}
	var m pb.Event
	if err := proto.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEvent, err)
	}
	if len(m.ProtoReflect().GetUnknown()) != 0 {
		return nil, fmt.Errorf("%w: it has fields that nobody signed", ErrEvent)
	}
	if n := len(m.GetHeader()); n == 0 || n > MaxHeader {
		return nil, fmt.Errorf("%w: the header has %d bytes", ErrEvent, n)
	}
	if len(m.GetSignature()) != 64 || len(m.GetCertificate()) > identity.MaxCertificate {
		return nil, fmt.Errorf("%w: the signature or the certificate has a wrong length", ErrEvent)
	}
	e := &Event{
		rawHeader: m.GetHeader(), signature: m.GetSignature(), rawCert: m.GetCertificate(), body: m.Body,
		id: identity.DomainEventID.Sum(m.GetHeader()),
	}
	if err := e.header.decode(m.GetHeader()); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEvent, err)
	}
	if e.body == nil && e.header.BodyLength == 0 {
		e.body = []byte{} // an empty body and none look the same on the wire
	}
	if e.body != nil {
		if uint32(len(e.body)) != e.header.BodyLength || sha256.Sum256(e.body) != e.header.BodyHash {
			return nil, fmt.Errorf("%w: the body is not the one that was signed", ErrEvent)
		}
	}
	return e, nil
}

func (h *Header) decode(raw []byte) error {
	var m pb.Header
	if err := proto.Unmarshal(raw, &m); err != nil {
		return err
	}
	if len(m.GetConversation()) != 32 || len(m.GetDevice()) != 32 || len(m.GetAccount()) != 32 || len(m.GetBodyHash()) != 32 {
		return errors.New("a field of the header has a wrong length")
	}
	if len(m.GetParents()) > MaxParents {
		return errors.New("the header names too many parents")
	}
	h.version = m.GetVersion()
	h.Conversation = ConversationID(m.GetConversation())
	h.Device, h.Account = identity.DeviceID(m.GetDevice()), identity.AccountID(m.GetAccount())
	h.Sequence, h.Time, h.Kind = m.GetSequence(), Time(m.GetTime()), Kind(m.GetKind())
	h.Expiry, h.BodyHash, h.BodyLength = m.GetExpiryMs(), [32]byte(m.GetBodyHash()), m.GetBodyLength()
	var err error
	if h.Previous, err = optionalID(m.GetPrevious()); err != nil {
		return errors.New("the previous event's ID has a wrong length")
	}
	for _, p := range m.GetParents() {
		id, err := requiredID(p)
		if err != nil {
			return errors.New("a parent's ID has a wrong length")
		}
		h.Parents = append(h.Parents, id)
	}
	return h.check()
}

// check holds the rules that Sign and Parse share.
func (h *Header) check() error {
	switch {
	case h.version < Version:
		return errors.New("the header has no version")
	case h.Conversation.IsZero():
		return errors.New("the header names no conversation")
	case h.Sequence == 0 || h.Sequence > math.MaxInt64:
		return errors.New("the sequence number is out of range")
	case (h.Sequence == 1) != h.Previous.IsZero():
		return errors.New("the sequence number and the previous event do not fit")
	case len(h.Parents) > MaxParents:
		return errors.New("the header names too many parents")
	case h.Kind == 0:
		return errors.New("the header names no kind")
	case h.Expiry < 0:
		return errors.New("the expiry is out of range")
	case h.BodyLength > MaxEvent:
		return errors.New("the body is too long")
	}
	for i, p := range h.Parents {
		for _, q := range h.Parents[:i] {
			if p == q {
				return errors.New("the header names a parent twice")
			}
		}
	}
	return nil
}

// Verify checks the certificate, the device's signature, and that the
// certificate is for the device and the account that the header names. Whether
// the device has been revoked, and whether its account may speak in this
// conversation, the caller decides. A nil cache is allowed.
func (e *Event) Verify(certs *CertificateCache) error {
	cert, err := e.certificate(certs)
	if err != nil {
		return err
	}
	if err := identity.DomainEvent.Verify(e.header.Device, e.rawHeader, e.signature); err != nil {
		return fmt.Errorf("%w: %w", ErrEvent, err)
	}
	e.cert = cert
	return nil
}

// Readmit is Verify for an event that this device verified before it stored
// it, and whose ID has been compared since: the certificate is read, so that
// Author is known, and the device's signature is not checked again.
func (e *Event) Readmit(certs *CertificateCache) error {
	cert, err := e.certificate(certs)
	if err == nil {
		e.cert = cert
	}
	return err
}

func (e *Event) certificate(certs *CertificateCache) (identity.Certificate, error) {
	cert, err := certs.parse(e.rawCert)
	switch {
	case err != nil:
		return cert, fmt.Errorf("%w: %w", ErrEvent, err)
	case cert.Device != e.header.Device:
		return cert, fmt.Errorf("%w: the certificate is for another device", ErrEvent)
	case cert.Account != e.header.Account:
		return cert, fmt.Errorf("%w: the certificate is another account's", ErrEvent)
	}
	return cert, nil
}

// ID returns the event's name.
func (e *Event) ID() ID { return e.id }

// Header returns a copy of what the device signed.
func (e *Event) Header() Header { return e.header }

// Author returns the account that the device speaks for. It is zero until
// Verify has succeeded.
func (e *Event) Author() identity.AccountID { return e.cert.Account }

// Certificate returns the verified certificate.
func (e *Event) Certificate() identity.Certificate { return e.cert }

// HasBody reports whether the body is present; it may have been erased.
func (e *Event) HasBody() bool { return e.body != nil }

// Body returns the content. It is nil, without an error, when the body was
// erased or its kind is unknown.
func (e *Event) Body() (Body, error) {
	if e.body == nil {
		return nil, nil
	}
	return ParseBody(e.header.Kind, e.body)
}

// Erased returns the same event without its body.
func (e *Event) Erased() *Event {
	c := *e
	c.body = nil
	return &c
}

// Size returns the length of Bytes without making them.
func (e *Event) Size() int { return proto.Size(e.wire()) }

// Bytes returns the event as it travels. The header's bytes are the ones that
// were signed.
func (e *Event) Bytes() []byte {
	raw, err := proto.Marshal(e.wire())
	if err != nil { // byte fields alone: cannot happen
		return nil
	}
	return raw
}

func (e *Event) wire() *pb.Event {
	return &pb.Event{Header: e.rawHeader, Signature: e.signature, Certificate: e.rawCert, Body: e.body}
}
