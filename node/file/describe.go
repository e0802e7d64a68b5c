package file

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/kith-chat/kith/identity/event"
)

// ErrChanged says that a file is not, or no longer, the one that was offered.
var ErrChanged = errors.New("the file has changed since it was offered")

// readSize is how much of a file is read at once.
const readSize = 1 << 20

// stamp is what the file system says about a file that changes when its
// content does.
type stamp struct {
	size   int64
	mtime  int64
	inode  uint64
	device uint64
}

func stampOf(info os.FileInfo) stamp {
	s := stamp{size: info.Size(), mtime: info.ModTime().UnixNano()}
	s.device, s.inode = inodeOf(info)
	return s
}

// mark is a short form of the stamp for a tree's header: it says which file
// the tree was made from, so that an unchanged one need not be hashed again.
func (s stamp) mark() (m [markSize]byte) {
	var b [32]byte
	binary.LittleEndian.PutUint64(b[0:], uint64(s.size))
	binary.LittleEndian.PutUint64(b[8:], uint64(s.mtime))
	binary.LittleEndian.PutUint64(b[16:], s.inode)
	binary.LittleEndian.PutUint64(b[24:], s.device)
	sum := sha256.Sum256(b[:])
	copy(m[:], sum[:])
	return m
}

// openSource opens a regular file for reading and says what it is now. It
// does not block on a pipe.
func openSource(path string) (*os.File, stamp, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, stamp{}, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", filepath.Base(path))
	}
	if err != nil {
		f.Close()
		return nil, stamp{}, err
	}
	return f, stampOf(info), nil
}

// describe reads a file once, keeps its tree and returns the body of an
// offer. It fails when the file changes meanwhile.
func (t *trees) describe(ctx context.Context, path string) (event.File, error) {
	f, before, err := openSource(path)
	if err != nil {
		return event.File{}, fmt.Errorf("opening the file: %w", err)
	}
	defer f.Close()
	s, err := newShape(uint64(before.size))
	if err != nil {
		return event.File{}, err
	}
	root, err := t.hash(ctx, f, s, before)
	if err != nil {
		return event.File{}, err
	}
	name := CleanName(filepath.Base(path))
	body := event.File{Name: name, Size: s.size, Root: root}
	if body.MediaType, err = mediaType(f, name); err != nil {
		return event.File{}, fmt.Errorf("reading the file: %w", err)
	}
	if strings.HasPrefix(body.MediaType, "image/") {
		// A picture that cannot be read is still a file that can be sent.
		body.Preview, _ = makePreview(ctx, io.NewSectionReader(f, 0, before.size))
	}
	return body, nil
}

// hash computes the root of f and installs its tree. The stamp is what f was
// when the caller looked; a file that differs afterwards gives ErrChanged.
func (t *trees) hash(ctx context.Context, f *os.File, s shape, before stamp) (Root, error) {
	if s.groups < 2 {
		buf := make([]byte, s.size)
		if _, err := io.ReadFull(io.NewSectionReader(f, 0, int64(s.size)), buf); err != nil {
			return Root{}, readError(err)
		}
		return hashGroup(buf, 0, true), unchanged(f, before)
	}
	temp, err := t.temp()
	if err != nil {
		return Root{}, err
	}
	keep := false
	defer func() {
		temp.Close()
		if !keep {
			os.Remove(temp.Name())
		}
	}()
	if err := hashLeaves(ctx, f, s, temp); err != nil {
		return Root{}, err
	}
	tree := &treeFile{f: temp, shape: s}
	root, err := tree.raise(ctx)
	if err != nil {
		return Root{}, err
	}
	if err := unchanged(f, before); err != nil {
		return Root{}, err
	}
	if _, err := temp.WriteAt(encodeTreeHeader(s, root, before.mark()), 0); err != nil {
		return Root{}, fmt.Errorf("writing the hashes: %w", err)
	}
	if err := t.install(temp.Name(), root); err != nil {
		return Root{}, err
	}
	keep = true
	return root, nil
}

// hashLeaves writes level 0 of a tree.
func hashLeaves(ctx context.Context, f *os.File, s shape, tree *os.File) error {
	out := bufio.NewWriter(io.NewOffsetWriter(tree, treeHeader))
	in := io.NewSectionReader(f, 0, int64(s.size))
	buf := make([]byte, readSize)
	for group := uint64(0); group < s.groups; {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		count := min(readSize/groupSize, s.groups-group)
		data := buf[:s.spanLength(group, count)]
		if _, err := io.ReadFull(in, data); err != nil {
			return readError(err)
		}
		for len(data) > 0 {
			n := min(groupSize, len(data))
			h := hashGroup(data[:n], group, false)
			if _, err := out.Write(h[:]); err != nil {
				return fmt.Errorf("writing the hashes: %w", err)
			}
			data = data[n:]
			group++
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing the hashes: %w", err)
	}
	return nil
}

// readError takes a file that became shorter for one that changed.
func readError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrChanged
	}
	return fmt.Errorf("reading the file: %w", err)
}

func unchanged(f *os.File, before stamp) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("reading the file: %w", err)
	}
	if stampOf(info) != before {
		return ErrChanged
	}
	return nil
}

// mediaType goes by the extension where it is known, else by the content.
func mediaType(f *os.File, name string) (string, error) {
	var head [512]byte
	n, err := f.ReadAt(head[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	sniffed := http.DetectContentType(head[:n])
	// A picture is named by its content alone: its preview depends on it.
	if !strings.HasPrefix(sniffed, "image/") {
		if t := mime.TypeByExtension(filepath.Ext(name)); t != "" && !strings.HasPrefix(t, "image/") {
			sniffed = t
		}
	}
	t, _, err := mime.ParseMediaType(sniffed)
	if err != nil || len(t) > event.MaxMediaType {
		return "application/octet-stream", nil
	}
	return t, nil
}
