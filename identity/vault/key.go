package vault

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"filippo.io/age"
	"golang.org/x/text/unicode/norm"
)

const (
	// workFactor is log2 of scrypt's cost: one try of a passphrase takes about
	// half a second.
	workFactor = 17
	// maxWorkFactor is the most that Open takes on, some ten seconds, for a
	// vault that was written elsewhere.
	maxWorkFactor = 22
)

// keyringEntry starts the content of the key file where the key itself is in
// the keyring; the entry's name follows. The name is made of the key and not of
// the folder, so that a profile can be moved, and two never share an entry.
const keyringEntry = "keyring:"

// newKey makes the age key of a vault without a passphrase and puts it away: in
// the keyring if there is one that gives back what it was given, else in the
// key file, in the form that the stock age tool takes with -i.
func (v *Vault) newKey() error {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		return fmt.Errorf("making the vault's key: %w", err)
	}
	v.key, v.protection = key, InKeyFile
	text := key.String()
	if ring := v.opts.Keyring; ring != nil {
		entry := key.Recipient().String()
		if err := ring.Set(entry, text); err == nil {
			if back, err := ring.Get(entry); err == nil && back == text {
				v.protection, v.entry = InKeyring, entry
				text = keyringEntry + entry
			}
		}
	}
	return writeFile(filepath.Join(v.opts.Dir, KeyFile), []byte(text+"\n"))
}

// dropKey removes the key of a vault that is not opened by it any more.
func (v *Vault) dropKey(entry string) error {
	err := errors.Join(removeIfThere(filepath.Join(v.opts.Dir, KeyFile)), removeLeftovers(v.opts.Dir))
	if entry != "" && v.opts.Keyring != nil {
		err = errors.Join(err, v.opts.Keyring.Delete(entry))
	}
	if err != nil {
		return fmt.Errorf("the vault has its new passphrase, but removing the old key: %w", err)
	}
	return nil
}

// unlock finds what opens the file.
func (v *Vault) unlock(raw []byte) (age.Identity, error) {
	if bytes.Contains(raw[:min(len(raw), 200)], []byte("\n-> scrypt ")) {
		v.protection = Passphrase
		return v.askPassphrase()
	}
	path := filepath.Join(v.opts.Dir, KeyFile)
	text, err := readBounded(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s is missing, and nothing else opens it", ErrDamaged, KeyFile)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the vault's key: %w", err)
	}
	if err := private(path); err != nil {
		return nil, err
	}
	v.protection = InKeyFile
	secret := strings.TrimSpace(string(text))
	if entry, ok := strings.CutPrefix(secret, keyringEntry); ok {
		if v.opts.Keyring == nil {
			return nil, errors.New("the vault's key is in the system's keyring, and none is in use here")
		}
		if secret, err = v.opts.Keyring.Get(entry); err != nil {
			return nil, fmt.Errorf("asking the keyring for the vault's key: %w", err)
		}
		v.protection, v.entry = InKeyring, entry
	}
	if v.key, err = age.ParseX25519Identity(strings.TrimSpace(secret)); err != nil {
		return nil, fmt.Errorf("%w: its key is not one", ErrDamaged) // the cause could quote it
	}
	return v.key, nil
}

func (v *Vault) askPassphrase() (age.Identity, error) {
	if v.opts.Passphrase == nil {
		return nil, fmt.Errorf("%w: it needs one", ErrPassphrase)
	}
	p, err := v.opts.Passphrase()
	if err != nil {
		return nil, fmt.Errorf("asking for the passphrase: %w", err)
	}
	if v.passphrase = normal(p); v.passphrase == "" {
		return nil, ErrPassphrase
	}
	id, err := age.NewScryptIdentity(v.passphrase)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPassphrase, err)
	}
	id.SetMaxWorkFactor(maxWorkFactor)
	return id, nil
}

// recipient returns what the vault is encrypted to.
func (v *Vault) recipient() (age.Recipient, error) {
	if v.protection != Passphrase {
		return v.key.Recipient(), nil
	}
	r, err := age.NewScryptRecipient(v.passphrase)
	if err != nil {
		return nil, err
	}
	r.SetWorkFactor(workFactor)
	if v.opts.WorkFactor > 0 {
		r.SetWorkFactor(v.opts.WorkFactor)
	}
	return r, nil
}

// normal makes one passphrase of what different keyboards give for it.
func normal(passphrase string) string { return norm.NFKC.String(passphrase) }
