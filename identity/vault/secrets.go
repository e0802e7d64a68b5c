package vault

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
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
func (s Secrets) String() string { return "(secrets)" }

// Format writes String whatever the verb.
func (s Secrets) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue keeps the secrets out of logs.
func (s Secrets) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText refuses: only the vault writes secrets.
func (s Secrets) MarshalText() ([]byte, error) {
	return nil, errors.New("the secrets of a vault are not written as text")
}

// clone shares nothing that could be changed.
func (s *Secrets) clone() Secrets {
	c := *s
	c.Devices.Devices = slices.Clone(s.Devices.Devices)
	return c
}

// NewAccount makes the secrets of a new account with its first device.
func NewAccount(name string, now time.Time) (*Secrets, error) {
	return Restore(identity.NewPhrase(), name, now)
}

// Restore makes the secrets of a new device for the account of a phrase. Its
// device list names this device alone, and revokes those before, which may be
// lost or stolen. The old list is not known here, so that the new one's version
// is the time: it supersedes every list that was made before now by a clock
// that was not ahead of this one.
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

// Account returns the account's key, which signs certificates and device
// lists.
func (s *Secrets) Account() (identity.AccountKey, error) { return s.Phrase().AccountKey() }

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
		return nil, fmt.Errorf("%w: its content is not what kith writes", ErrDamaged) // the cause could quote a key
	}
	switch {
	case c.Version > contentVersion:
		return nil, fmt.Errorf("%w: it was written by a newer version of kith", ErrDamaged)
	case c.Version != contentVersion:
		return nil, fmt.Errorf("%w: it has no version", ErrDamaged)
	}
	s := &Secrets{Name: identity.CleanName(c.Name), Created: c.Created}
	for _, f := range []struct{ to, from []byte }{
		{s.Entropy[:], c.Entropy}, {s.DeviceSeed[:], c.DeviceSeed}, {s.StoreKey[:], c.StoreKey}, {s.Discovery[:], c.Discovery},
	} {
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
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if c.Account != s.Cert.Account.String() {
		return nil, fmt.Errorf("%w: it is another account's", ErrDamaged)
	}
	return s, nil
}

// check makes sure that the parts belong together: a vault that holds a phrase
// of one account and a device of another would be found out only when the
// phrase is needed.
func (s *Secrets) check() error {
	account, err := s.Account()
	if err != nil {
		return err
	}
	if _, err := s.Device(); err != nil {
		return err
	}
	switch {
	case account.ID() != s.Cert.Account:
		return errors.New("the recovery phrase is another account's")
	case s.Devices.Account != s.Cert.Account:
		return errors.New("the device list is another account's")
	case s.Name == "" || s.Name != identity.CleanName(s.Name):
		return errors.New("the name is not a clean one")
	case s.StoreKey == [32]byte{} || s.Discovery.IsZero():
		return errors.New("a key is missing")
	}
	return nil
}

// Linked makes the secrets of a new device of an account that another of its
// devices has admitted. deviceSeed is the new device's key, certificate and
// devices name it.
func Linked(name string, entropy, deviceSeed [32]byte, discovery identity.DiscoverySecret, certificate identity.Certificate, devices identity.DeviceList, now time.Time) (*Secrets, error) {
	s := &Secrets{
		Name: identity.CleanName(name), Entropy: entropy, DeviceSeed: deviceSeed, Discovery: discovery,
		Cert: certificate, Devices: devices, Created: now.UTC().Truncate(time.Millisecond),
	}
	_, _ = rand.Read(s.StoreKey[:]) // crypto/rand.Read never fails
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("taking over the account: %w", err)
	}
	return s, nil
}

// AddDevice certifies one more device and puts it on a new list.
func (s *Secrets) AddDevice(device identity.DeviceID, name string, now time.Time) (identity.Certificate, error) {
	account, err := s.Account()
	if err != nil {
		return identity.Certificate{}, err
	}
	if s.Devices.Contains(device) {
		return identity.Certificate{}, errors.New("it is a device of the account already")
	}
	if len(s.Devices.Devices) >= identity.MaxDevices {
		return identity.Certificate{}, fmt.Errorf("an account has at most %d devices: revoke one", identity.MaxDevices)
	}
	cert, err := identity.Certify(account, device, now)
	if err != nil {
		return identity.Certificate{}, err
	}
	listed := append(slices.Clone(s.Devices.Devices), identity.ListedDevice{Device: device, Name: name, Added: now})
	s.Devices, err = identity.SignDeviceList(account, s.Devices.Version, listed, now)
	return cert, err
}

// ChangeDevices signs a new list, which change has made of the one before. It
// must leave at least this device on it.
func (s *Secrets) ChangeDevices(change func([]identity.ListedDevice) ([]identity.ListedDevice, error), now time.Time) error {
	account, err := s.Account()
	if err != nil {
		return err
	}
	listed, err := change(slices.Clone(s.Devices.Devices))
	if err != nil {
		return err
	}
	list, err := identity.SignDeviceList(account, s.Devices.Version, listed, now)
	if err != nil {
		return err
	}
	if !list.Contains(s.Cert.Device) {
		return errors.New("a device does not take itself off the list: do it on another one")
	}
	s.Devices = list
	return nil
}
