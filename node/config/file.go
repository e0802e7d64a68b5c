package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"unicode"

	"github.com/BurntSushi/toml"
)

// maxFile bounds the configuration file, in bytes.
const maxFile = 64 << 10

// readFile reads the file's layer; a file that is not there is an empty one.
func readFile(path string) (layer, error) {
	raw, err := readBounded(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return layer{}, fmt.Errorf("reading the configuration: %w", err)
	}
	values, err := parseFile(raw)
	if err != nil {
		return layer{}, fmt.Errorf("%w: %s: %w", ErrInvalid, path, err)
	}
	return layer{
		values: values,
		source: func(string) string { return "file " + path },
		where:  func(name string) string { return fmt.Sprintf("%s, line %d: %s", path, lineOf(raw, name), name) },
	}, nil
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	raw, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > maxFile {
		return nil, fmt.Errorf("%w: %s has more than %d bytes", ErrInvalid, path, maxFile)
	}
	return raw, nil
}

// parseFile reads TOML into the texts that the other layers have too.
func parseFile(raw []byte) (map[string][]string, error) {
	var doc map[string]any
	if _, err := toml.Decode(string(raw), &doc); err != nil {
		var syntax toml.ParseError
		if errors.As(err, &syntax) {
			return nil, fmt.Errorf("line %d: %s", syntax.Position.Line, syntax.Message)
		}
		return nil, err
	}
	values := make(map[string][]string, len(doc))
	for name, v := range doc {
		if table, ok := v.(map[string]any); ok && name == "ui" {
			if err := flattenUI(uiPrefix, table, values); err != nil {
				return nil, fmt.Errorf("line %d: %w", lineOf(raw, name), err)
			}
			continue
		}
		texts, err := valueTexts(v)
		if _, known := find(name); err != nil && known {
			return nil, fmt.Errorf("line %d: %s: %w", lineOf(raw, name), name, err)
		}
		values[name] = texts
	}
	return values, nil
}

func valueTexts(v any) ([]string, error) {
	switch v := v.(type) {
	case string:
		return []string{v}, nil
	case bool:
		return []string{strconv.FormatBool(v)}, nil
	case int64:
		return []string{strconv.FormatInt(v, 10)}, nil
	case []any:
		texts := make([]string, 0, len(v))
		for _, x := range v {
			s, ok := x.(string)
			if !ok {
				return nil, errors.New("a list holds texts in quotes")
			}
			texts = append(texts, s)
		}
		return texts, nil
	}
	return nil, errors.New("a text, a number, true, false or a list of texts is wanted")
}

// lineOf returns the line on which a name of the file's top level is set. The
// parser does not say, so it is looked for.
func lineOf(raw []byte, name string) int {
	for i, line := range strings.Split(string(raw), "\n") {
		key := strings.TrimLeftFunc(line, func(r rune) bool { return unicode.IsSpace(r) || r == '[' || r == '"' || r == '\'' })
		rest, found := strings.CutPrefix(key, name)
		rest = strings.TrimLeft(rest, "\"' \t")
		if found && rest != "" && strings.ContainsRune("=.]", rune(rest[0])) {
			return i + 1
		}
	}
	return 1
}
