package archive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// tarOf packs headers; each file has its name as its content.
func tarOf(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range headers {
		if h.Typeflag == 0 {
			h.Typeflag, h.Size = tar.TypeReg, int64(len(h.Name))
		}
		err := w.WriteHeader(&h)
		if err == nil && h.Typeflag == tar.TypeReg {
			_, err = w.Write([]byte(h.Name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func gzipOf(t testing.TB, text []byte) string {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestUnpack_APackage(t *testing.T) {
	packed := tarOf(t,
		tar.Header{Name: "./", Typeflag: tar.TypeDir}, tar.Header{Name: "./usr/bin/", Typeflag: tar.TypeDir},
		tar.Header{Name: "./usr/bin/runsc", Mode: 0o755}, tar.Header{Name: "./usr/bin/gvisor-bin/gvisor_sentry", Mode: 0o755},
		tar.Header{Name: "./etc/passwd"}, tar.Header{Name: "./usr/binary"},
		tar.Header{Name: "./usr/share/link", Typeflag: tar.TypeSymlink, Linkname: "../../etc/passwd"},
	)
	for name, data := range map[string]member{
		"data.tar.gz":  {"data.tar.gz", gzipOf(t, packed)},
		"data.tar.zst": {"data.tar.zst", string(packZstd(t, packed))},
		"data.tar":     {"data.tar", string(packed)},
	} {
		dir := t.TempDir()
		files, err := Unpack(t.Context(), bytes.NewReader(arOf(format, control, data, member{"_gpgbuilder", "x"})), "runsc.deb", dir, Limits{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []string
		for _, f := range files {
			got = append(got, f.Path+" "+f.Mode)
		}
		if want := []string{"runsc 0755", "gvisor-bin/gvisor_sentry 0755"}; !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
		if text, err := os.ReadFile(filepath.Join(dir, "gvisor-bin/gvisor_sentry")); err != nil || string(text) != "./usr/bin/gvisor-bin/gvisor_sentry" {
			t.Errorf("%s: got %q, %v", name, text, err)
		}
		if there, err := os.ReadDir(dir); err != nil || len(there) != 2 {
			t.Errorf("%s: got %v, %v, want the two alone", name, there, err)
		}
	}
}

func TestFault_S06_APackageIsRefused(t *testing.T) {
	gz := func(headers ...tar.Header) []byte {
		return arOf(format, control, member{"data.tar.gz", gzipOf(t, tarOf(t, headers...))})
	}
	runsc := tar.Header{Name: "usr/bin/runsc", Mode: 0o755}
	for name, text := range map[string][]byte{
		"a damaged ar":              []byte("!<arch>\ndebian"),
		"xz":                        arOf(format, control, member{"data.tar.xz", "\xfd7zXZ\x00"}),
		"lzma":                      arOf(format, control, member{"data.tar.lzma", "x"}),
		"no gzip":                   arOf(format, control, member{"data.tar.gz", "x"}),
		"a path upwards":            gz(runsc, tar.Header{Name: "usr/bin/../../etc/passwd"}),
		"a path upwards, elsewhere": gz(runsc, tar.Header{Name: "../etc/passwd"}),
		"a path from the top":       gz(runsc, tar.Header{Name: "/usr/bin/x"}),
		"a symlink":                 gz(runsc, tar.Header{Name: "usr/bin/x", Typeflag: tar.TypeSymlink, Linkname: "/etc"}),
		"a hard link":               gz(runsc, tar.Header{Name: "usr/bin/x", Typeflag: tar.TypeLink, Linkname: "usr/bin/runsc"}),
		"a device":                  gz(runsc, tar.Header{Name: "usr/bin/x", Typeflag: tar.TypeChar}),
		"a file twice":              gz(runsc, runsc),
		"the name of the manifest":  gz(runsc, tar.Header{Name: "usr/bin/" + ManifestName}),
		"a member behind":           append(gz(runsc), arOf(member{"postinst", "#!"})[len(arMagic):]...),
		"cut":                       gz(runsc)[:300],
	} {
		dir := t.TempDir()
		var bad *BadError
		if _, err := Unpack(t.Context(), bytes.NewReader(text), "runsc.deb", dir, Limits{}); !errors.As(err, &bad) {
			t.Errorf("%s: got %v, want it refused", name, err)
		}
		if _, err := os.Lstat(filepath.Join(dir, "etc")); err == nil {
			t.Errorf("%s: it made files elsewhere", name)
		}
	}
}

// What is elsewhere than the programs counts, so that it cannot be endless.
func TestFault_S06_WhatIsSkippedCounts(t *testing.T) {
	large := tar.Header{Name: "usr/share/" + string(bytes.Repeat([]byte("x"), 100)), Typeflag: tar.TypeReg, Size: 1 << 20}
	text := arOf(format, control, member{"data.tar.gz", gzipOf(t, append(header(t, large), make([]byte, 2<<20)...))})
	var bad *BadError
	if _, err := Unpack(t.Context(), bytes.NewReader(text), "runsc.deb", t.TempDir(), Limits{Beside: 64 << 10}); !errors.As(err, &bad) {
		t.Errorf("got %v, want it refused", err)
	}
}
