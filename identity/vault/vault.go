package vault

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"filippo.io/age"
	"golang.org/x/text/unicode/norm"
)

// The files of a vault, in the profile's folder.
const (
	File    = "vault.age"
	KeyFile = "vault.key"
)

// workFactor makes one try of a passphrase cost about half a second.
const workFactor = 17

// maxVault bounds the file, in bytes.
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

// Vault is an open vault. It is safe for concurrent use.
type Vault struct {
	opts       Options
	protection Protection

	mu         sync.Mutex
	secrets    *Secrets
	passphrase string              // to write the file again
	key        *age.X25519Identity // likewise
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
	if err := os.MkdirAll(opts.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the profile's folder: %w", err)
	}
	if err := private(opts.Dir); err != nil {
		return nil, err
	}
	v := &Vault{opts: opts, secrets: s}
	var err error
	if opts.Passphrase != nil {
		if v.passphrase, err = opts.Passphrase(); err != nil {
			return nil, fmt.Errorf("asking for the passphrase: %w", err)
		}
		v.passphrase = norm.NFKC.String(v.passphrase)
	}
	if v.passphrase != "" {
		v.protection = Passphrase
	} else if err := v.newKey(); err != nil {
		return nil, err
	}
	return v, v.write()
}

// newKey makes the age key of a vault without a passphrase and puts it away.
func (v *Vault) newKey() error {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		return fmt.Errorf("making the vault's key: %w", err)
	}
	v.key = key
	if v.opts.Keyring != nil {
		if err := v.opts.Keyring.Set(profileName(v.opts.Dir), key.String()); err == nil {
			v.protection = InKeyring
			return nil
		}
	}
	v.protection = InKeyFile
	return writeFile(filepath.Join(v.opts.Dir, KeyFile), []byte(key.String()+"\n"))
}

// profileName names a profile in the keyring.
func profileName(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		return abs
	}
	return dir
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
	v.secrets, err = decode(plain)
	return v, err
}

// unlock finds what opens the file.
func (v *Vault) unlock(raw []byte) (age.Identity, error) {
	if bytes.Contains(raw[:min(len(raw), 200)], []byte("-> scrypt ")) {
		v.protection = Passphrase
		if v.opts.Passphrase == nil {
			return nil, fmt.Errorf("%w: it needs one", ErrPassphrase)
		}
		p, err := v.opts.Passphrase()
		if err != nil {
			return nil, fmt.Errorf("asking for the passphrase: %w", err)
		}
		if v.passphrase = norm.NFKC.String(p); v.passphrase == "" {
			return nil, ErrPassphrase
		}
		id, err := age.NewScryptIdentity(v.passphrase)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrPassphrase, err)
		}
		id.SetMaxWorkFactor(22)
		return id, nil
	}
	path := filepath.Join(v.opts.Dir, KeyFile)
	text, err := readBounded(path)
	switch {
	case err == nil:
		if err := private(path); err != nil {
			return nil, err
		}
		v.protection = InKeyFile
	case errors.Is(err, fs.ErrNotExist) && v.opts.Keyring != nil:
		s, err := v.opts.Keyring.Get(profileName(v.opts.Dir))
		if err != nil {
			return nil, fmt.Errorf("asking the keyring for the vault's key: %w", err)
		}
		text, v.protection = []byte(s), InKeyring
	default:
		return nil, fmt.Errorf("reading the vault's key: %w", err)
	}
	if v.key, err = age.ParseX25519Identity(strings.TrimSpace(string(text))); err != nil {
		return nil, fmt.Errorf("%w: the key: %w", ErrDamaged, err)
	}
	return v.key, nil
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
	return *v.secrets
}

// Update changes the secrets and writes the vault; an error of fn changes
// nothing.
func (v *Vault) Update(fn func(*Secrets) error) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	next := *v.secrets
	if err := fn(&next); err != nil {
		return err
	}
	was := v.secrets
	v.secrets = &next
	if err := v.write(); err != nil {
		v.secrets = was
		return err
	}
	return nil
}

// ChangePassphrase guards the vault with another passphrase, or with none.
func (v *Vault) ChangePassphrase(passphrase string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	was, oldKey, oldPass := v.protection, v.key, v.passphrase
	v.passphrase, v.key = norm.NFKC.String(passphrase), nil
	if v.passphrase != "" {
		v.protection = Passphrase
	} else if err := v.newKey(); err != nil {
		v.protection, v.key, v.passphrase = was, oldKey, oldPass
		return err
	}
	if err := v.write(); err != nil {
		v.protection, v.key, v.passphrase = was, oldKey, oldPass
		return err
	}
	if v.protection == Passphrase {
		if err := os.Remove(filepath.Join(v.opts.Dir, KeyFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing the old key: %w", err)
		}
		if was == InKeyring && v.opts.Keyring != nil {
			return v.opts.Keyring.Delete(profileName(v.opts.Dir))
		}
	}
	return nil
}

// write encrypts the secrets and replaces the file.
func (v *Vault) write() error {
	plain, err := v.secrets.encode()
	if err != nil {
		return err
	}
	var to age.Recipient
	if v.protection == Passphrase {
		r, err := age.NewScryptRecipient(v.passphrase)
		if err != nil {
			return fmt.Errorf("encrypting the vault: %w", err)
		}
		r.SetWorkFactor(workFactor)
		if v.opts.WorkFactor > 0 {
			r.SetWorkFactor(v.opts.WorkFactor)
		}
		to = r
	} else {
		to = v.key.Recipient()
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
	return writeFile(filepath.Join(v.opts.Dir, File), out.Bytes())
}

// writeFile replaces a file so that a crash leaves the old one or the new one.
func writeFile(path string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".vault-*") // 0600, O_EXCL
	if err != nil {
		return fmt.Errorf("writing the vault: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("writing the vault: %w", err)
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("writing the vault: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("writing the vault: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxVault+1))
	if err == nil && len(raw) > maxVault {
		err = fmt.Errorf("%w: it is too large", ErrDamaged)
	}
	return raw, err
}

// private refuses a file or folder that others can read, and says how to mend
// it.
func private(path string) error {
	if runtime.GOOS == "windows" {
		return nil // access lists of the user's folder hold there
	}
	st, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("looking at the profile: %w", err)
	}
	if mode := st.Mode().Perm(); mode&0o077 != 0 {
		want := "600"
		if st.IsDir() {
			want = "700"
		}
		return fmt.Errorf("%w: %s has mode %o: run chmod %s %s", ErrPermissions, path, mode, want, path)
	}
	return nil
}
