package main

import (
	"bufio"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// The house rules, each with its reason. They parse the tree in this process:
// a test that asked `go list` would be answered from the test cache and stay
// green over a forbidden import.

const (
	module = "github.com/kith-chat/kith"
	// maxLines keeps a file readable in one sitting: every code base that we
	// know has one file that ate the program, and it is always the file of
	// the central type.
	maxLines = 600
)

// source is one Go file of the module.
type source struct {
	path      string // slash-separated, from the module's root
	file      *ast.File
	fset      *token.FileSet
	lines     int
	generated bool
	test      bool
}

func (s source) dir() string { return path.Dir(s.path) }

// sources parses every Go file below the module's root.
func sources(t *testing.T) []source {
	t.Helper()
	root := filepath.Join("..", "..")
	var out []source
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && p != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		raw, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, p, raw, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		out = append(out, source{
			path: filepath.ToSlash(rel), file: f, fset: fset,
			lines: strings.Count(string(raw), "\n"), generated: ast.IsGenerated(f),
			test: strings.HasSuffix(name, "_test.go"),
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 20 {
		t.Fatalf("only %d Go files found: the rules would hold over nothing", len(out))
	}
	return out
}

func under(p string, dirs ...string) bool {
	for _, d := range dirs {
		if p == d || strings.HasPrefix(p, d+"/") {
			return true
		}
	}
	return false
}

func TestTopLevelIsFixed(t *testing.T) {
	t.Parallel()
	allowed := map[string]bool{
		"node": true, "cmd": true, "identity": true, "pubsub": true, "ui": true, "bin": true,
		"go.mod": true, "go.sum": true, "Makefile": true, "README.md": true, "LICENSE": true,
	}
	entries, err := os.ReadDir(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !allowed[e.Name()] {
			t.Errorf("%s at the top level: the five folders are the map of the system, a sixth would not be on it", e.Name())
		}
	}
}

func TestImportsPointDown(t *testing.T) {
	t.Parallel()
	rules := []struct {
		from   []string
		except []string
		banned []string
		but    []string
		reason string
	}{
		{
			from: []string{"identity"}, banned: []string{"node", "pubsub", "ui", "cmd"},
			reason: "an auditor reads identity alone for every claim about who said what",
		},
		{
			from: []string{"pubsub"}, banned: []string{"node", "ui", "cmd"},
			reason: "groups state what they need in small interfaces; the node supplies it",
		},
		{
			from: []string{"node"}, banned: []string{"ui", "cmd"},
			reason: "a node must run without any screen",
		},
		{
			from: []string{"ui"}, banned: []string{"node", "pubsub", "identity", "cmd"},
			but:    []string{"node/api/client", "node/api/v1"},
			reason: "a feature is done once in the node, and every screen reaches it through the local API",
		},
		{
			from: []string{"node"}, except: []string{"node/api"}, banned: []string{"node/api"},
			reason: "the API is a client of the node; the engine must not know it",
		},
	}
	for _, s := range sources(t) {
		for _, imp := range s.file.Imports {
			p := strings.Trim(imp.Path.Value, `"`)
			if strings.HasPrefix(p, "github.com/dgraph-io/badger") && !under(s.dir(), "node/store") {
				t.Errorf("%s imports badger: only node/store knows how data rests, so that durability is argued in one place", s.path)
			}
			local, ours := strings.CutPrefix(p, module+"/")
			if !ours {
				continue
			}
			if under(local, "cmd") {
				t.Errorf("%s imports %s: nothing imports cmd", s.path, local)
			}
			for _, r := range rules {
				if under(s.dir(), r.from...) && !under(s.dir(), r.except...) && under(local, r.banned...) && !under(local, r.but...) {
					t.Errorf("%s imports %s, but %s", s.path, local, r.reason)
				}
			}
		}
	}
}

func TestOnePackageDocEach(t *testing.T) {
	t.Parallel()
	docs, dirs := map[string][]string{}, map[string]bool{}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		if s.generated && path.Base(s.dir()) == "apiv1connect" {
			continue // generated as a whole; its doc is that of the schema
		}
		dirs[s.dir()] = true
		if s.file.Doc != nil && !s.generated {
			docs[s.dir()] = append(docs[s.dir()], s.path)
		}
	}
	for d := range dirs {
		if len(docs[d]) != 1 {
			t.Errorf("%s has %d package comments %v, want one: it says what the package is for and what it must not know", d, len(docs[d]), docs[d])
		}
	}
}

func TestExportedNamesAreDocumented(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if s.test || s.generated {
			continue
		}
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) {
					t.Errorf("%s: %s has no comment: units, limits and errors belong there", s.fset.Position(d.Pos()), d.Name.Name)
				}
			case *ast.GenDecl:
				undocumented(t, s, d)
			}
		}
	}
}

