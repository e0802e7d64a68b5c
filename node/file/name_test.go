package file

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// hostileNames are the pieces that hostile names are made of.
var hostileNames = []string{
	"../", "..", "/", `\`, `..\`, "/etc/passwd", `C:\`, "C:", ":ads", "::$DATA", "\x00", "\n", "\r", "\x1b[2J", "\x7f", "\u009b", "CON", "con", "PRN", "aux",
	"NUL", "COM1", "com¹", "LPT9", "CONIN$", ".txt", ".exe", ".tar.gz", ".", " ", "\t", "~", "-", "--rf", "*", "?", "\"", "<img src=x onerror=alert(1)>", "|",
	"\u202e", "gpj.exe", "\u200b", "\u200d", "\ufeff", "\u2066", "\u00ad", "\u3164", "\u115f", "\ufe0f", "\u2028", "\u2029", "\U000e0041", "\ue000", "\xff", "\xc0\xaf",
	"ünïcödé", "e\u0301", "文件", "عربى", "🎉", "K", "COM\u00b2", "a", "report", "LOCK", "desktop.ini", "\ufffd", "\uff0f", "\u2215", "CLOC\u212a$", "/dev/null",
}

// badName says what is wrong with a cleaned name; empty: nothing.
func badName(name string) string {
	switch {
	case name == "":
		return "it is empty"
	case len(name) > MaxName:
		return "it is too long"
	case !utf8.ValidString(name):
		return "it is not UTF-8"
	case strings.ContainsAny(name, `/\:*?"<>|`):
		return "it contains a separator"
	case strings.HasPrefix(name, "."), strings.HasPrefix(name, "-"), strings.HasPrefix(name, " "), strings.HasPrefix(name, "~"):
		return "its beginning"
	case strings.HasSuffix(name, "."), strings.HasSuffix(name, " "):
		return "its end"
	case reservedName(name):
		return "it is a device"
	case filepath.Base(name) != name, !filepath.IsLocal(name):
		return "it is a path"
	case CleanName(name) != name:
		return "cleaning it again changes it to " + CleanName(name)
	}
	for _, r := range name {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || !unicode.IsGraphic(r) {
			return "it contains an invisible character"
		}
	}
	return ""
}

// TestFileName_Hostile makes 5,000 hostile names and a file under each.
func TestFileName_Hostile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for i := range 5000 {
		var b strings.Builder
		if i < len(hostileNames) {
			b.WriteString(hostileNames[i])
		} else {
			for range 1 + randomInt(12) {
				b.WriteString(strings.Repeat(hostileNames[randomInt(int64(len(hostileNames)))], 1+int(randomInt(3)*randomInt(30))))
			}
		}
		name := CleanName(b.String())
		if bad := badName(name); bad != "" {
			t.Fatalf("%q became %q: %s", b.String(), name, bad)
		}
		for _, n := range []string{name, numbered(name, "2"), numbered(name, "10000"), partName(name, "abcdefghij")} {
			if len(n) > 255 {
				t.Fatalf("%d bytes for a file system", len(n))
			}
		}
		f, err := root.Create(name)
		if err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		f.Close()
	}
	if entries, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(entries) != 1 {
		t.Fatalf("something was made beside the folder: %v %v", entries, err)
	}
}

func TestCleanName(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ü", 150)
	for in, want := range map[string]string{
		"report.pdf":                       "report.pdf",
		"../../.ssh/id_ed25519":            "id_ed25519",
		`C:\Users\x\photo.jpg`:             "photo.jpg",
		"photo\u202egpj.exe":               "photogpj.exe",
		"con.txt":                          "_con.txt",
		"com¹":                             "_com¹",
		"..":                               "file",
		"":                                 "file",
		".bashrc":                          "bashrc",
		"-rf":                              "rf",
		"name. . .":                        "name",
		"notes.txt:hidden":                 "notes.txt_hidden",
		"\xff\xfe":                         "_",
		"two  words.txt":                   "two  words.txt",
		"e\u0301.txt":                      "é.txt",
		long + ".jpeg":                     strings.Repeat("ü", 97) + ".jpeg",
		strings.Repeat("a", 300):           strings.Repeat("a", 200),
		"x." + long:                        "x." + strings.Repeat("ü", 99),
		"CLOC\u212a$":                      "_CLOCK$",
		"con ." + strings.Repeat("a", 300): "_con ." + strings.Repeat("a", 194),
	} {
		if got := CleanName(in); got != want {
			t.Errorf("%q: %q, not %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"a.txt": "a (2).txt", "noext": "noext (2)", "a.tar.gz": "a.tar (2).gz"} {
		if got := numbered(in, "2"); got != want {
			t.Errorf("%q: %q, not %q", in, got, want)
		}
	}
}

func FuzzFileName(f *testing.F) {
	for _, s := range hostileNames {
		f.Add(s)
	}
	junk := make([]byte, 300)
	if _, err := rand.Read(junk); err != nil {
		f.Fatal(err)
	}
	f.Add(string(junk))
	f.Fuzz(func(t *testing.T, s string) {
		if bad := badName(CleanName(s)); bad != "" {
			t.Fatalf("%q became %q: %s", s, CleanName(s), bad)
		}
	})
}
