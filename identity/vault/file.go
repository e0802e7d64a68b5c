package vault

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// claimFile is the file that Create writes the first vault to; while it is
// there nobody else makes one. staleClaim is the age from which it is what a
// crash left: making a vault takes a second or two, and some more where a
// keyring does not answer.
const (
	claimFile  = ".vault-new"
	staleClaim = time.Minute
)

// claim makes sure that one process at a time makes a vault in a folder, so
// that nobody's key is replaced under a vault that it opens.
func claim(dir string) (release func(), err error) {
	path := filepath.Join(dir, claimFile)
	for range 2 {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err == nil {
			return func() { _ = os.Remove(path) }, f.Close()
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("making the vault: %w", err)
		}
		if st, err := os.Stat(path); err == nil && time.Since(st.ModTime()) > staleClaim {
			_ = os.Remove(path)
		}
	}
	return nil, fmt.Errorf("%w: another kith is making one at this moment (else remove %s)", ErrExists, path)
}

// writeFile replaces a file so that a crash leaves the old one or the new one.
func writeFile(path string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), leftovers) // 0600, O_EXCL
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

// leftovers matches the temporary files that a crash can leave.
const leftovers = ".vault-tmp-*"

// removeLeftovers deletes what a crash left: one of them may hold the key that
// a passphrase has replaced.
func removeLeftovers(dir string) error {
	all, err := filepath.Glob(filepath.Join(dir, leftovers))
	for _, path := range all {
		err = errors.Join(err, removeIfThere(path))
	}
	return err
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
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

// readBounded reads a file of the vault; one that is larger than any vault is
// not read to its end.
func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxVault+1))
	if err == nil && len(raw) > maxVault {
		err = fmt.Errorf("%w: %s is too large", ErrDamaged, filepath.Base(path))
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
		return fmt.Errorf("%w: %s has mode %o: run chmod %s '%s'", ErrPermissions, path, mode, want, path)
	}
	return nil
}
