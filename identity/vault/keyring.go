package vault

import (
	"context"
	"errors"
	"time"

	"github.com/zalando/go-keyring"
)

// Keyring keeps one secret text for a profile outside the profile's folder.
type Keyring interface {
	// Set stores the secret; an error means that there is no keyring to use.
	Set(profile, secret string) error
	// Get returns the secret.
	Get(profile string) (string, error)
	// Delete removes the secret.
	Delete(profile string) error
}

const keyringService = "kith"

// SystemKeyring is the keyring of the desktop session: Secret Service,
// Keychain or Credential Manager.
type SystemKeyring struct{}

// keyringTimeout bounds a question to the keyring: a session without one can
// let it wait for ever.
const keyringTimeout = 5 * time.Second

// Set stores the secret.
func (SystemKeyring) Set(profile, secret string) error {
	return bounded(func() error { return keyring.Set(keyringService, profile, secret) })
}

// Get returns the secret.
func (SystemKeyring) Get(profile string) (secret string, err error) {
	type answer struct {
		secret string
		err    error
	}
	got := make(chan answer, 1)
	go func() {
		s, err := keyring.Get(keyringService, profile)
		got <- answer{s, err}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), keyringTimeout)
	defer cancel()
	select {
	case a := <-got:
		return a.secret, a.err
	case <-ctx.Done():
		return "", errors.New("the keyring does not answer")
	}
}

// Delete removes the secret.
func (SystemKeyring) Delete(profile string) error {
	return bounded(func() error { return keyring.Delete(keyringService, profile) })
}

func bounded(call func() error) error {
	done := make(chan error, 1)
	go func() { done <- call() }()
	ctx, cancel := context.WithTimeout(context.Background(), keyringTimeout)
	defer cancel()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return errors.New("the keyring does not answer")
	}
}
