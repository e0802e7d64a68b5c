package local

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

const (
	// TokenName is the usual name of the token's file, inside the home.
	TokenName = "api.token"
	// tokenSize is the size of a token in bytes.
	tokenSize = 32
)

// Token opens the API on a loopback address: 256 random bits. Its own methods
// write it, so that it does not get into a log by chance.
type Token struct{ text string }

// String hides the token.
func (Token) String() string { return "(token)" }

// GoString hides the token.
func (t Token) GoString() string { return t.String() }

// Reveal returns what is sent after "Bearer ".
func (t Token) Reveal() string { return t.text }

// Matches compares what was sent with the token, in a time that says nothing
// about either.
func (t Token) Matches(sent string) bool {
	a, b := sha256.Sum256([]byte(sent)), sha256.Sum256([]byte(t.text))
	return t.text != "" && subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// NewToken returns a random token.
func NewToken() Token {
	raw := make([]byte, tokenSize)
	_, _ = rand.Read(raw) // never fails
	return Token{base64.RawURLEncoding.EncodeToString(raw)}
}

// ReadToken reads the token's file; ErrForeign if others can read it too.
func ReadToken(path string) (Token, error) {
	f, err := os.Open(path)
	if err != nil {
		return Token{}, fmt.Errorf("reading the API's token: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Token{}, fmt.Errorf("reading the API's token: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return Token{}, fmt.Errorf("reading the API's token: %w: %s has mode %o", ErrForeign, path, info.Mode().Perm())
	}
	if !info.Mode().IsRegular() {
		return Token{}, fmt.Errorf("reading the API's token: %s is not a regular file", path)
	}
	raw, err := io.ReadAll(io.LimitReader(f, 4*tokenSize))
	if err != nil {
		return Token{}, fmt.Errorf("reading the API's token: %w", err)
	}
	text := strings.TrimSpace(string(raw))
	if b, err := base64.RawURLEncoding.DecodeString(text); err != nil || len(b) != tokenSize {
		return Token{}, fmt.Errorf("reading the API's token: %s holds no token: remove it, and a new one is made", path)
	}
	return Token{text}, nil
}

// EnsureToken returns the token of the file and makes one if there is none.
// One that others could have read is replaced, which is what renewed says.
func EnsureToken(path string) (t Token, renewed bool, err error) {
	t, err = ReadToken(path)
	switch {
	case err == nil:
		return t, false, nil
	case errors.Is(err, ErrForeign):
		renewed = true
	case !errors.Is(err, fs.ErrNotExist):
		return Token{}, false, err
	}
	t = NewToken()
	if err := writeToken(path, t); err != nil {
		return Token{}, false, fmt.Errorf("writing the API's token: %w", err)
	}
	return t, renewed, nil
}

// writeToken puts the file in place whole: CreateTemp makes it 0600, and the
// new name replaces what was there without following a link.
func writeToken(path string, t Token) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), TokenName+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.WriteString(t.text + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
