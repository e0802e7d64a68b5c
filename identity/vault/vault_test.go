package vault_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/vault"
)

// ring is a keyring in memory.
type ring map[string]string

func (r ring) Set(p, s string) error        { r[p] = s; return nil }
func (r ring) Get(p string) (string, error) { return r[p], nil }
func (r ring) Delete(p string) error        { delete(r, p); return nil }
func pass(s string) func() (string, error)  { return func() (string, error) { return s, nil } }
func opts(t *testing.T, p string) vault.Options {
	o := vault.Options{Dir: filepath.Join(t.TempDir(), "profile"), WorkFactor: 2}
	if p != "" {
		o.Passphrase = pass(p)
	}
	return o
}

func account(t *testing.T) *vault.Secrets {
	t.Helper()
	s, err := vault.NewAccount("Ann", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPassphrase(t *testing.T) {
	t.Parallel()
	o := opts(t, "correct horse")
	s := account(t)
	if _, err := vault.Create(o, s); err != nil {
		t.Fatal(err)
	}
	v, err := vault.Open(o)
	if err != nil || v.Secrets().StoreKey != s.StoreKey || v.Protection() != vault.Passphrase {
		t.Fatalf("%v", err)
	}
	o.Passphrase = pass("wrong")
	if _, err := vault.Open(o); !errors.Is(err, vault.ErrPassphrase) {
		t.Fatalf("a wrong passphrase: %v", err)
	}
	if _, err := vault.Create(o, s); !errors.Is(err, vault.ErrExists) {
		t.Fatalf("a second vault: %v", err)
	}
	if err := v.ChangePassphrase(""); err != nil {
		t.Fatal(err)
	}
	if v, err = vault.Open(o); err != nil || v.Protection() != vault.InKeyFile {
		t.Fatalf("without a passphrase: %v", err)
	}
	if err := v.ChangePassphrase("new"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(o.Dir, vault.KeyFile)); err == nil {
		t.Fatal("the old key is still there")
	}
}

func TestKeyringAndUpdate(t *testing.T) {
	t.Parallel()
	o := opts(t, "")
	o.Keyring = ring{}
	v, err := vault.Create(o, account(t))
	if err != nil || v.Protection() != vault.InKeyring {
		t.Fatalf("%v", err)
	}
	if err := v.Update(func(s *vault.Secrets) error { s.Name = "Anna"; return nil }); err != nil {
		t.Fatal(err)
	}
	if v, err = vault.Open(o); err != nil || v.Secrets().Name != "Anna" {
		t.Fatalf("%v", err)
	}
}

func TestOthersMayNotRead(t *testing.T) {
	t.Parallel()
	o := opts(t, "")
	if _, err := vault.Create(o, account(t)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(o.Dir, vault.KeyFile), filepath.Join(o.Dir, vault.File), o.Dir} {
		was, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, was.Mode().Perm()|0o044); err != nil {
			t.Fatal(err)
		}
		if _, err := vault.Open(o); !errors.Is(err, vault.ErrPermissions) {
			t.Errorf("%s readable by others: %v", path, err)
		}
		if err := os.Chmod(path, was.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRestoreGivesTheSameAccount(t *testing.T) {
	t.Parallel()
	s := account(t)
	words := s.Phrase().Words()
	p, err := identity.ParsePhrase(" " + words[0] + "\n" + join(words[1:]))
	if err != nil {
		t.Fatal(err)
	}
	r, err := vault.Restore(p, "Ann", time.Now().Add(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if r.Cert.Account != s.Cert.Account || r.Discovery != s.Discovery {
		t.Fatal("another account")
	}
	if r.Cert.Device == s.Cert.Device || !r.Devices.Supersedes(s.Devices) {
		t.Fatal("the device is not new")
	}
}

func TestDamagedVaultIsRefused(t *testing.T) {
	t.Parallel()
	o := opts(t, "")
	if _, err := vault.Create(o, account(t)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(o.Dir, vault.File)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(raw); i += 7 {
		bad := append([]byte(nil), raw...)
		bad[i] ^= 4
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := vault.Open(o); err == nil {
			t.Fatalf("byte %d changed and the vault opens", i)
		}
	}
}

func join(words []string) string {
	out := ""
	for _, w := range words {
		out += "  " + w
	}
	return out
}
