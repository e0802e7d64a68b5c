package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/kith-chat/kith/identity/event"
)

// MaxKept is the largest attachment, in bytes, that rests sealed in the
// profile. It is fetched, sealed and opened in memory.
const MaxKept = 4 << 20

const (
	keptFolder = "kept"
	keptTemp   = ".new-"
	sealMargin = 1 << 10 // what a seal may add
)

// Sealer seals what rests in the profile, under a name.
type Sealer interface {
	Seal(name, secret []byte) []byte
	Open(name, sealed []byte) ([]byte, error)
}

// Keepable reports whether a file is an attachment that belongs into the
// profile when nobody has said where to save it: a picture or a sound of at
// most MaxKept bytes.
func Keepable(t Transfer) bool {
	kind, _, _ := strings.Cut(t.MediaType, "/")
	return (kind == "image" || kind == "audio") && t.Size > 0 && t.Size <= MaxKept
}

// Kept reports whether a transfer's content rests in the profile alone, or
// will: its Path is then nothing for a person.
func (m *Manager) Kept(t Transfer) bool {
	return t.Path != "" && filepath.Dir(t.Path) == m.keptDir()
}

func (m *Manager) keptDir() string { return filepath.Join(m.cfg.Dir, keptFolder) }

func (m *Manager) keptPath(offer event.ID) string {
	return filepath.Join(m.keptDir(), offer.String())
}

func keptName(offer event.ID) []byte { return append([]byte("attachment/"), offer[:]...) }

// memory takes the groups of an attachment, which never touch a disk in clear.
type memory struct {
	shape shape
	data  []byte
}

func (p *memory) size() shape                               { return p.shape }
func (p *memory) begin(uint64, []byte) error                { return nil }
func (p *memory) room(uint64) error                         { return nil }
func (p *memory) needs(uint64) (need, have uint64, _ error) { return 0, 0, nil }
func (p *memory) sync() error                               { return nil }

// write puts verified groups in their place. Lines write different groups.
func (p *memory) write(data []byte, group uint64) error {
	copy(p.data[group*groupSize:], data)
	return nil
}

// attemptKept fetches an attachment and seals it in the profile.
func (m *Manager) attemptKept(ctx context.Context, j *job, t Transfer, s shape) (Transfer, error) {
	if t.Size > MaxKept {
		return t, fmt.Errorf("an attachment has at most %s", amount(MaxKept))
	}
	into := &memory{shape: s, data: make([]byte, t.Size)}
	f := m.newFetch(ctx, j, t, into, newPieceSet(s))
	err := m.watch(ctx, j, t, f)
	t.Done = f.board.progress()
	if err != nil {
		return t, err
	}
	if err := writeSealed(t.Path, m.cfg.Box.Seal(keptName(t.Offer), into.data)); err != nil {
		return t, err
	}
	t.Done, t.State, t.Want, t.Error = t.Size, StateDone, false, ""
	return t, nil
}

// writeSealed puts a file in its place so that a crash leaves all of it or
// nothing.
func writeSealed(path string, sealed []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return writeError(err)
	}
	f, err := os.CreateTemp(dir, keptTemp)
	if err != nil {
		return writeError(err)
	}
	_, err = f.Write(sealed)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return writeError(err)
	}
	d, err := os.Open(dir)
	if err != nil {
		return writeError(err)
	}
	defer d.Close()
	return writeError(syncDir(d))
}

// removeKeptLeftovers deletes what a crash left.
func removeKeptLeftovers(dir string) {
	all, _ := filepath.Glob(filepath.Join(dir, keptTemp+"*")) // the pattern is well formed
	for _, path := range all {
		_ = os.Remove(path)
	}
}

// openKept returns the content of an attachment; fs.ErrNotExist if it is not
// here.
func (m *Manager) openKept(t Transfer) ([]byte, error) {
	path := m.keptPath(t.Offer)
	st, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() || st.Size() > MaxKept+sealMargin {
		return nil, fmt.Errorf("the attachment is damaged: %w", fs.ErrNotExist)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the attachment: %w", err)
	}
	plain, err := m.cfg.Box.Open(keptName(t.Offer), raw)
	if err != nil || uint64(len(plain)) != t.Size {
		return nil, fmt.Errorf("the attachment is damaged: %w", fs.ErrNotExist)
	}
	return plain, nil
}

// saveKept writes an attachment of the profile to where a person wants it.
func (m *Manager) saveKept(t Transfer, plain []byte, to string) (string, error) {
	path, err := m.place(t.Name, to)
	if err != nil {
		return "", err
	}
	dir, name := filepath.Split(path)
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", fmt.Errorf("opening the folder: %w", err)
	}
	defer root.Close()
	free := name
	for n := 2; n <= maxCollisions; n++ {
		f, err := root.OpenFile(free, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			free = numbered(name, strconv.Itoa(n))
			continue
		}
		if err != nil {
			return "", fmt.Errorf("making the file: %w", err)
		}
		markForeign(f)
		_, err = f.Write(plain)
		if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
			_ = root.Remove(free)
			return "", writeError(err)
		}
		return filepath.Join(dir, free), nil
	}
	return "", fmt.Errorf("naming the file: %w", fs.ErrExist)
}

// Forget erases what the profile holds of an attachment that its sender has
// taken back.
func (m *Manager) Forget(offer event.ID) error {
	if err := os.Remove(m.keptPath(offer)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("erasing an attachment: %w", err)
	}
	return nil
}

// Content is the content of a file that is here whole.
type Content struct {
	Transfer
	*os.File        // nil where Data holds it
	Data     []byte // of an attachment that rests in the profile
}

// Open opens the content of a file that is here whole: an attachment of the
// profile, a file that was saved, or one of our own. ErrNotFound if it is not
// here. The caller closes File, if there is one.
func (m *Manager) Open(ctx context.Context, offer event.ID) (Content, error) {
	t, err := m.find(ctx, offer)
	if err != nil {
		return Content{}, err
	}
	if !t.Outgoing && m.cfg.Box != nil {
		if plain, err := m.openKept(t); err == nil {
			return Content{Transfer: t, Data: plain}, nil
		}
	}
	if t.State != StateDone && t.State != StateShared || t.Path == "" || m.Kept(t) {
		return Content{}, fmt.Errorf("%w: its content is not here", ErrNotFound)
	}
	f, at, err := openSource(t.Path)
	if err != nil {
		return Content{}, fmt.Errorf("%w: it was moved or removed", ErrNotFound)
	}
	if uint64(at.size) != t.Size {
		f.Close()
		return Content{}, fmt.Errorf("%w: it was changed", ErrNotFound)
	}
	return Content{Transfer: t, File: f}, nil
}
