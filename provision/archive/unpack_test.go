package archive

import (
	"archive/tar"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// FuzzUnpack: whatever a tar contains, nothing appears outside of the
// directory, only plain files and directories with plain modes within the
// limits appear in it, and everything else is refused.
func FuzzUnpack(f *testing.F) {
	seed := func(headers ...tar.Header) {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, h := range headers {
			if err := w.WriteHeader(&h); err != nil {
				f.Fatal(err)
			}
			if _, err := w.Write(make([]byte, h.Size)); err != nil {
				f.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	seed(tar.Header{Name: "runsc", Mode: 0o755, Size: 3}, tar.Header{Name: "gvisor-bin/", Typeflag: tar.TypeDir}, tar.Header{Name: "gvisor-bin/x", Mode: 0o4711, Size: 600})
	seed(tar.Header{Name: "../x", Size: 1}, tar.Header{Name: "/x", Size: 1})
	seed(tar.Header{Name: "x", Linkname: "..", Typeflag: tar.TypeSymlink}, tar.Header{Name: "x/y", Size: 1})
	seed(tar.Header{Name: "x", Size: 1}, tar.Header{Name: "x/y", Size: 1})
	seed(tar.Header{Name: "x", Size: 1, PAXRecords: map[string]string{"path": "y\x01", "size": "9"}})
	f.Add(arOf(format, control, member{"data.tar.gz", gzipOf(f, tarOf(f, tar.Header{Name: "usr/bin/runsc"}, tar.Header{Name: "usr/x"}))}, member{"_gpgbuilder", "x"}))
	limits := Limits{Entries: 20, Bytes: 4 << 10, Name: 100, Beside: 64 << 10}
	f.Fuzz(func(t *testing.T, archive []byte) {
		top := t.TempDir()
		dir := filepath.Join(top, "release")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		// A bzip2 stream and a package are read as they are, anything else as the content of a zstd frame.
		read, name := archive, "fuzz.tar.bz2"
		switch {
		case bytes.HasPrefix(archive, []byte(arMagic)):
			name = "fuzz.deb"
		case !bytes.HasPrefix(archive, []byte("BZh")):
			read, name = packZstd(t, archive), "fuzz.tar.zstd"
		}
		files, err := Unpack(t.Context(), bytes.NewReader(read), name, dir, limits)
		var bad *BadError
		if err != nil && !errors.As(err, &bad) {
			t.Fatalf("got %T %v, want it refused", err, err)
		}
		listed, listErr := List(t.Context(), bytes.NewReader(read), name, limits)
		if err == nil && (listErr != nil || len(listed) != len(files)) {
			t.Errorf("unpacked %d files, listed %d, error %v", len(files), len(listed), listErr)
		}
		if around, err := os.ReadDir(top); err != nil || len(around) != 1 {
			t.Fatalf("got %v, error %v; want the directory alone", around, err)
		}
		checkTree(t, dir, files, err == nil, limits)
	})
}

func checkTree(t *testing.T, dir string, files []File, accepted bool, limits Limits) {
	t.Helper()
	seen, total := 0, int64(0)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if d.IsDir() {
			if info.Mode() != fs.ModeDir|DirMode {
				t.Errorf("%s: got %v", path, info.Mode())
			}
			return nil
		}
		if mode := info.Mode(); accepted && mode != ProgramMode && mode != PlainMode || !mode.IsRegular() {
			t.Errorf("%s: got %v", path, info.Mode())
		}
		seen++
		total += info.Size()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if accepted && seen != len(files) || seen > limits.Entries || total > limits.Bytes {
		t.Errorf("got %d files of %d bytes, %d listed", seen, total, len(files))
	}
}
