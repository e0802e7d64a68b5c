package file

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxTrees bounds the folder of stored hashes: 512 MiB are enough for half a
// terabyte of offered files. What is dropped is computed again when it is
// asked for.
const maxTrees = 512 << 20

const (
	treeSuffix = ".tree" // whole: of a file that can be served
	partSuffix = ".part" // of a file that is being fetched
	tempSuffix = ".tmp"  // of a file that is being read
)

// trees is the folder in the profile that holds the hashes of files.
type trees struct{ dir string }

func openTrees(dir string) (*trees, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of file hashes: %w", err)
	}
	stale, err := filepath.Glob(filepath.Join(dir, "*"+tempSuffix))
	if err != nil {
		return nil, fmt.Errorf("listing the folder of file hashes: %w", err)
	}
	for _, name := range stale {
		if err := os.Remove(name); err != nil {
			return nil, fmt.Errorf("removing what an interrupted run left: %w", err)
		}
	}
	return &trees{dir: dir}, nil
}

func (t *trees) path(root Root) string {
	return filepath.Join(t.dir, hex.EncodeToString(root[:])+treeSuffix)
}

// open opens the tree of a whole file.
func (t *trees) open(s shape, root Root) (*treeFile, error) {
	f, err := os.Open(t.path(root))
	if err != nil {
		return nil, err
	}
	tree, err := readTree(f, s, root)
	if err != nil {
		f.Close()
		return nil, err
	}
	return tree, nil
}

// temp makes an empty file for a tree whose root is not known yet.
func (t *trees) temp() (*os.File, error) {
	f, err := os.CreateTemp(t.dir, "*"+tempSuffix)
	if err != nil {
		return nil, fmt.Errorf("making a file for hashes: %w", err)
	}
	return f, nil
}

// install gives a finished tree its name. The file is not synced: a tree that
// a power cut damaged is noticed when it is read, and computed again.
func (t *trees) install(from string, root Root) error {
	if err := os.Rename(from, t.path(root)); err != nil {
		return fmt.Errorf("keeping the hashes: %w", err)
	}
	return t.prune(root)
}

// prune removes the oldest trees beyond maxTrees, never the one of keep.
func (t *trees) prune(keep Root) error {
	entries, err := os.ReadDir(t.dir)
	if err != nil {
		return fmt.Errorf("listing the folder of file hashes: %w", err)
	}
	var infos []os.FileInfo
	total := int64(0)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && strings.HasSuffix(e.Name(), treeSuffix) {
			infos = append(infos, info)
			total += info.Size()
		}
	}
	slices.SortFunc(infos, func(a, b os.FileInfo) int { return cmp.Compare(a.ModTime().UnixNano(), b.ModTime().UnixNano()) })
	for _, info := range infos {
		if total <= maxTrees {
			break
		}
		if info.Name() == filepath.Base(t.path(keep)) {
			continue
		}
		if err := os.Remove(filepath.Join(t.dir, info.Name())); err == nil {
			total -= info.Size()
		}
	}
	return nil
}
