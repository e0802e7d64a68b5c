package words

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kith-chat/kith/ui"
)

// load returns the words of every language.
func load(t *testing.T) map[string]*Words {
	t.Helper()
	out := map[string]*Words{}
	for _, lang := range Languages() {
		w, err := Load(lang)
		if err != nil {
			t.Fatal(err)
		}
		if len(w.forms) < 40 {
			t.Fatalf("%s has only %d strings: the rules would hold over nothing", lang, len(w.forms))
		}
		out[lang] = w
	}
	return out
}

// places lists the placeholders of a form, sorted, each once.
func places(pieces []piece) []int {
	seen := map[int]bool{}
	for _, p := range pieces {
		if p.arg >= 0 {
			seen[p.arg] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

func TestLanguagesAgree(t *testing.T) {
	t.Parallel()
	all := load(t)
	for lang, w := range all {
		for other, o := range all {
			for key, f := range w.forms {
				of, ok := o.forms[key]
				if !ok {
					t.Errorf("%s has %q, %s has not", lang, key, other)
				} else if a, b := places(f.other), places(of.other); !slices.Equal(a, b) {
					t.Errorf("%q: placeholders %v in %s, %v in %s", key, a, lang, b, other)
				}
			}
		}
		for key, f := range w.forms {
			checkForm(t, lang, key, f)
		}
	}
}

// checkForm looks at one string by itself.
func checkForm(t *testing.T, lang, key string, f forms) {
	t.Helper()
	if len(f.other) == 0 {
		t.Errorf("%s: %q is empty", lang, key)
	}
	for _, n := range places(f.one) {
		if !slices.Contains(places(f.other), n) {
			t.Errorf("%s: %q has {%d} for one only", lang, key, n)
		}
	}
	if p := places(f.other); len(p) > 0 && p[len(p)-1] != len(p)-1 {
		t.Errorf("%s: %q leaves out an argument: %v", lang, key, p)
	}
	for _, p := range slices.Concat(f.one, f.other) {
		if p.arg < 0 && strings.ContainsAny(p.text.String(), "{}\uFFFD\u25CC") {
			t.Errorf("%s: %q: %q is not a clean piece", lang, key, p.text)
		}
	}
}

// TestFilesAreWhatIsSaid makes sure that cleaning changes nothing that a
// translator wrote.
func TestFilesAreWhatIsSaid(t *testing.T) {
	t.Parallel()
	for lang := range load(t) {
		raw, err := files.ReadFile(lang + ".toml")
		if err != nil {
			t.Fatal(err)
		}
		for i, l := range strings.Split(string(raw), "\n") {
			if ui.Line(l).String() != l {
				t.Errorf("%s.toml:%d: %q has characters that no screen shows", lang, i+1, l)
			}
		}
	}
}

// use is a call of Get with a constant key.
type use struct {
	key  string
	args int
	dots bool
	pos  string
}

// TestKeysAreThoseOfTheCode parses the packages of ui that speak through this
// one: a key in a call of Get must be in the catalogue, with as many arguments
// as it has places; a string of the catalogue must stand in the code.
func TestKeysAreThoseOfTheCode(t *testing.T) {
	t.Parallel()
	w := load(t)[fallback]
	uses, literals, packages := scan(t, filepath.Join(".."))
	if packages < 1 {
		t.Fatal("no package of ui uses the catalogue")
	}
	for _, u := range uses {
		f, ok := w.forms[u.key]
		if !ok {
			t.Errorf("%s: %q is not in the catalogue", u.pos, u.key)
		} else if n := len(places(f.other)); n != u.args && !u.dots {
			t.Errorf("%s: %q has %d places, the call %d arguments", u.pos, u.key, n, u.args)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(w.forms)) {
		if !literals[key] {
			t.Errorf("%q is never said", key)
		}
	}
}

// scan returns the uses of Get and all string literals in the non-test files
// of the packages below root that import this one, and of this one.
func scan(t *testing.T, root string) (uses []use, literals map[string]bool, packages int) {
	t.Helper()
	literals = map[string]bool{}
	dirs := map[string][]*ast.File{}
	speaks := map[string]bool{}
	fset := token.NewFileSet()
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(fset, p, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir := filepath.Dir(p)
		dirs[dir] = append(dirs[dir], f)
		for _, imp := range f.Imports {
			if strings.HasSuffix(strings.Trim(imp.Path.Value, `"`), "/ui/words") {
				speaks[dir] = true
			}
		}
		speaks[dir] = speaks[dir] || f.Name.Name == "words"
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for dir, list := range dirs {
		if !speaks[dir] {
			continue
		}
		packages++
		for _, f := range list {
			ast.Inspect(f, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					if s, err := strconv.Unquote(lit.Value); err == nil {
						literals[s] = true
					}
				}
				if u, ok := asUse(n); ok {
					u.pos = fmt.Sprint(fset.Position(n.Pos()))
					uses = append(uses, u)
				}
				return true
			})
		}
	}
	return uses, literals, packages
}

// asUse reads a call of Get whose first argument is a constant with a dot.
func asUse(n ast.Node) (use, bool) {
	call, ok := n.(*ast.CallExpr)
	if !ok || len(call.Args) == 0 {
		return use{}, false
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != "Get" {
		return use{}, false
	}
	lit, ok := call.Args[0].(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return use{}, false
	}
	key, err := strconv.Unquote(lit.Value)
	if err != nil || !strings.Contains(key, ".") {
		return use{}, false
	}
	return use{key: key, args: len(call.Args) - 1, dots: call.Ellipsis.IsValid()}, true
}
