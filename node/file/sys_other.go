//go:build !linux

package file

import (
	"errors"
	"math"
	"os"
	"syscall"
)

// inodeOf has no portable form; size and time must do.
func inodeOf(os.FileInfo) (device, inode uint64) { return 0, 0 }

func mine(os.FileInfo) bool { return true }

// space is not known here: a full disk shows when it is written to.
func space(*os.File) (free, total uint64, err error) { return math.MaxUint64, math.MaxUint64, nil }

// renameNew renames within a folder and never replaces anything.
func renameNew(_ *os.File, root *os.Root, from, to string) error { return linkNew(root, from, to) }

// syncDir does what the system can do: some cannot sync a folder.
func syncDir(dir *os.File) error {
	_ = dir.Sync()
	return nil
}

func startWriteback(*os.File, int64, int64) {}

func markForeign(*os.File) {}

// diskFull reports whether a write failed for want of room.
func diskFull(err error) bool { return errors.Is(err, syscall.ENOSPC) }
