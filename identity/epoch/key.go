package epoch

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
)

const (
	// Grace is how many days a day's key is kept after its day, for payloads
	// that were on their way at midnight and for clocks that are slow.
	Grace = 1
	// Overhead is how many bytes a sealed payload has beside what is in it.
	Overhead = 1 + 4 + chacha20poly1305.NonceSizeX + chacha20poly1305.Overhead
	// Size is the length of an encoded Key.
	Size = 8 + 32 + 4 + 4 + topicSize + keySize

	version   = 1
	topicSize = 20
	keySize   = 32
	ahead     = 1        // days that another clock may be before ours
	maxDays   = 20 * 366 // days that one epoch can last
)

// Errors of this package.
var (
	ErrOpen   = errors.New("the payload does not open with the keys of this group")
	ErrErased = errors.New("the key of that day is erased, or the day has not come")
	ErrKey    = errors.New("not the key of this epoch")
)

// Key is the key of an epoch from a day on. The zero value is no key.
type Key struct {
	group      event.ConversationID
	number     uint64
	commitment [32]byte
	start, day uint32
	topic      [topicSize]byte
	key        [keySize]byte // of day; every later day's follows from it
}

// DayOf returns the day of an instant, in days since 1970, UTC.
func DayOf(t time.Time) uint32 { return uint32(max(t.Unix(), 0) / (24 * 60 * 60)) }

// Start begins an epoch on a day with a new secret.
func Start(group event.ConversationID, number uint64, day uint32) (Key, error) {
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // crypto/rand.Read never fails
	return derive(group, number, day, secret)
}

// derive turns the secret of an epoch into its topic and first key.
func derive(group event.ConversationID, number uint64, day uint32, secret [32]byte) (Key, error) {
	k := Key{group: group, number: number, start: day, day: day}
	topic, err := hkdf.Key(sha256.New, secret[:], group[:], k.info(identity.DomainEpochTopic), topicSize)
	if err != nil {
		return Key{}, fmt.Errorf("deriving the topic of an epoch: %w", err)
	}
	key, err := hkdf.Key(sha256.New, secret[:], group[:], k.info(identity.DomainEpochKey), keySize)
	if err != nil {
		return Key{}, fmt.Errorf("deriving the key of an epoch: %w", err)
	}
	copy(k.topic[:], topic)
	copy(k.key[:], key)
	k.commitment = k.commit()
	return k, nil
}

// info is the label of a derivation, with the number of the epoch.
func (k *Key) info(d identity.Domain) string {
	return string(binary.BigEndian.AppendUint64([]byte(d+"\x00"), k.number))
}

// commit returns what announces the key of the first day.
func (k *Key) commit() [32]byte {
	var n [12]byte
	binary.BigEndian.PutUint64(n[:], k.number)
	binary.BigEndian.PutUint32(n[8:], k.start)
	return identity.DomainEpochCommit.Sum(k.group[:], n[:], k.topic[:], k.key[:])
}

// Number returns which epoch of the group it is, from 1.
func (k *Key) Number() uint64 { return k.number }

// Commitment returns by what the epoch is announced in the group.
func (k *Key) Commitment() [32]byte { return k.commitment }

// Announce returns what a step of the group says about the epoch.
func (k *Key) Announce() *event.GroupEpoch {
	return &event.GroupEpoch{Number: k.number, Commitment: k.commitment}
}

// Topic returns the name of the epoch's topic, in hexadecimal.
func (k *Key) Topic() string { return hex.EncodeToString(k.topic[:]) }

// IsZero reports whether there is no key.
func (k *Key) IsZero() bool { return k.number == 0 }

// Since returns the first day whose payloads the key opens.
func (k *Key) Since() uint32 { return k.day }

// forward makes the key that of a later day; the days before are lost.
func (k *Key) forward(day uint32) error {
	if k.number == 0 || day < k.day || day-k.day > maxDays {
		return ErrErased
	}
	for k.day < day {
		next, err := hkdf.Expand(sha256.New, k.key[:], string(identity.DomainEpochNext), keySize)
		if err != nil {
			return fmt.Errorf("hashing a key forward: %w", err)
		}
		copy(k.key[:], next)
		k.day++
	}
	return nil
}

// Advance erases the keys of days that are over for longer than Grace. It
// reports whether anything changed.
func (k *Key) Advance(today uint32) bool {
	if today < Grace || today-Grace <= k.day {
		return false
	}
	return k.forward(today-Grace) == nil
}

// From returns the key from a day on, for a newcomer who is not to read what
// was sealed before. ErrErased if that day's key is not here any more.
func (k Key) From(day uint32) (Key, error) {
	err := k.forward(max(day, k.start))
	return k, err
}

