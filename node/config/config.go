package config

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// FileName is the configuration file inside a profile's folder.
const FileName = "config.toml"

// envPrefix begins the names of the environment variables.
const envPrefix = "KITH_"

// ErrInvalid is wrapped by every error about what a person wrote: an unknown
// name, or a value that a setting cannot have.
var ErrInvalid = errors.New("the configuration is not valid")

// Config holds the settings in force.
type Config struct {
	// Home is the profile's folder, an absolute path.
	Home string
	// Listen holds the multiaddrs to listen on; empty listens nowhere.
	Listen []string
	// MDNS looks for people on the LAN.
	MDNS bool
	// DHT is "public", "private" or "off".
	DHT string
	// Bootstrap holds the multiaddrs through which the DHT is entered.
	Bootstrap []string
	// Relay serves as a relay for others.
	Relay bool
	// Web is the loopback address of the API for browsers and bots; "" is off.
	Web string
	// TokenFile is where the token for that address lies.
	TokenFile string
	// Receipts tells friends what has been read.
	Receipts bool
	// Typing tells the others of a chat that one is typing.
	Typing bool
	// UI holds the [ui] table: theme, language, keys and so on, by names such
	// as keys.switcher. Only the screens know what they mean.
	UI map[string]string
	// AutoAccept is the largest file in bytes that is fetched from a friend
	// without being asked for; 0 for none.
	AutoAccept uint64
	// Downloads is the folder for files that are saved without a place.
	Downloads string
	// RetentionDays is for how long messages are kept; 0 for ever.
	RetentionDays uint32
	// MinFree is the free disk space in bytes below which no new work is
	// taken; 0 leaves it to the store.
	MinFree uint64
	// LogLevel is the least important level that is logged.
	LogLevel slog.Level
}

// Setting is one setting as people see it.
type Setting struct {
	Name   string
	Value  string
	Source string // "default", "file PATH", "environment KITH_…", "flag --…"
}

// Resolved is what Resolve found.
type Resolved struct {
	Config   Config
	Settings []Setting // in the order to print
	// Unknown holds the names of environment variables that begin with KITH_
	// and mean nothing; most are misspelt.
	Unknown []string
}

// Options says where to look. Home is required.
type Options struct {
	// Home is the profile's folder, as Home returns it.
	Home string
	// Flags holds what was given on the command line, by the name of the
	// setting; only what was given.
	Flags map[string][]string
	// Environ is the environment as os.Environ returns it; nil takes that of
	// the process.
	Environ []string
}

// layer is one place that settings come from.
type layer struct {
	values map[string][]string
	// source names the place of one setting, for Setting.Source.
	source func(name string) string
	// where names it for an error.
	where func(name string) string
}

// Resolve reads all layers. Every error about what a person wrote wraps
// ErrInvalid and names the setting and where it was set.
func Resolve(o Options) (Resolved, error) {
	env := newEnviron(o.Environ)
	if !filepath.IsAbs(o.Home) {
		return Resolved{}, fmt.Errorf("%w: the home %q is not an absolute path", ErrInvalid, o.Home)
	}
	c, err := defaults(o.Home, env)
	if err != nil {
		return Resolved{}, err
	}
	file, err := readFile(filepath.Join(o.Home, FileName))
	if err != nil {
		return Resolved{}, err
	}
	fromEnv, unknown := envLayer(env)
	sources := make(map[string]string)
	for _, l := range []layer{file, fromEnv, flagLayer(o.Flags)} {
		if err := l.apply(&c, env, sources); err != nil {
			return Resolved{}, err
		}
	}
	if sources["bootstrap"] == "" && c.DHT != "public" {
		c.Bootstrap = nil // the default list leads into the public network
	}
	return Resolved{Config: c, Settings: show(c, env, sources), Unknown: unknown}, nil
}

// apply sets what the layer holds, in the order of the table, and notes where
// each came from.
func (l layer) apply(c *Config, env environ, sources map[string]string) error {
	set := make(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(l.values)) {
		if ui, ok := strings.CutPrefix(name, uiPrefix); ok {
			if err := c.setUI(ui, l.values[name]); err != nil {
				return fmt.Errorf("%w: %s: %w", ErrInvalid, l.where(name), err)
			}
			sources[name] = l.source(name)
			continue
		}
		s, known := find(name)
		if !known {
			return fmt.Errorf("%w: %s: there is no setting %q%s", ErrInvalid, l.where(name), name, meant(name))
		}
		if other, twice := set[s.name]; twice {
			return fmt.Errorf("%w: %s: %s was set as %s already", ErrInvalid, l.where(name), s.name, other)
		}
		set[s.name] = name
		values := l.values[name]
		if name == noMDNS {
			flipped, err := negate(values)
			if err != nil {
				return fmt.Errorf("%w: %s: %w", ErrInvalid, l.where(name), err)
			}
			values = flipped
		}
		if !s.list && len(values) != 1 {
			return fmt.Errorf("%w: %s: one value is wanted, not %d", ErrInvalid, l.where(name), len(values))
		}
		if err := s.parse(c, env, values); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrInvalid, l.where(name), err)
		}
		sources[s.name] = l.source(name)
	}
	return nil
}

// show lists every setting with its value and source.
func show(c Config, env environ, sources map[string]string) []Setting {
	all := settings()
	out := make([]Setting, 0, len(all)+1)
	out = append(out, Setting{"home", c.Home, homeSource(c.Home, env)})
	for _, s := range all {
		source := sources[s.name]
		if source == "" {
			source = "default"
		}
		out = append(out, Setting{s.name, s.show(c), source})
	}
	for _, name := range slices.Sorted(maps.Keys(c.UI)) {
		out = append(out, Setting{uiPrefix + name, c.UI[name], sources[uiPrefix+name]})
	}
	return out
}

// envLayer reads the environment. A variable that is set to nothing counts as
// not set.
func envLayer(env environ) (l layer, unknown []string) {
	l = layer{
		values: make(map[string][]string),
		source: func(name string) string { return "environment " + envName(name) },
		where:  envName,
	}
	for variable, value := range env {
		if !strings.HasPrefix(variable, envPrefix) || value == "" || notSetting(variable) {
			continue
		}
		name := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(variable, envPrefix)), "_", "-")
		s, known := find(name)
		switch {
		case !known || variable != envName(name):
			unknown = append(unknown, variable)
		case s.list:
			l.values[name] = strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' })
		default:
			l.values[name] = []string{value}
		}
	}
	slices.Sort(unknown)
	return l, unknown
}

// notSetting reports whether a variable is kith's but no setting: the home is
// found before, and the passphrase is a secret that must never be shown.
func notSetting(variable string) bool {
	return variable == envHome || variable == "KITH_PASSPHRASE"
}

func envName(name string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

func flagLayer(flags map[string][]string) layer {
	name := func(name string) string {
		if s, _ := find(name); s.flag == name && name != "" {
			return "--" + name
		}
		return "--set " + name
	}
	return layer{
		values: flags, where: name,
		source: func(n string) string { return "flag " + name(n) },
	}
}

// environ is the environment by name.
type environ map[string]string

func newEnviron(list []string) environ {
	if list == nil {
		list = os.Environ()
	}
	env := make(environ, len(list))
	for _, pair := range list {
		if name, value, ok := strings.Cut(pair, "="); ok {
			env[name] = value
		}
	}
	return env
}
