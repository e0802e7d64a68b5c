package main

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// The scripts in testdata/script run the real program and read as a manual:
//
//	exits CODE kith ARG...   the command ends with this exit code
//	until kith ARG...        the command is repeated until it succeeds
//	keep NAME BEFORE         what stands between BEFORE and the next quote in
//	                         the output of the last command becomes $NAME
//
// Nodes listen on loopback alone, without mDNS and DHT.

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"kith": main}) }

func TestScripts(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("testdata", "script")
	if all, err := filepath.Glob(filepath.Join(dir, "*.txtar")); err != nil || len(all) == 0 {
		t.Fatalf("no scripts in %s: %v", dir, err)
	}
	testscript.Run(t, testscript.Params{
		Dir: dir,
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			e.Setenv(keyringSwitch, "off")
			e.Setenv("KITH_LISTEN", "/ip4/127.0.0.1/tcp/0")
			e.Setenv("KITH_MDNS", "false")
			e.Setenv("KITH_DHT", "off")
			e.Setenv("KITH_BOOTSTRAP", "none")
			e.Setenv("KITH_MIN_FREE", "16MiB")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "until": until, "keep": keep,
		},
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, not %d", got, want)
	}
}

func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: until COMMAND...")
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := ts.Exec(args[0], args[1:]...)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("still failing after 30 s: %v", err)
		}
		<-tick.C
	}
}

func keep(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: keep NAME BEFORE")
	}
	out := ts.ReadFile("stdout")
	_, after, found := strings.Cut(out, args[1])
	if !found {
		ts.Fatalf("%q is not in %s", args[1], out)
	}
	value, _, _ := strings.Cut(after, `"`)
	ts.Setenv(args[0], value)
}