// Seal seals a payload on a day.
func (k Key) Seal(today uint32, payload []byte) ([]byte, error) {
	if today < k.start {
		today = k.start // the epoch was started by a clock that is before ours
	}
	if err := k.forward(today); err != nil {
		return nil, err
	}
	head := make([]byte, 5+chacha20poly1305.NonceSizeX, len(payload)+Overhead)
	head[0] = version
	binary.BigEndian.PutUint32(head[1:], today)
	_, _ = rand.Read(head[5:]) // crypto/rand.Read never fails
	return k.sealWith(head, payload)
}

// sealWith appends the sealed payload to its head: version, day and nonce.
func (k *Key) sealWith(head, payload []byte) ([]byte, error) {
	day, err := k.dayKey()
	if err != nil {
		return nil, err
	}
	aead, err := chacha20poly1305.NewX(day)
	if err != nil {
		return nil, fmt.Errorf("sealing for a group: %w", err)
	}
	return aead.Seal(head, head[5:], payload, k.bound(head)), nil
}

// Open opens what Seal has sealed. ErrOpen or ErrErased; today bounds how far
// ahead a payload can be dated.
func (k Key) Open(today uint32, sealed []byte) ([]byte, error) {
	if k.number == 0 || len(sealed) < Overhead || sealed[0] != version {
		return nil, ErrOpen
	}
	day := binary.BigEndian.Uint32(sealed[1:])
	if day < k.day || day > max(today, k.start)+ahead {
		return nil, ErrErased
	}
	if err := k.forward(day); err != nil {
		return nil, err
	}
	key, err := k.dayKey()
	if err != nil {
		return nil, err
	}
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, fmt.Errorf("opening a payload of a group: %w", err)
	}
	head := sealed[:5+chacha20poly1305.NonceSizeX]
	payload, err := aead.Open(nil, head[5:], sealed[len(head):], k.bound(head))
	if err != nil {
		return nil, ErrOpen
	}
	return payload, nil
}

func (k *Key) dayKey() ([]byte, error) {
	return hkdf.Expand(sha256.New, k.key[:], string(identity.DomainEpochDay), keySize)
}

// bound is what a payload is bound to beside its content.
func (k *Key) bound(head []byte) []byte {
	b := append([]byte(identity.DomainEpochSeal), 0)
	b = append(b, k.group[:]...)
	b = append(b, k.topic[:]...)
	return append(b, head[:5]...)
}

// Wire returns the key as it travels to another member.
func (k Key) Wire() *event.EpochKey {
	return &event.EpochKey{
		Number: k.number, Commitment: k.commitment, Start: k.start, Day: k.day, Topic: k.topic, Key: k.key,
	}
}

// FromWire reads a key that another member has sent. A key of the epoch's
// first day must be the one that was announced; ErrKey. That of a later day
// cannot be checked, and is only as good as who sent it.
func FromWire(group event.ConversationID, w *event.EpochKey) (Key, error) {
	k := Key{
		group: group, number: w.Number, commitment: w.Commitment, start: w.Start, day: w.Day, topic: w.Topic, key: w.Key,
	}
	return k, k.check()
}

func (k *Key) check() error {
	if k.number == 0 || k.day < k.start || k.day-k.start > maxDays {
		return ErrKey
	}
	want := k.commit()
	if k.day == k.start && subtle.ConstantTimeCompare(want[:], k.commitment[:]) != 1 {
		return ErrKey
	}
	return nil
}

// AppendBinary appends the key as it rests; whoever stores it seals it.
func (k Key) AppendBinary(b []byte) ([]byte, error) {
	b = binary.BigEndian.AppendUint64(b, k.number)
	b = append(b, k.commitment[:]...)
	b = binary.BigEndian.AppendUint32(b, k.start)
	b = binary.BigEndian.AppendUint32(b, k.day)
	b = append(b, k.topic[:]...)
	return append(b, k.key[:]...), nil
}

// decodeKey reads what AppendBinary wrote.
func decodeKey(group event.ConversationID, b []byte) (Key, error) {
	if len(b) != Size {
		return Key{}, ErrKey
	}
	k := Key{
		group: group, number: binary.BigEndian.Uint64(b), commitment: [32]byte(b[8:40]),
		start: binary.BigEndian.Uint32(b[40:]), day: binary.BigEndian.Uint32(b[44:]),
		topic: [topicSize]byte(b[48 : 48+topicSize]), key: [keySize]byte(b[48+topicSize:]),
	}
	return k, k.check()
}

// String keeps the key out of formatted text.
func (k Key) String() string { return fmt.Sprintf("(key of epoch %d)", k.number) }

// LogValue keeps the key out of logs.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// Format writes String whatever the verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }
