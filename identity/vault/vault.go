package vault

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"filippo.io/age"

	"github.com/kith-chat/kith/identity"
)

// The files of a vault, in the profile's folder.
const (
	File    = "vault.age"
	KeyFile = "vault.key" // only without a passphrase
)

// maxVault bounds the files, in bytes.
const maxVault = 64 << 10

// Errors of a vault.
var (
	ErrNotFound    = errors.New("there is no vault here")
	ErrExists      = errors.New("there is already a vault here")
	ErrPassphrase  = errors.New("the passphrase does not open the vault")
	ErrPermissions = errors.New("others can read the profile")
	ErrDamaged     = errors.New("the vault is damaged")
)

// Protection says what guards a vault.
type Protection string

// What can guard a vault.
const (
	Passphrase Protection = "passphrase"
	InKeyring  Protection = "keyring"
	InKeyFile  Protection = "key file"
)

// Options says how to open or make a vault. Dir is required.
type Options struct {
	Dir string
	// Passphrase is asked for once, if the vault has one. For Create an empty
	// answer, or nil, means none.
	Passphrase func() (string, error)
	// Keyring is used without a passphrase; nil for none.
	Keyring Keyring
	// WorkFactor is log2 of the cost of scrypt; 0 for the default. Tests use
	// less.
	WorkFactor int
}

// Vault is an open vault. It is safe for concurrent use. Two processes must not
// change one vault at a time: the last to write wins.
type Vault struct {
	opts Options

	mu         sync.Mutex
	protection Protection
	secrets    *Secrets
	passphrase string              // to write the file again
	key        *age.X25519Identity // likewise
	entry      string              // of the key in the keyring; empty for none
}

// Exists reports whether there is a vault in a folder.
func Exists(dir string) (bool, error) {
	_, err := os.Lstat(filepath.Join(dir, File))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Create makes a vault that holds the secrets; ErrExists if there is one. The
// folder is made if need be.
func Create(opts Options, s *Secrets) (*Vault, error) {
	if have, err := Exists(opts.Dir); err != nil || have {
		return nil, errors.Join(err, ErrExists)
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("making the vault: %w", err)
	}
	if err := os.MkdirAll(opts.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the profile's folder: %w", err)
	}
	if err := private(opts.Dir); err != nil {
		return nil, err
	}
	own := s.clone()
	v := &Vault{opts: opts, secrets: &own}
	if opts.Passphrase != nil { // asked before the claim: a person may take minutes
		p, err := opts.Passphrase()
		if err != nil {
			return nil, fmt.Errorf("asking for the passphrase: %w", err)
		}
		v.passphrase = normal(p)
	}
	release, err := claim(opts.Dir)
	if err != nil {
		return nil, err
	}
	defer release()
	if have, err := Exists(opts.Dir); err != nil || have {
		return nil, errors.Join(err, ErrExists)
	}
	if v.passphrase != "" {
		v.protection = Passphrase
	} else if err := v.newKey(); err != nil {
		return nil, err
	}
	if err := v.write(); err != nil {
		return nil, err
	}
	return v, nil
}

// Open opens the vault; ErrNotFound, ErrPermissions, ErrPassphrase, ErrDamaged.
func Open(opts Options) (*Vault, error) {
	path := filepath.Join(opts.Dir, File)
	raw, err := readBounded(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("reading the vault: %w", err)
	}
	if err := errors.Join(private(opts.Dir), private(path)); err != nil {
		return nil, err
	}
	v := &Vault{opts: opts}
	id, err := v.unlock(raw)
	if err != nil {
		return nil, err
	}
	r, err := age.Decrypt(bytes.NewReader(raw), id)
	var none *age.NoIdentityMatchError
	switch {
	case errors.As(err, &none) && v.protection == Passphrase:
		return nil, ErrPassphrase
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	plain, err := io.ReadAll(io.LimitReader(r, maxVault))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if v.secrets, err = decode(plain); err != nil {
		return nil, err
	}
	return v, nil
}

// Protection says what guards the vault.
func (v *Vault) Protection() Protection {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.protection
}

// Secrets returns a copy of what the vault holds.
func (v *Vault) Secrets() Secrets {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.secrets.clone()
}

// Devices returns the account's list of devices, without a copy of the secrets
// that lie beside it. The caller must not change it.
func (v *Vault) Devices() identity.DeviceList {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.secrets.Devices
}

// Update changes the secrets and writes the vault; an error of fn, or parts
// that do not belong together after it, change nothing. With a passphrase it
// takes as long as one try of it. fn must not call the vault.
func (v *Vault) Update(fn func(*Secrets) error) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	next := v.secrets.clone()
	if err := fn(&next); err != nil {
		return err
	}
	if err := next.check(); err != nil {
		return fmt.Errorf("changing the vault: %w", err)
	}
	was := v.secrets
	v.secrets = &next
	if err := v.write(); err != nil {
		v.secrets = was
		return err
	}
	return nil
}

// ChangePassphrase guards the vault with another passphrase, or with none if it
// is empty: then with a key as Create does. A crash at any instant leaves a
// vault that the old or the new way opens.
func (v *Vault) ChangePassphrase(passphrase string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	passphrase = normal(passphrase)
	if passphrase == "" && v.protection != Passphrase {
		return nil // replacing the key would open a moment in which neither fits
	}
	oldProtection, oldPassphrase, oldKey, oldEntry := v.protection, v.passphrase, v.key, v.entry
	v.passphrase, v.key, v.entry = passphrase, nil, ""
	var err error
	if passphrase != "" {
		v.protection = Passphrase
	} else {
		err = v.newKey() // the file still wants the passphrase, so that this key opens nothing yet
	}
	if err == nil {
		err = v.write()
	}
	if err != nil {
		v.protection, v.passphrase, v.key, v.entry = oldProtection, oldPassphrase, oldKey, oldEntry
		return err
	}
	if v.protection == Passphrase {
		return v.dropKey(oldEntry)
	}
	return nil
}

// write encrypts the secrets and replaces the file.
func (v *Vault) write() error {
	plain, err := v.secrets.encode()
	if err != nil {
		return err
	}
	to, err := v.recipient()
	if err != nil {
		return fmt.Errorf("encrypting the vault: %w", err)
	}
	var out bytes.Buffer
	w, err := age.Encrypt(&out, to)
	if err != nil {
		return fmt.Errorf("encrypting the vault: %w", err)
	}
	if _, err := w.Write(plain); err != nil {
		return fmt.Errorf("encrypting the vault: %w", err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("encrypting the vault: %w", err)
	}
	if out.Len() > maxVault {
		return fmt.Errorf("encrypting the vault: it would have %d bytes, more than Open reads", out.Len())
	}
	return writeFile(filepath.Join(v.opts.Dir, File), out.Bytes())
}
