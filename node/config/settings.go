package config

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
)

const (
	// noMDNS is the flag's way to say mdns=false.
	noMDNS = "no-mdns"
	// none is how an empty list is written where a list has no other form.
	none = "none"
	// maxList bounds the entries of a list.
	maxList = 64
	// tokenFile is the default name of the token file, inside the home.
	tokenFile = "api.token"
	// DefaultAutoAccept is the default of auto-accept in bytes.
	DefaultAutoAccept = 32 << 20
)

// setting is one row of the table.
type setting struct {
	name  string
	flag  string // the name of its own flag; "" where --set is needed
	list  bool
	parse func(c *Config, env environ, values []string) error
	show  func(c Config) string
}

// settings is the one table of what can be set, in the order to print.
func settings() []setting {
	return []setting{
		{
			"listen", "listen", true,
			func(c *Config, _ environ, v []string) (err error) {
				c.Listen, err = list(v, checkListen)
				return err
			},
			func(c Config) string { return showList(c.Listen) },
		},
		{
			"mdns", "", false,
			func(c *Config, _ environ, v []string) error { return setBool(&c.MDNS, v) },
			func(c Config) string { return strconv.FormatBool(c.MDNS) },
		},
		{
			"dht", "dht", false,
			func(c *Config, _ environ, v []string) (err error) {
				c.DHT, err = oneOf(v[0], "public", "private", "off")
				return err
			},
			func(c Config) string { return c.DHT },
		},
		{
			"bootstrap", "bootstrap", true,
			func(c *Config, _ environ, v []string) (err error) {
				c.Bootstrap, err = list(v, checkPeer)
				return err
			},
			func(c Config) string { return showList(c.Bootstrap) },
		},
		{
			"relay", "relay", false,
			func(c *Config, _ environ, v []string) error { return setBool(&c.Relay, v) },
			func(c Config) string { return strconv.FormatBool(c.Relay) },
		},
		{
			"web", "web", false, setWeb,
			func(c Config) string {
				if c.Web == "" {
					return "off"
				}
				return c.Web
			},
		},
		{
			"token-file", "", false,
			func(c *Config, env environ, v []string) (err error) {
				c.TokenFile, err = absolute(v[0], env)
				return err
			},
			func(c Config) string { return c.TokenFile },
		},
		{
			"receipts", "", false,
			func(c *Config, _ environ, v []string) error { return setBool(&c.Receipts, v) },
			func(c Config) string { return strconv.FormatBool(c.Receipts) },
		},
		{
			"typing", "", false,
			func(c *Config, _ environ, v []string) error { return setBool(&c.Typing, v) },
			func(c Config) string { return strconv.FormatBool(c.Typing) },
		},
		{
			"auto-accept", "", false,
			func(c *Config, _ environ, v []string) (err error) {
				c.AutoAccept, err = ParseSize(v[0])
				return err
			},
			func(c Config) string { return FormatSize(c.AutoAccept) },
		},
		{
			"download-dir", "", false,
			func(c *Config, env environ, v []string) (err error) {
				c.Downloads, err = absolute(v[0], env)
				return err
			},
			func(c Config) string { return c.Downloads },
		},
		{
			"retention-days", "", false,
			func(c *Config, _ environ, v []string) (err error) {
				c.RetentionDays, err = ParseDays(v[0])
				return err
			},
			func(c Config) string {
				if c.RetentionDays == 0 {
					return "forever"
				}
				return strconv.FormatUint(uint64(c.RetentionDays), 10)
			},
		},
		{
			"min-free", "", false,
			func(c *Config, _ environ, v []string) (err error) {
				if c.MinFree = 0; v[0] == "auto" {
					return nil
				}
				c.MinFree, err = ParseSize(v[0])
				return err
			},
			func(c Config) string {
				if c.MinFree == 0 {
					return "auto"
				}
				return FormatSize(c.MinFree)
			},
		},
		{
			"log-level", "", false,
			func(c *Config, _ environ, v []string) error {
				level, err := oneOf(v[0], "debug", "info", "warn", "error")
				if err != nil {
					return err
				}
				return c.LogLevel.UnmarshalText([]byte(level))
			},
			func(c Config) string { return strings.ToLower(c.LogLevel.String()) },
		},
	}
}

// find returns the row of a setting.
func find(name string) (setting, bool) {
	want := name
	if name == noMDNS {
		want = "mdns"
	}
	for _, s := range settings() {
		if s.name == want {
			if name == noMDNS {
				s.flag = noMDNS
			}
			return s, true
		}
	}
	return setting{}, false
}

