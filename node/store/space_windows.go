package store

import (
	"io/fs"

	"golang.org/x/sys/windows"
)

// diskSpace returns the bytes that are free to us, and all, of the disk that
// path lies on.
func diskSpace(path string) (free, total uint64, err error) {
	p, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, 0, err
	}
	err = windows.GetDiskFreeSpaceEx(p, &free, &total, nil)
	return free, total, err
}

// allocated returns the bytes that a file takes on disk.
func allocated(info fs.FileInfo) uint64 { return uint64(info.Size()) }
