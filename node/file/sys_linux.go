package file

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// inodeOf names the file that a stat looked at.
func inodeOf(info os.FileInfo) (device, inode uint64) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0
	}
	return uint64(st.Dev), st.Ino
}

// mine reports whether the file belongs to this user and has no second name.
func mine(info os.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid() && st.Nlink == 1
}

// space returns the bytes that are free for this user in the folder's file
// system and the size of that file system.
func space(dir *os.File) (free, total uint64, err error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(dir.Fd()), &st); err != nil {
		return 0, 0, err
	}
	return st.Bavail * uint64(st.Bsize), st.Blocks * uint64(st.Bsize), nil
}

// renameNew renames within a folder and never replaces anything: it fails
// with fs.ErrExist. A file system without that call gets a hard link instead.
func renameNew(dir *os.File, root *os.Root, from, to string) error {
	fd := int(dir.Fd())
	err := unix.Renameat2(fd, from, fd, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		return linkNew(root, from, to)
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

// syncDir makes the names in a folder survive a power cut.
func syncDir(dir *os.File) error { return dir.Sync() }

// startWriteback lets the disk begin with a range while the next one is
// fetched, so that the last sync has little left to do.
func startWriteback(f *os.File, off, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), off, n, unix.SYNC_FILE_RANGE_WRITE)
}

// markForeign notes on the file that it came from elsewhere, where the file
// system can. The note names nobody.
func markForeign(f *os.File) {
	_ = unix.Fsetxattr(int(f.Fd()), "user.xdg.origin.url", []byte("kith:"), 0)
}

// diskFull reports whether a write failed for want of room.
func diskFull(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}