// meant proposes a setting for a name that is none.
func meant(name string) string {
	name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
	for _, s := range settings() {
		if s.name == name || len(name) > 2 && (strings.HasPrefix(s.name, name) || strings.HasPrefix(name, s.name)) {
			return fmt.Sprintf(" (do you mean %q?)", s.name)
		}
	}
	return ""
}

// defaults returns the settings of somebody who set nothing.
func defaults(home string, env environ) (Config, error) {
	downloads, err := downloadDir(env)
	if err != nil {
		return Config{}, err
	}
	return Config{
		Home: home,
		Listen: []string{
			"/ip4/0.0.0.0/udp/4177/quic-v1", "/ip4/0.0.0.0/tcp/4177",
			"/ip6/::/udp/4177/quic-v1", "/ip6/::/tcp/4177",
		},
		MDNS: true,
		DHT:  "public",
		Bootstrap: []string{
			"/dnsaddr/bootstrap.libp2p.io/p2p/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN",
			"/dnsaddr/bootstrap.libp2p.io/p2p/QmQCU2EcMqAqQPR2i9bChDtGNJchTbq5TbXJJ16u19uLTa",
			"/dnsaddr/bootstrap.libp2p.io/p2p/QmbLHAnMoJPWSCR5Zhtx6BHJX9KiKNN6tpvbUcqanj75Nb",
			"/dnsaddr/bootstrap.libp2p.io/p2p/QmcZf59bWwK5XFi76CZX8cbJ4BhTzzA3gU1ZjYZcYW3dwt",
			"/ip4/104.131.131.82/tcp/4001/p2p/QmaCpDMGvV2BGHeYERUEnRQAwe3N8SzbUtfsmvsqQLuvuJ",
		},
		TokenFile:  filepath.Join(home, tokenFile),
		Receipts:   true,
		Typing:     true,
		AutoAccept: DefaultAutoAccept,
		Downloads:  downloads,
		LogLevel:   slog.LevelWarn,
	}, nil
}

// list checks every entry. A lone "none" or "off" is the empty list.
func list(values []string, check func(string) error) ([]string, error) {
	if len(values) == 1 && (values[0] == none || values[0] == "off") {
		return nil, nil
	}
	if len(values) > maxList {
		return nil, fmt.Errorf("%d entries are more than %d", len(values), maxList)
	}
	for _, v := range values {
		if err := check(v); err != nil {
			return nil, err
		}
	}
	return append([]string(nil), values...), nil
}

func showList(values []string) string {
	if len(values) == 0 {
		return none
	}
	return strings.Join(values, ", ")
}

var errAddress = errors.New("write it like /ip4/0.0.0.0/tcp/4177 or /ip4/0.0.0.0/udp/4177/quic-v1")

func checkListen(s string) error {
	a, err := multiaddr.NewMultiaddr(s)
	if err != nil {
		return fmt.Errorf("%q is not a multiaddr: %w", s, errAddress)
	}
	for _, p := range []int{multiaddr.P_TCP, multiaddr.P_UDP} {
		if _, err := a.ValueForProtocol(p); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%q has no port: %w", s, errAddress)
}

func checkPeer(s string) error {
	if _, err := peer.AddrInfoFromString(s); err != nil {
		return fmt.Errorf("%q is not the address of a peer: write it like /ip4/192.0.2.7/tcp/4177/p2p/12D3Koo…, or %s", s, none)
	}
	return nil
}

func setBool(to *bool, values []string) error {
	switch strings.ToLower(values[0]) {
	case "true", "yes", "on", "1":
		*to = true
	case "false", "no", "off", "0":
		*to = false
	default:
		return fmt.Errorf("%q is neither true nor false", values[0])
	}
	return nil
}

func negate(values []string) ([]string, error) {
	var b bool
	if len(values) != 1 {
		return nil, fmt.Errorf("one value is wanted, not %d", len(values))
	}
	if err := setBool(&b, values); err != nil {
		return nil, err
	}
	return []string{strconv.FormatBool(!b)}, nil
}

func oneOf(value string, allowed ...string) (string, error) {
	for _, a := range allowed {
		if strings.EqualFold(value, a) {
			return a, nil
		}
	}
	return "", fmt.Errorf("%q is none of %s", value, strings.Join(allowed, ", "))
}

func setWeb(c *Config, _ environ, v []string) error {
	if strings.EqualFold(v[0], "off") || v[0] == none {
		c.Web = ""
		return nil
	}
	a, err := Loopback(v[0])
	if err != nil {
		return err
	}
	c.Web = a.String()
	return nil
}
