package store

import (
	"context"
	"errors"
	"fmt"
)

// MaxBlob is the most bytes that one setting or blob may have.
const MaxBlob = 512 << 10

// PutSetting stores a setting.
func (s *Store) PutSetting(ctx context.Context, name string, value []byte) error {
	return s.putValue(ctx, settingKey(name), value)
}

// Setting returns a setting; nil if it was never set.
func (s *Store) Setting(_ context.Context, name string) ([]byte, error) {
	return s.value(settingKey(name))
}

// Settings calls fn with each setting whose name begins with prefix.
func (s *Store) Settings(_ context.Context, prefix string, fn func(name string, value []byte) error) error {
	return s.view(func(t *tx) error {
		return t.scan(settingKey(prefix), nil, false, func(k, v []byte) (bool, error) {
			return true, fn(string(k[1:]), v)
		})
	})
}

// PutSecret stores a setting under an AEAD of its own.
func (s *Store) PutSecret(ctx context.Context, name string, value []byte) error {
	k := settingKey("secret/" + name)
	return s.putValue(ctx, k, s.box.Seal(k, value))
}

// Secret returns what PutSecret has stored; nil if it was never set.
func (s *Store) Secret(_ context.Context, name string) ([]byte, error) {
	k := settingKey("secret/" + name)
	raw, err := s.value(k)
	if err != nil || raw == nil {
		return nil, err
	}
	return s.box.Open(k, raw)
}

// PutBlob stores a value of another package under a name of its own.
func (s *Store) PutBlob(ctx context.Context, space, name string, value []byte) error {
	return s.putValue(ctx, blobKey(space, name), value)
}

// Blob returns what PutBlob has stored; nil if there is nothing.
func (s *Store) Blob(_ context.Context, space, name string) ([]byte, error) {
	return s.value(blobKey(space, name))
}

// DeleteBlob removes what PutBlob has stored.
func (s *Store) DeleteBlob(ctx context.Context, space, name string) error {
	return s.writeSmall(ctx, func(t *tx) error {
		t.del(blobKey(space, name))
		return nil
	})
}

func (s *Store) putValue(ctx context.Context, k, v []byte) error {
	if len(v) > MaxBlob {
		return fmt.Errorf("storing %d bytes under one name: %d is the most", len(v), MaxBlob)
	}
	return s.writeSmall(ctx, func(t *tx) error {
		t.set(k, v)
		return nil
	})
}

func (s *Store) value(k []byte) (v []byte, err error) {
	err = s.view(func(t *tx) error {
		v, err = t.get(k)
		if errors.Is(err, ErrNotFound) {
			v, err = nil, nil
		}
		return err
	})
	return v, err
}