// exportedReceiver reports whether d is a function, or a method of an
// exported type.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return true
	}
	x := d.Recv.List[0].Type
	for {
		switch e := x.(type) {
		case *ast.StarExpr:
			x = e.X
		case *ast.IndexExpr:
			x = e.X
		case *ast.Ident:
			return e.IsExported()
		default:
			return true
		}
	}
}

func undocumented(t *testing.T, s source, d *ast.GenDecl) {
	t.Helper()
	for _, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			if spec.Name.IsExported() && spec.Doc == nil && d.Doc == nil {
				t.Errorf("%s: type %s has no comment", s.fset.Position(spec.Pos()), spec.Name.Name)
			}
		case *ast.ValueSpec:
			for _, n := range spec.Names {
				if n.IsExported() && spec.Doc == nil && spec.Comment == nil && d.Doc == nil {
					t.Errorf("%s: %s has no comment", s.fset.Position(n.Pos()), n.Name)
				}
			}
		}
	}
}

func TestFilesAreShort(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if !s.generated && s.lines > maxLines {
			t.Errorf("%s has %d lines, more than %d: it holds more than one subject", s.path, s.lines, maxLines)
		}
	}
}

// TestNoSleep keeps tests and code from waiting for a time and hoping that an
// event has come: it is slow on a fast machine and wrong on a slow one. In the
// tests of a package that runs them under testing/synctest time is virtual, and
// a sleep is exact.
func TestNoSleep(t *testing.T) {
	t.Parallel()
	all := sources(t)
	virtual := map[string]bool{}
	for _, s := range all {
		virtual[s.dir()] = virtual[s.dir()] || s.test && imports(s, "testing/synctest")
	}
	for _, s := range all {
		if s.generated || s.test && virtual[s.dir()] {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok || sel.Sel.Name != "Sleep" {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" {
				t.Errorf("%s: time.Sleep: wait for the event, with a deadline", s.fset.Position(n.Pos()))
			}
			return true
		})
	}
}

// TestNoSideEffectsOnImport forbids init functions: importing a package must
// do nothing.
func TestNoSideEffectsOnImport(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if s.generated {
			continue
		}
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: init: wire things where they can be seen", s.fset.Position(f.Pos()))
			}
		}
	}
}

// TestNoLeftovers forbids the words that mark unfinished work.
func TestNoLeftovers(t *testing.T) {
	t.Parallel()
	marks := []string{"TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"}
	for _, s := range sources(t) {
		if s.generated {
			continue
		}
		for _, g := range s.file.Comments {
			sc := bufio.NewScanner(strings.NewReader(g.Text()))
			for sc.Scan() {
				for _, m := range marks {
					if strings.Contains(sc.Text(), m) {
						t.Errorf("%s: %q: finish it, or say in prose what is not done and why", s.fset.Position(g.Pos()), m)
					}
				}
			}
		}
	}
}

func imports(s source, p string) bool {
	for _, imp := range s.file.Imports {
		if strings.Trim(imp.Path.Value, `"`) == p {
			return true
		}
	}
	return false
}
