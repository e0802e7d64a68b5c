package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	dht "github.com/libp2p/go-libp2p-kad-dht"

	"github.com/kith-chat/kith/node/nethost"
)

const peerAddress = "/ip4/192.0.2.7/tcp/4177/p2p/12D3KooWGRUV8rqLsGNhsmLRQzpzFfBmCzjDjNgBkhPCRMWFhBBY"

// homeWith returns a home that holds this configuration file.
func homeWith(t *testing.T, file string) string {
	t.Helper()
	home := t.TempDir()
	if file != "" {
		if err := os.WriteFile(filepath.Join(home, FileName), []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return home
}

func value(t *testing.T, r Resolved, name string) Setting {
	t.Helper()
	i := slices.IndexFunc(r.Settings, func(s Setting) bool { return s.Name == name })
	if i < 0 {
		t.Fatalf("no setting %q is shown", name)
	}
	return r.Settings[i]
}

func TestLayers(t *testing.T) {
	t.Parallel()
	file := "dht = \"private\"\nreceipts = false\nauto-accept = \"1MiB\"\nlisten = [\"/ip4/127.0.0.1/tcp/0\"]\n"
	for _, c := range []struct {
		name    string
		file    string
		env     []string
		flags   map[string][]string
		setting string
		value   string
		source  string
	}{
		{"default", "", nil, nil, "dht", "public", "default"},
		{"file over default", file, nil, nil, "dht", "private", "file HOME/config.toml"},
		{"environment over file", file, []string{"KITH_DHT=off"}, nil, "dht", "off", "environment KITH_DHT"},
		{"flag over environment", file, []string{"KITH_DHT=off"}, map[string][]string{"dht": {"public"}}, "dht", "public", "flag --dht"},
		{"flag of the general form", "", nil, map[string][]string{"receipts": {"no"}}, "receipts", "false", "flag --set receipts"},
		{"bool of the file", file, nil, nil, "receipts", "false", "file HOME/config.toml"},
		{"size of the file", file, nil, nil, "auto-accept", "1MiB", "file HOME/config.toml"},
		{"number in the file", "auto-accept = 1000\n", nil, nil, "auto-accept", "1000", "file HOME/config.toml"},
		{"list of the file", file, nil, nil, "listen", "/ip4/127.0.0.1/tcp/0", "file HOME/config.toml"},
		{"empty list of the file", "listen = []\n", nil, nil, "listen", "none", "file HOME/config.toml"},
		{
			"list of the environment", "",
			[]string{"KITH_LISTEN=/ip4/127.0.0.1/tcp/1, /ip4/127.0.0.1/tcp/2"},
			nil,
			"listen", "/ip4/127.0.0.1/tcp/1, /ip4/127.0.0.1/tcp/2", "environment KITH_LISTEN",
		},
		{"empty variable", "", []string{"KITH_DHT="}, nil, "dht", "public", "default"},
		{"no-mdns as a flag", "", nil, map[string][]string{"no-mdns": {"true"}}, "mdns", "false", "flag --no-mdns"},
		{"no-mdns taken back", "mdns = false\n", nil, map[string][]string{"no-mdns": {"false"}}, "mdns", "true", "flag --no-mdns"},
		{"no-mdns in the file", "no-mdns = true\n", nil, nil, "mdns", "false", "file HOME/config.toml"},
		{"no-mdns in the environment", "", []string{"KITH_NO_MDNS=1"}, nil, "mdns", "false", "environment KITH_NO_MDNS"},
		{"mdns by the general form", "", nil, map[string][]string{"mdns": {"off"}}, "mdns", "false", "flag --set mdns"},
		{"no bootstrap", "", nil, map[string][]string{"bootstrap": {"none"}}, "bootstrap", "none", "flag --bootstrap"},
		{"bootstrap replaced", "", nil, map[string][]string{"bootstrap": {peerAddress}}, "bootstrap", peerAddress, "flag --bootstrap"},
		{"a closed network has no public entry", "dht = \"private\"\n", nil, nil, "bootstrap", "none", "default"},
		{"but keeps its own", "dht = \"private\"\nbootstrap = [\"" + peerAddress + "\"]", nil, nil, "bootstrap", peerAddress, "file HOME/config.toml"},
		{"web off", "", nil, nil, "web", "off", "default"},
		{"web on", "", nil, map[string][]string{"web": {"localhost:8080"}}, "web", "127.0.0.1:8080", "flag --web"},
		{"web off again", "web = \"127.0.0.1:1\"\n", nil, map[string][]string{"web": {"off"}}, "web", "off", "flag --web"},
		{"typing", "typing = false\n", nil, nil, "typing", "false", "file HOME/config.toml"},
		{"a screen's setting", "[ui]\ntheme = \"light\"\n", nil, nil, "ui.theme", "light", "file HOME/config.toml"},
		{"a screen's table", "[ui.keys]\nswitcher = [\"ctrl+p\", \"f2\"]\n", nil, nil, "ui.keys.switcher", "ctrl+p,f2", "file HOME/config.toml"},
		{"retention", "retention-days = 30\n", nil, nil, "retention-days", "30", "file HOME/config.toml"},
		{"retention in words", "", []string{"KITH_RETENTION_DAYS=12 weeks"}, nil, "retention-days", "84", "environment KITH_RETENTION_DAYS"},
		{"log level", "", nil, map[string][]string{"log-level": {"DEBUG"}}, "log-level", "debug", "flag --set log-level"},
		{"download folder", "download-dir = \"~/in\"\n", nil, nil, "download-dir", "/home/ann/in", "file HOME/config.toml"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			home := homeWith(t, c.file)
			r, err := Resolve(Options{Home: home, Flags: c.flags, Environ: append(c.env, "HOME=/home/ann")})
			if err != nil {
				t.Fatal(err)
			}
			got := value(t, r, c.setting)
			want := Setting{c.setting, c.value, strings.ReplaceAll(c.source, "HOME/", home+"/")}
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestErrorsNameThePlace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		file  string
		env   []string
		flags map[string][]string
		want  string
	}{
		{"unknown key", "dht = \"off\"\n\n  colour = 3\n", nil, nil, `config.toml, line 3: colour: there is no setting "colour"`},
		{"almost a key", "log_level = \"info\"\n", nil, nil, `do you mean "log-level"?`},
		{"bad name for a screen", "[ui]\n\"A b\" = 1\n", nil, nil, "small letters"},
		{"unknown table", "\n[network]\nx = 1\n", nil, nil, `config.toml, line 2: network: there is no setting`},
		{"unknown flag", "", nil, map[string][]string{"nonsense": {"1"}}, `--set nonsense: there is no setting "nonsense"`},
		{"bad value in the file", "\nauto-accept = \"lots\"\n", nil, nil, `config.toml, line 2: auto-accept: "lots" is not a size`},
		{"bad value in the environment", "", []string{"KITH_AUTO_ACCEPT=lots"}, nil, `KITH_AUTO_ACCEPT: "lots" is not a size`},
		{"bad value of a flag", "", nil, map[string][]string{"dht": {"maybe"}}, `--dht: "maybe" is none of public, private, off`},
		{"bad bool", "", nil, map[string][]string{"relay": {"perhaps"}}, `--relay: "perhaps" is neither true nor false`},
		{"bad negation", "", nil, map[string][]string{"no-mdns": {"perhaps"}}, `--no-mdns: "perhaps" is neither`},
		{"both forms", "mdns = true\nno-mdns = true\n", nil, nil, `no-mdns: mdns was set as mdns already`},
		{"syntax", "dht = \n", nil, nil, "config.toml: line 1: "},
		{"wrong type", "dht = 1979-05-27\n", nil, nil, "line 1: dht: a text, a number, true, false or a list"},
		{"list of numbers", "listen = [1]\n", nil, nil, "line 1: listen: a list holds texts"},
		{"list where one is wanted", "dht = [\"off\", \"public\"]\n", nil, nil, "one value is wanted, not 2"},
		{"not a multiaddr", "listen = [\"127.0.0.1:80\"]\n", nil, nil, `listen: "127.0.0.1:80" is not a multiaddr: write it like /ip4/`},
		{"no port", "", nil, map[string][]string{"listen": {"/ip4/127.0.0.1"}}, `--listen: "/ip4/127.0.0.1" has no port`},
		{"bootstrap without a peer", "", nil, map[string][]string{"bootstrap": {"/ip4/192.0.2.7/tcp/1"}}, `is not the address of a peer`},
		{"web for all", "", nil, map[string][]string{"web": {"0.0.0.0:80"}}, `--web: "0.0.0.0:80" would be reachable from elsewhere`},
		{"relative folder", "download-dir = \"in\"\n", nil, nil, `download-dir: "in" is not an absolute path`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := Resolve(Options{Home: homeWith(t, c.file), Flags: c.flags, Environ: append(c.env, "HOME=/home/ann")})
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("got %v, want an error that is ErrInvalid", err)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

// TestPassphraseIsNoSetting: the one secret of the environment never shows.
func TestPassphraseIsNoSetting(t *testing.T) {
	t.Parallel()
	r, err := Resolve(Options{Home: t.TempDir(), Environ: []string{"HOME=/home/ann", "KITH_PASSPHRASE=swordfish", "KITH_LISTNE=x"}})
	if err != nil {
		t.Fatal(err)
	}
	if all := fmt.Sprintf("%+v", r); strings.Contains(all, "swordfish") || strings.Contains(all, "PASSPHRASE") {
		t.Errorf("the passphrase shows: %s", all)
	}
	if !slices.Equal(r.Unknown, []string{"KITH_LISTNE"}) {
		t.Errorf("unknown variables %v, want the misspelt one", r.Unknown)
	}
	if _, err := Resolve(Options{Home: t.TempDir(), Flags: map[string][]string{"passphrase": {"swordfish"}}}); err == nil || strings.Contains(err.Error(), "swordfish") {
		t.Errorf("got %v, want a refusal that does not repeat the value", err)
	}
}

// TestShownValuesAreReadBack: what kith config shows can be written into the
// file as it stands.
func TestShownValuesAreReadBack(t *testing.T) {
	t.Parallel()
	home, env := t.TempDir(), []string{"HOME=/home/ann"}
	first, err := Resolve(Options{Home: home, Environ: env, Flags: map[string][]string{"web": {"[::1]:0"}, "min-free": {"1GiB"}}})
	if err != nil {
		t.Fatal(err)
	}
	flags := make(map[string][]string)
	for _, s := range first.Settings {
		if s.Name != "home" {
			flags[s.Name] = strings.Split(s.Value, ", ")
		}
	}
	second, err := Resolve(Options{Home: home, Environ: env, Flags: flags})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(second.Config), fmt.Sprint(first.Config); got != want {
		t.Errorf("read back\n%s\nwant\n%s", got, want)
	}
}

func TestHome(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		flag string
		env  []string
		want string
	}{
		{"flag", "/tmp/x", []string{"KITH_HOME=/tmp/y"}, "/tmp/x"},
		{"environment", "", []string{"KITH_HOME=/tmp/y", "HOME=/home/ann"}, "/tmp/y"},
		{"XDG", "", []string{"XDG_DATA_HOME=/data", "HOME=/home/ann"}, "/data/kith"},
		{"XDG must be absolute", "", []string{"XDG_DATA_HOME=data", "HOME=/home/ann"}, "/home/ann/.local/share/kith"},
		{"default", "", []string{"HOME=/home/ann"}, "/home/ann/.local/share/kith"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := Home(c.flag, c.env)
			if err != nil || got != c.want {
				t.Errorf("got %q, %v, want %q", got, err, c.want)
			}
		})
	}
	rel, err := Home("somewhere", nil)
	if err != nil || !filepath.IsAbs(rel) {
		t.Errorf("a relative home became %q, %v", rel, err)
	}
}

func TestDownloads(t *testing.T) {
	t.Parallel()
	user := t.TempDir()
	dirs := filepath.Join(user, ".config", "user-dirs.dirs")
	if err := os.MkdirAll(filepath.Dir(dirs), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, file string
		env        []string
		want       string
	}{
		{"nothing said", "", nil, filepath.Join(user, "Downloads", "kith")},
		{"user-dirs", "# comment\nXDG_DOWNLOAD_DIR=\"$HOME/Scaricati\"\n", nil, filepath.Join(user, "Scaricati", "kith")},
		{"switched off", "XDG_DOWNLOAD_DIR=\"$HOME/\"\n", nil, filepath.Join(user, "Downloads", "kith")},
		{"relative", "XDG_DOWNLOAD_DIR=\"in\"\n", nil, filepath.Join(user, "Downloads", "kith")},
		{"variable", "XDG_DOWNLOAD_DIR=\"$HOME/Scaricati\"\n", []string{"XDG_DOWNLOAD_DIR=/in"}, "/in/kith"},
	} {
		if err := os.WriteFile(dirs, []byte(c.file), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := downloadDir(newEnviron(append(c.env, "HOME="+user)))
		if err != nil || got != c.want {
			t.Errorf("%s: got %q, %v, want %q", c.name, got, err, c.want)
		}
	}
}

// TestDefaultsAgree: the defaults that other packages know too are the same.
func TestDefaultsAgree(t *testing.T) {
	t.Parallel()
	c, err := defaults("/home/ann/k", newEnviron([]string{"HOME=/home/ann"}))
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range c.Listen {
		if !strings.Contains(a, fmt.Sprintf("/%d", nethost.DefaultPort)) || checkListen(a) != nil {
			t.Errorf("%s is not an address on the node's port", a)
		}
	}
	for _, a := range dht.DefaultBootstrapPeers {
		if !slices.Contains(c.Bootstrap, a.String()) {
			t.Errorf("%s is missing from the bootstrap list", a)
		}
	}
	for _, a := range c.Bootstrap {
		if err := checkPeer(a); err != nil {
			t.Error(err)
		}
	}
}

func TestFileThatIsNoFile(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	if err := os.Mkdir(filepath.Join(home, FileName), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Resolve(Options{Home: home}); err == nil {
		t.Error("a folder in the file's place was taken for an empty file")
	}
	big := homeWith(t, strings.Repeat("#", maxFile+1))
	if _, err := Resolve(Options{Home: big}); !errors.Is(err, ErrInvalid) {
		t.Errorf("got %v, want a file of more than %d bytes refused", err, maxFile)
	}
	if _, err := Resolve(Options{Home: "relative"}); !errors.Is(err, ErrInvalid) {
		t.Errorf("got %v, want a relative home refused", err)
	}
}
