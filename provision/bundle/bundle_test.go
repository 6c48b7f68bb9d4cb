package bundle

import (
	"archive/tar"
	"bytes"
	"crypto/sha512"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"runsc-provisioner/provision/release"
)

// kept makes a directory with files, and the manifest of a release with them.
func kept(t *testing.T, trust string) (release.Manifest, string) {
	t.Helper()
	dir := t.TempDir()
	file := func(name, text string) release.Archive {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return release.Archive{Name: name, Size: int64(len(text)), SHA512: fmt.Sprintf("%x", sha512.Sum512([]byte(text)))}
	}
	m := release.Manifest{Release: "20260914.0", Channel: "release", Arch: "x86_64", Trust: trust}
	if trust == release.TrustSigned {
		m.Archives = []release.Archive{file("runsc.deb", "the package")}
		m.Origin = &release.Origin{Proof: []release.Archive{file("InRelease", "the index"), file("Packages.gz", "the list"), file("archive.key", "the key")}}
	} else {
		m.Archives = []release.Archive{file("gvisor.tar.zstd", "the archive")}
	}
	return m, dir
}

func created(t *testing.T, trust string) []byte {
	t.Helper()
	m, dir := kept(t, trust)
	var out bytes.Buffer
	if err := Create(&out, m, dir); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func opened(t *testing.T, text []byte) (*Bundle, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bundle")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := Open(path)
	if err == nil {
		t.Cleanup(func() { b.Close() })
	}
	return b, err
}

func TestBundle_AnswersLikeTheServer(t *testing.T) {
	const keyURL = "https://example.com/keys/gvisor.asc"
	for _, test := range []struct{ trust, url, want string }{
		{release.TrustSigned, "https://s.example/gvisor/releases/dists/release/InRelease", "the index"},
		{release.TrustSigned, "https://s.example/gvisor/releases/dists/release/main/binary-amd64/Packages.gz", "the list"},
		{release.TrustSigned, "https://s.example/gvisor/releases/pool/20260914.0/binary-amd64/runsc.deb", "the package"},
		{release.TrustSigned, keyURL, "the key"},
		{release.TrustSigned, "https://s.example/runsc.deb.sha512", ""},
		{release.TrustSigned, "https://s.example/" + aboutName, ""},
		{release.TrustSigned, "https://s.example/other", ""},
		{release.TrustChecksum, "https://s.example/gvisor/releases/release/latest/x86_64/gvisor.tar.zstd", "the archive"},
		{release.TrustChecksum, "https://s.example/gvisor/releases/release/latest/x86_64/gvisor.tar.zstd.sha512", fmt.Sprintf("%x  gvisor.tar.zstd\n", sha512.Sum512([]byte("the archive")))},
		{release.TrustChecksum, "https://s.example/gvisor.tar.bz2.sha512", ""},
	} {
		b, err := opened(t, created(t, test.trust))
		if err != nil {
			t.Fatal(err)
		}
		got, err := b.Client(keyURL).Get(test.url)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(got.Body)
		got.Body.Close()
		code := http.StatusOK
		if test.want == "" {
			code, test.want = http.StatusNotFound, string(text)
		}
		if err != nil || got.StatusCode != code || string(text) != test.want || got.ContentLength != int64(len(text)) {
			t.Errorf("%s: got %d %q, %v, want %d %q", test.url, got.StatusCode, text, err, code, test.want)
		}
	}
}

func TestOpen_EachByteCounts(t *testing.T) {
	good := created(t, release.TrustSigned)
	if b, err := opened(t, good); err != nil || b.About.Release != "20260914.0" {
		t.Fatalf("got %+v, %v", b, err)
	}
	path := filepath.Join(t.TempDir(), "bundle")
	f, err := os.Create(path)
	if err == nil {
		_, err = f.Write(good)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for at := range good {
		if _, err := f.WriteAt([]byte{good[at] ^ 1}, int64(at)); err != nil {
			t.Fatal(err)
		}
		var bad *BadError
		if b, err := Open(path); !errors.As(err, &bad) {
			t.Fatalf("byte %d of %d: got %v, %v, want it refused", at, len(good), b, err)
		}
		if _, err := f.WriteAt(good[at:at+1], int64(at)); err != nil {
			t.Fatal(err)
		}
	}
}

// sealed is a tar archive with the digest line of a bundle.
func sealed(t *testing.T, headers ...tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range headers {
		text := h.Linkname
		h.Linkname = ""
		if h.Typeflag == 0 {
			h.Typeflag, h.Size = tar.TypeReg, int64(len(text))
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := io.WriteString(w, text); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return fmt.Appendf(out.Bytes(), "%s%x\n", digestStart, sha512.Sum512(out.Bytes()))
}

func TestOpen_Refuses(t *testing.T) {
	const about = `{"schema_version":1}`
	first := tar.Header{Name: aboutName, Linkname: about}
	good := created(t, release.TrustChecksum)
	for name, text := range map[string][]byte{
		"empty":                  nil,
		"short":                  good[:100],
		"cut":                    good[:len(good)-1],
		"longer":                 append(bytes.Clone(good), '\n'),
		"twice":                  append(bytes.Clone(good), good...),
		"no tar":                 fmt.Appendf([]byte("hello"), "%s%x\n", digestStart, sha512.Sum512([]byte("hello"))),
		"no description":         sealed(t, tar.Header{Name: "runsc.deb", Linkname: "x"}),
		"another version":        sealed(t, tar.Header{Name: aboutName, Linkname: `{"schema_version":2}`}),
		"a damaged description":  sealed(t, tar.Header{Name: aboutName, Linkname: `{`}),
		"a description too long": sealed(t, tar.Header{Name: aboutName, Linkname: about + strings.Repeat(" ", maxAbout)}),
		"a name twice":           sealed(t, first, first),
		"a path":                 sealed(t, first, tar.Header{Name: "../x", Linkname: "x"}),
		"a hidden file":          sealed(t, first, tar.Header{Name: ".x", Linkname: "x"}),
		"a directory":            sealed(t, first, tar.Header{Name: "x", Typeflag: tar.TypeDir}),
		"a symlink":              sealed(t, first, tar.Header{Name: "x", Typeflag: tar.TypeSymlink}),
	} {
		var bad *BadError
		if b, err := opened(t, text); !errors.As(err, &bad) {
			t.Errorf("%s: got %v, %v, want it refused", name, b, err)
		}
	}
}

func TestCreate_RefusesAChangedArchive(t *testing.T) {
	for name, change := range map[string]func(string) error{
		"changed": func(path string) error { return os.WriteFile(path, []byte("the Archive"), 0o644) },
		"shorter": func(path string) error { return os.Truncate(path, 3) },
		"missing": os.Remove,
	} {
		m, dir := kept(t, release.TrustChecksum)
		if err := change(filepath.Join(dir, "gvisor.tar.zstd")); err != nil {
			t.Fatal(err)
		}
		if err := Create(io.Discard, m, dir); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}
