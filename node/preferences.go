package node

import (
	"context"
	"fmt"
	"maps"
	"unicode/utf8"

	"github.com/kith-chat/kith/node/config"
)

// Preferences are what the screens keep: theme, language, keys, notifications.
// The node passes them on and does not know what they mean.

const (
	preferencePrefix = "preference/"
	// MaxPreference is the most bytes of one preference.
	MaxPreference = config.MaxUIValue
	// maxPreferences bounds how many are kept.
	maxPreferences = 512
)

// Preference is one that has changed; Value is "" for one that went back to
// its default.
type Preference struct{ Name, Value string }

// Preferences returns all that are set, over the defaults of the config file.
func (n *Node) Preferences(ctx context.Context) (map[string]string, error) {
	out := maps.Clone(n.config.Preferences)
	if out == nil {
		out = make(map[string]string)
	}
	err := n.store.Settings(ctx, preferencePrefix, func(k string, v []byte) error {
		if len(v) > 0 {
			out[k[len(preferencePrefix):]] = string(v)
		}
		return nil
	})
	return out, kindOf(err)
}

// SetPreference keeps one; an empty value goes back to the default. Names have
// small letters, digits, dots, dashes and underscores. ErrInvalid, ErrTooLarge.
func (n *Node) SetPreference(ctx context.Context, name, value string) error {
	switch {
	case !config.IsUIName(name):
		return fmt.Errorf("%w: the name of a preference has 1 to %d letters a-z, digits, dots, dashes and underscores", ErrInvalid, config.MaxUIName)
	case len(value) > MaxPreference:
		return fmt.Errorf("%w: a preference has at most %d bytes", ErrTooLarge, MaxPreference)
	case !utf8.ValidString(value):
		return fmt.Errorf("%w: a preference is UTF-8 text", ErrInvalid)
	}
	all, err := n.Preferences(ctx)
	if err != nil {
		return err
	}
	if _, have := all[name]; !have && len(all) >= maxPreferences {
		return fmt.Errorf("%w: there are %d preferences already", ErrTooLarge, maxPreferences)
	}
	if err := n.store.PutSetting(ctx, preferencePrefix+name, []byte(value)); err != nil {
		return kindOf(err)
	}
	if value == "" {
		value = n.config.Preferences[name]
	}
	poke(n.mirror.wake)
	n.bus.publish(News{Preference: &Preference{Name: name, Value: value}})
	return nil
}
