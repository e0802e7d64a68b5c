package store

import (
	"context"
	"errors"
	"fmt"
)

// MaxSetting is the most bytes that one setting may have.
const MaxSetting = 64 << 10

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

func (s *Store) putValue(ctx context.Context, k, v []byte) error {
	if len(v) > MaxSetting {
		return fmt.Errorf("storing %d bytes under one name: %d is the most", len(v), MaxSetting)
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
