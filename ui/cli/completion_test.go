package cli

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// shell runs a script in a shell that may not be there.
func shell(t *testing.T, name, script string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("no %s here", name)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "TERM=dumb")
	cmd.Dir = t.TempDir()
	cmd.Stdin = strings.NewReader(script)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
	return string(out)
}

// TestCompletionInFish asks fish itself what it completes.
func TestCompletionInFish(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "kith.fish")
	if err := os.WriteFile(file, []byte(newSession(t, nil).must(t, "completion", "fish")), 0o600); err != nil {
		t.Fatal(err)
	}
	out := shell(t, "fish", `source `+file+`
for line in "kith fri" "kith friends ac" "kith friends add --no" "kith files send --cap" "kith send --w"
  complete -C $line | cut -f1
end
`, "--no-config")
	if want := "friends\naccept\n--note\n--caption\n--wait\n"; out != want {
		t.Errorf("fish completes %q, want %q", out, want)
	}
}

// TestCompletionInZsh types into a zsh on a terminal of its own and presses
// Tab, with the script sourced, and found in $fpath.
func TestCompletionInZsh(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "_kith"), []byte(newSession(t, nil).must(t, "completion", "zsh")), 0o600); err != nil {
		t.Fatal(err)
	}
	const typed = `
zmodload zsh/zpty
try() {
  zpty z zsh -f -i
  zpty -w z "PS1= PS2= RPS1=; unsetopt zle_bracketed_paste; stty -echo 2>/dev/null; $1; kith() { print -r -- \"<\"\"<\$*>\"\">\" }"
  shift
  for line in "$@"; do zpty -w -n z "$line"$'\t\n'; zpty -r z out $'*>>*'; print -r -- "${${out##*<<}%%>>*}"; done
  zpty -d z
}
`
	lines := ` "kith fri" "kith friends ac" "kith friends add --no" "kith files send --cap" "kith send --w"` + "\n"
	for how, load := range map[string]string{
		"sourced": "autoload -Uz compinit; compinit -u -D; source " + dir + "/_kith",
		"fpath":   "fpath=(" + dir + " $fpath); autoload -Uz compinit; compinit -u -D",
	} {
		out := shell(t, "zsh", typed+"try '"+load+"'"+lines, "-f")
		var got []string
		for line := range strings.Lines(out) {
			got = append(got, strings.TrimSpace(line))
		}
		if want := "friends|friends accept|friends add --note|files send --caption|send --wait"; strings.Join(got, "|") != want {
			t.Errorf("zsh (%s) completes %q, want %s", how, got, want)
		}
	}
}
