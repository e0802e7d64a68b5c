package config

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzFile: whatever stands in the file, reading it ends in settings that can
// be shown and read back, or in an error.
func FuzzFile(f *testing.F) {
	for _, seed := range []string{
		"", "dht = \"off\"\nmdns = false\n", "listen = [\"/ip4/127.0.0.1/tcp/0\", \"/ip6/::1/udp/0/quic-v1\"]\n",
		"auto-accept = \"1.5GiB\"\nretention-days = \"12w\"\nmin-free = 5\n", "web = \"localhost:0\"\n", "[dht]\na.b.c = 1\n",
		"bootstrap = [\"" + peerAddress + "\"]\n", "no-mdns = true\n", "dht = '''\nprivate'''", "x = [[[[[[]]]]]]", "listen = [[\"a\"]]", "\"dht\" = \"off\"",
		"download-dir = \"~/\\u0000\"", "log-level = \"debug\"\ntoken-file = \"/tmp/t\"\nreceipts = 'no'\nrelay = true\n", "a = {b = {c = nan}}", "= = =",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		home, env := t.TempDir(), []string{"HOME=/home/ann"}
		if err := os.WriteFile(filepath.Join(home, FileName), raw, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := Resolve(Options{Home: home, Environ: env})
		if err != nil {
			return
		}
		for _, s := range r.Settings[1:] {
			if s.Name == "listen" || s.Name == "bootstrap" {
				continue
			}
			if _, err := Resolve(Options{Home: t.TempDir(), Environ: env, Flags: map[string][]string{s.Name: {s.Value}}}); err != nil {
				t.Errorf("%s is shown as %q, which cannot be read: %v", s.Name, s.Value, err)
			}
		}
	})
}
