package vault_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kith-chat/kith/identity/vault"
)

// TestVaultDamage: a vault that was cut off at any place, or altered, is not
// opened, is told from a wrong passphrase's, and is not changed by the try.
func TestVaultDamage(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "home")
	secrets, err := vault.NewAccount("Ann", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := vault.Create(vault.Options{Dir: dir}, secrets); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, vault.File)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	try := func(what string, n int, raw []byte) {
		t.Helper()
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := vault.Open(vault.Options{Dir: dir}); !errors.Is(err, vault.ErrDamaged) {
			t.Errorf("%s %d: %v", what, n, err)
		}
		if now, err := os.ReadFile(path); err != nil || string(now) != string(raw) {
			t.Errorf("%s %d: opening has changed the file (%v)", what, n, err)
		}
	}
	for n := 0; n < len(good); n += 7 {
		try("cut off at", n, good[:n])
	}
	for n := 0; n < len(good); n += 11 {
		bad := append([]byte(nil), good...)
		bad[n] ^= 1
		try("altered at", n, bad)
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := vault.Open(vault.Options{Dir: dir}); err != nil {
		t.Fatal(err)
	}
}

// TestVaultWriteFails: when a change cannot be written the old vault stands,
// the secrets in memory are the old ones, and nothing is left beside it.
func TestVaultWriteFails(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "home")
	secrets, err := vault.NewAccount("Ann", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.Create(vault.Options{Dir: dir}, secrets)
	if err != nil {
		t.Fatal(err)
	}
	away := dir + "-away"
	if err := os.Rename(dir, away); err != nil { // the disk has gone
		t.Fatal(err)
	}
	if err := v.Update(func(s *vault.Secrets) error { s.Name = "Bob"; return nil }); err == nil {
		t.Error("a change that was not written is no error")
	}
	if v.Secrets().Name != "Ann" {
		t.Error("what was not written is in force")
	}
	if err := os.Rename(away, dir); err != nil {
		t.Fatal(err)
	}
	// What a crash between the steps of a change leaves is no vault.
	if err := os.WriteFile(filepath.Join(dir, ".vault-tmp-123"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := vault.Open(vault.Options{Dir: dir})
	if err != nil || again.Secrets().Name != "Ann" {
		t.Fatalf("%v", err)
	}
}
