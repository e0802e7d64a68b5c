package file

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
)

const (
	maxSegments    = 64  // JPEG segments looked at before the picture begins
	maxEntries     = 256 // entries of an EXIF directory looked at
	tagOrientation = 0x0112
)

// jpegOrientation returns the EXIF orientation of a JPEG, 1 to 8; 1 when there
// is none or it cannot be read.
func jpegOrientation(r io.Reader) int {
	in := bufio.NewReader(r)
	var head [4]byte
	if _, err := io.ReadFull(in, head[:2]); err != nil || head[0] != 0xff || head[1] != 0xd8 {
		return 1
	}
	for range maxSegments {
		if _, err := io.ReadFull(in, head[:]); err != nil || head[0] != 0xff {
			return 1
		}
		size := int(binary.BigEndian.Uint16(head[2:])) - 2
		if size < 0 || head[1] == 0xda { // the picture itself begins
			return 1
		}
		if head[1] != 0xe1 {
			if _, err := in.Discard(size); err != nil {
				return 1
			}
			continue
		}
		segment := make([]byte, size) // at most 64 KiB by its type
		if _, err := io.ReadFull(in, segment); err != nil {
			return 1
		}
		if exif, found := bytes.CutPrefix(segment, []byte("Exif\x00\x00")); found {
			return exifOrientation(exif)
		}
	}
	return 1
}

// exifOrientation reads the first directory of a TIFF header.
func exifOrientation(tiff []byte) int {
	if len(tiff) < 8 {
		return 1
	}
	var order binary.ByteOrder
	switch string(tiff[:2]) {
	case "II":
		order = binary.LittleEndian
	case "MM":
		order = binary.BigEndian
	default:
		return 1
	}
	at := uint64(order.Uint32(tiff[4:]))
	if at+2 > uint64(len(tiff)) {
		return 1
	}
	count := min(uint64(order.Uint16(tiff[at:])), maxEntries)
	entries := tiff[at+2:]
	for i := range count {
		if (i+1)*12 > uint64(len(entries)) {
			return 1
		}
		entry := entries[i*12:]
		if order.Uint16(entry) != tagOrientation {
			continue
		}
		if v := int(order.Uint16(entry[8:])); v >= 1 && v <= 8 {
			return v
		}
		return 1
	}
	return 1
}
