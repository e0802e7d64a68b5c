package vault

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/kith-chat/kith/identity"
)

// Secrets is what a vault holds. It never prints itself.
type Secrets struct {
	Name       string
	Entropy    [32]byte // of the recovery phrase
	DeviceSeed [32]byte
	StoreKey   [32]byte
	Discovery  identity.DiscoverySecret
	Devices    identity.DeviceList
	Cert       identity.Certificate
	Created    time.Time
}

// String keeps the secrets out of formatted text.
func (s *Secrets) String() string { return "(secrets)" }

// GoString keeps the secrets out of %#v.
func (s *Secrets) GoString() string { return s.String() }

// NewAccount makes the secrets of a new account with its first device.
func NewAccount(name string, now time.Time) (*Secrets, error) {
	return Restore(identity.NewPhrase(), name, now)
}

// Restore makes the secrets of a new device for the account of a phrase. Its
// device list names this device alone, and is newer than any before.
func Restore(phrase identity.Phrase, name string, now time.Time) (*Secrets, error) {
	s := &Secrets{Name: identity.CleanName(name), Entropy: phrase.Entropy(), Created: now.UTC().Truncate(time.Millisecond)}
	if s.Name == "" {
		return nil, errors.New("a name is needed, with at least one visible character")
	}
	_, _ = rand.Read(s.DeviceSeed[:]) // crypto/rand.Read never fails
	_, _ = rand.Read(s.StoreKey[:])
	account, err := phrase.AccountKey()
	if err != nil {
		return nil, err
	}
	if s.Discovery, err = phrase.DiscoverySecret(); err != nil {
		return nil, err
	}
	device := identity.DeviceID(s.deviceKey().Public().(ed25519.PublicKey))
	if s.Cert, err = identity.Certify(account, device, now); err != nil {
		return nil, err
	}
	s.Devices, err = identity.SignDeviceList(account, 0, []identity.ListedDevice{{Device: device, Name: s.Name, Added: now}}, now)
	return s, err
}

func (s *Secrets) deviceKey() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(s.DeviceSeed[:]) }

// Device returns the device that signs.
func (s *Secrets) Device() (*identity.Device, error) {
	return identity.NewDevice(s.deviceKey(), s.Cert)
}

// Phrase returns the recovery phrase.
func (s *Secrets) Phrase() identity.Phrase { return identity.PhraseOf(s.Entropy) }

// contentVersion is the version of the vault's content.
const contentVersion = 1

// content is how the secrets stand in the file.
type content struct {
	Version    int       `json:"version"`
	Name       string    `json:"name"`
	Created    time.Time `json:"created"`
	Account    string    `json:"account"`
	Entropy    []byte    `json:"phrase_entropy"`
	DeviceSeed []byte    `json:"device_seed"`
	StoreKey   []byte    `json:"store_key"`
	Discovery  []byte    `json:"discovery_secret"`
	Cert       []byte    `json:"certificate"`
	Devices    []byte    `json:"device_list"`
}

func (s *Secrets) encode() ([]byte, error) {
	raw, err := json.MarshalIndent(content{
		Version: contentVersion, Name: s.Name, Created: s.Created, Account: s.Cert.Account.String(),
		Entropy: s.Entropy[:], DeviceSeed: s.DeviceSeed[:], StoreKey: s.StoreKey[:], Discovery: s.Discovery[:],
		Cert: s.Cert.Bytes(), Devices: s.Devices.Bytes(),
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding the vault: %w", err)
	}
	return append(raw, '\n'), nil
}

// decode reads the content and checks that its parts belong together.
func decode(raw []byte) (*Secrets, error) {
	var c content
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if c.Version > contentVersion {
		return nil, fmt.Errorf("%w: it was written by a newer version of kith", ErrDamaged)
	}
	s := &Secrets{Name: identity.CleanName(c.Name), Created: c.Created}
	for _, f := range []struct {
		to   []byte
		from []byte
	}{{s.Entropy[:], c.Entropy}, {s.DeviceSeed[:], c.DeviceSeed}, {s.StoreKey[:], c.StoreKey}, {s.Discovery[:], c.Discovery}} {
		if len(f.from) != len(f.to) {
			return nil, fmt.Errorf("%w: a key has a wrong length", ErrDamaged)
		}
		copy(f.to, f.from)
	}
	var err error
	if s.Cert, err = identity.ParseCertificate(c.Cert); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if s.Devices, err = identity.ParseDeviceList(c.Devices); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if _, err := s.Device(); err != nil || s.Devices.Account != s.Cert.Account || s.Name == "" {
		return nil, fmt.Errorf("%w: its parts do not belong together", ErrDamaged)
	}
	return s, nil
}
