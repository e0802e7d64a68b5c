package config

import "testing"

func TestParseSize(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]uint64{
		"0": 0, "none": 0, "off": 0, "17": 17, "17B": 17, "1k": 1024, "1 KiB": 1024, "500kB": 500_000, "32MiB": 32 << 20,
		"32mib": 32 << 20, "1.5GiB": 3 << 29, " 2 TB ": 2e12, "9223372036854775807": 1<<63 - 1,
	} {
		if got, err := ParseSize(in); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %d, %v, want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"", "MiB", "-1", "1.5", "1 lot", "1e3", "1..2k", "9223372036854775808", "9000000000T", "0x10", "٣", "1KiBB"} {
		if got, err := ParseSize(in); err == nil {
			t.Errorf("ParseSize(%q) = %d, want an error", in, got)
		}
	}
	for _, n := range []uint64{0, 1, 1000, 1024, 1025, 3 << 29, 1 << 40, 1<<63 - 1} {
		if got, err := ParseSize(FormatSize(n)); err != nil || got != n {
			t.Errorf("%d is written %q and read back as %d, %v", n, FormatSize(n), got, err)
		}
	}
}

func TestParseDays(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]uint32{
		"0": 0, "forever": 0, "never": 0, "off": 0, "30": 30, "30d": 30, "1 day": 1, "12w": 84, "6 months": 180, "1Y": 365, "36500": 36500,
	} {
		if got, err := ParseDays(in); err != nil || got != want {
			t.Errorf("ParseDays(%q) = %d, %v, want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"", "d", "-1", "1.5y", "5 minutes", "36501", "101y", "4294967296", "1m"} {
		if got, err := ParseDays(in); err == nil {
			t.Errorf("ParseDays(%q) = %d, want an error", in, got)
		}
	}
}

func TestLoopback(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"127.0.0.1:0": "127.0.0.1:0", "localhost:8080": "127.0.0.1:8080", "[::1]:65535": "[::1]:65535",
	} {
		if got, err := Loopback(in); err != nil || got.String() != want {
			t.Errorf("Loopback(%q) = %v, %v, want %s", in, got, err, want)
		}
	}
	for _, in := range []string{
		"", "8080", ":8080", "0.0.0.0:80", "[::]:80", "127.0.0.2:80", "192.168.1.4:80", "example.org:80", "127.0.0.1", "127.0.0.1:http",
		"127.0.0.1:65536", "127.0.0.1:-1", "localhost.:80", "LOCALHOST:80", "[::1%lo]:80", "[::ffff:127.0.0.1]:80", "127.1:80", "2130706433:80", "/tmp/x:1",
	} {
		if got, err := Loopback(in); err == nil {
			t.Errorf("Loopback(%q) = %v, want an error", in, got)
		}
	}
}
