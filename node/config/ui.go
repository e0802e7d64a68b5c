package config

import (
	"errors"
	"fmt"
	"strings"
)

const (
	// uiPrefix begins the names of what the screens are told.
	uiPrefix = "ui."
	maxUI    = 256 // settings
)

// The limits of what the screens keep, in bytes.
const (
	MaxUIName  = 64
	MaxUIValue = 4 << 10
)

var errUIKey = errors.New("a name has small letters, digits, dots, dashes and underscores")

// IsUIName reports whether a screen can keep something under a name: small
// letters, digits, dots, dashes and underscores, at most MaxUIName.
func IsUIName(name string) bool {
	return name != "" && len(name) <= MaxUIName && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '.' && r != '-' && r != '_'
	})
}

// setUI keeps one setting of the screens; whether it means something they say.
func (c *Config) setUI(name string, values []string) error {
	switch {
	case !IsUIName(name):
		return fmt.Errorf("%q: %w, at most %d", name, errUIKey, MaxUIName)
	case len(c.UI) >= maxUI:
		return fmt.Errorf("more than %d settings", maxUI)
	}
	value := strings.Join(values, ",")
	if len(value) > MaxUIValue {
		return fmt.Errorf("the value has more than %d bytes", MaxUIValue)
	}
	if c.UI == nil {
		c.UI = make(map[string]string)
	}
	c.UI[name] = value
	return nil
}

// flattenUI gives the values of the [ui] table and its tables one name each.
func flattenUI(prefix string, table map[string]any, values map[string][]string) error {
	for name, v := range table {
		if inner, ok := v.(map[string]any); ok {
			if strings.Count(prefix, ".") > 3 {
				return fmt.Errorf("%s%s: tables within tables within tables", prefix, name)
			}
			if err := flattenUI(prefix+name+".", inner, values); err != nil {
				return err
			}
			continue
		}
		texts, err := valueTexts(v)
		if err != nil {
			return fmt.Errorf("%s%s: %w", prefix, name, err)
		}
		values[prefix+name] = texts
	}
	return nil
}
