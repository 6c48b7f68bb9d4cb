package release

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
	limits := Limits{Entries: 20, UnpackedBytes: 4 << 10, NameBytes: 100}.withDefaults()
	f.Fuzz(func(t *testing.T, archive []byte) {
		top := t.TempDir()
		dir := filepath.Join(top, "release")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		w := newWriter(root)
		files, err := unpackTar(tar.NewReader(bytes.NewReader(archive)), "fuzz.tar", w, limits)
		if waitErr := w.wait(); waitErr != nil {
			t.Fatal(waitErr)
		}
		var refused *RefusedError
		if err != nil && !errors.As(err, &refused) {
			t.Fatalf("got %T %v, want it refused", err, err)
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
			if info.Mode() != fs.ModeDir|dirMode {
				t.Errorf("%s: got %v", path, info.Mode())
			}
			return nil
		}
		if mode := info.Mode(); accepted && mode != programMode && mode != plainMode || !mode.IsRegular() {
			t.Errorf("%s: got %v", path, info.Mode())
		}
		seen++
		total += info.Size()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if accepted && seen != len(files) || seen > limits.Entries || total > limits.UnpackedBytes {
		t.Errorf("got %d files of %d bytes, %d listed", seen, total, len(files))
	}
}

func TestRing(t *testing.T) {
	stop := errors.New("stop")
	t.Run("writes wait for room, reads for bytes", func(t *testing.T) {
		r := newRing(7)
		want := bytes.Repeat([]byte("0123456789"), 100)
		go func() {
			for at := 0; at < len(want); at += 10 {
				if _, err := r.Write(want[at : at+10]); err != nil {
					t.Error(err)
				}
			}
			r.Close(nil)
		}()
		var got bytes.Buffer
		if _, err := got.ReadFrom(r); err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Errorf("got %q, error %v", got.Bytes(), err)
		}
	})
	t.Run("quit drops what comes", func(t *testing.T) {
		r := newRing(1)
		r.Quit(nil)
		if n, err := r.Write([]byte("abc")); n != 3 || err != nil {
			t.Errorf("got %d, %v", n, err)
		}
	})
	t.Run("quit with an error wakes a write", func(t *testing.T) {
		r := newRing(1)
		go r.Quit(stop)
		if _, err := r.Write([]byte("abc")); !errors.Is(err, stop) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("close with an error comes after the bytes", func(t *testing.T) {
		r := newRing(4)
		if _, err := r.Write([]byte("ab")); err != nil {
			t.Fatal(err)
		}
		r.Close(stop)
		var got bytes.Buffer
		if _, err := got.ReadFrom(r); !errors.Is(err, stop) || got.String() != "ab" {
			t.Errorf("got %q, %v", got.String(), err)
		}
	})
}
