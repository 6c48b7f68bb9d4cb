package fakerunsc

import (
	"archive/tar"
	"bytes"
	"crypto/sha512"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// Layout is a form in which gVisor publishes releases.
type Layout string

// The layouts.
const (
	Zstd  Layout = "gvisor.tar.zstd"
	Bzip2 Layout = "gvisor.tar.bz2"
	Loose Layout = "loose"
)

// Files returns the files of a correct fake release, in an archive's order.
func Files(t testing.TB, o Options) []tar.Header {
	t.Helper()
	program := int64(len(Program(t, o)))
	return []tar.Header{
		{Name: "runsc", Mode: 0o755, Size: program, Typeflag: tar.TypeReg},
		{Name: "containerd-shim-runsc-v1", Mode: 0o755, Size: program, Typeflag: tar.TypeReg},
		{Name: "gvisor-bin/gvisor_sentry", Mode: 0o755, Size: program, Typeflag: tar.TypeReg},
	}
}

// Bundle puts a fake release with the given layouts into dir, the directory of
// a release and architecture in a bucket, each file with its digest. Packing
// bzip2 needs the program bzip2: without it the test is skipped, or fails in
// CI.
func Bundle(t testing.TB, dir string, o Options, layouts ...Layout) {
	t.Helper()
	program := Program(t, o)
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, header := range Files(t, o) {
		must(t, w.WriteHeader(&header))
		_, err := w.Write(program)
		must(t, err)
	}
	must(t, w.Close())
	for _, layout := range layouts {
		switch layout {
		case Loose:
			Publish(t, dir, "runsc", program)
			Publish(t, dir, "containerd-shim-runsc-v1", program)
		default:
			Publish(t, dir, string(layout), Pack(t, layout, archive.Bytes()))
		}
	}
}

// Pack compresses a tar archive for a layout.
func Pack(t testing.TB, layout Layout, archive []byte) []byte {
	t.Helper()
	if layout == Zstd {
		w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
		must(t, err)
		return w.EncodeAll(archive, nil)
	}
	path, err := exec.LookPath("bzip2")
	if err != nil && os.Getenv("CI") != "true" {
		t.Skip("no bzip2 here: apt-get install bzip2")
	}
	must(t, err)
	cmd := exec.Command(path, "-1")
	cmd.Stdin = bytes.NewReader(archive)
	packed, err := cmd.Output()
	must(t, err)
	return packed
}

// Publish writes a file and its digest file into dir.
func Publish(t testing.TB, dir, name string, content []byte) {
	t.Helper()
	must(t, os.MkdirAll(dir, 0o755))
	must(t, os.WriteFile(filepath.Join(dir, name), content, 0o644))
	sum := fmt.Sprintf("%x  %s\n", sha512.Sum512(content), name)
	must(t, os.WriteFile(filepath.Join(dir, name+".sha512"), []byte(sum), 0o644))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
