package file

import (
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

func discardLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

// benchSize is the size of BenchmarkFile1GiB's file; KITH_BENCH_MIB makes it
// smaller or larger.
func benchSize(b *testing.B) int64 {
	b.Helper()
	if s := os.Getenv("KITH_BENCH_MIB"); s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		return n << 20
	}
	return 1 << 30
}

// BenchmarkFile1GiB fetches a file from one process into another over
// TCP+TLS, to the disk and verified, and beside it copies the same file over
// a raw libp2p stream, unverified, to the disk. Both are synced at the end.
func BenchmarkFile1GiB(b *testing.B) {
	size := benchSize(b)
	path, dir, body := serveable(b, size)
	gib := float64(size) / (1 << 30)
	var raw, kith, rawCPU, cpu float64
	var memory int64
	for b.Loop() {
		// Taken in turn, so that a machine that slows down slows both.
		rs, rr := benchRaw(b, path, dir)
		ks, kr := benchKith(b, path, dir, size, body.Root)
		raw, kith = raw+rr.Seconds, kith+kr.Seconds
		rawCPU, cpu = rawCPU+rs.CPU+rr.CPU, cpu+ks.CPU+kr.CPU
		memory = max(memory, ks.Memory, kr.Memory)
	}
	n := float64(b.N)
	b.ReportMetric(gib*1024/(kith/n), "MiB/s")
	b.ReportMetric(gib*1024/(raw/n), "raw-MiB/s")
	b.ReportMetric(raw/kith, "of-raw")
	b.ReportMetric(cpu/n/gib, "cpu-s/GiB")
	b.ReportMetric(rawCPU/n/gib, "raw-cpu-s/GiB")
	b.ReportMetric(float64(memory)/1024, "peak-MiB")
}

func benchRaw(b *testing.B, path, dir string) (server, client usage) {
	b.Helper()
	to := filepath.Join(b.TempDir(), "raw")
	s := startChild(b, "serve", path, dir, "", "")
	c := startChild(b, "raw", s.line(), to)
	client = c.end(b)
	server = s.end(b)
	_ = os.Remove(to)
	return server, client
}

func benchKith(b *testing.B, path, dir string, size int64, root Root) (server, client usage) {
	b.Helper()
	to := b.TempDir()
	s := startChild(b, "serve", path, dir, "", "")
	c := startChild(b, "fetch", s.line(), to, filepath.Join(dir, "bench.part"), fmt.Sprint(size), hex.EncodeToString(root[:]))
	client = c.end(b)
	server = s.end(b)
	_ = os.RemoveAll(to)
	return server, client
}

// BenchmarkDescribe reads and hashes a file as an offer does.
func BenchmarkDescribe(b *testing.B) {
	path := filepath.Join(b.TempDir(), "f")
	const size = 64 << 20
	if err := writeRandom(path, size); err != nil {
		b.Fatal(err)
	}
	t, err := openTrees(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(size)
	for b.Loop() {
		if _, err := t.describe(context.Background(), path); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkGroup hashes one group.
func BenchmarkGroup(b *testing.B) {
	data := make([]byte, groupSize)
	b.SetBytes(groupSize)
	for b.Loop() {
		hashGroup(data, 1, false)
	}
}
