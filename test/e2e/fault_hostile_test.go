package e2e

import (
	"archive/tar"
	"bytes"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"runsc-provisioner/provision/release"
	"runsc-provisioner/test/fakerunsc"
	"runsc-provisioner/test/lab"
	"runsc-provisioner/test/releases"
)

// hostileReleases is a release server of the test's own. It serves dir, the directory of
// the newer release, which begins empty.
func (h host) hostileReleases() (url, dir string) {
	h.t.Helper()
	tree := h.t.TempDir()
	ca := h.trustedAuthority()
	config := &tls.Config{Certificates: []tls.Certificate{ca.certificate(h.t, "releases.lab", time.Now().Add(24*time.Hour), byAuthority)}}
	port := h.serve(config, releases.Handler(tree))
	return "https://releases.lab:" + port + "/gvisor/releases", filepath.Join(tree, "release", newer, release.Arch())
}

// tarHeader is one header of a tar archive. Kind, if not 0, replaces its type: package
// archive/tar writes no extended header without a file behind it.
func tarHeader(t *testing.T, header tar.Header, kind byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := tar.NewWriter(&b).WriteHeader(&header); err != nil {
		t.Fatal(err)
	}
	h := b.Bytes()
	if kind != 0 {
		h[156] = kind
		sum := 0
		copy(h[148:156], "        ")
		for _, c := range h {
			sum += int(c)
		}
		copy(h[148:156], fmt.Sprintf("%06o\x00 ", sum))
	}
	return h
}

// packed compresses a part of an archive: several in a row are one archive.
func packed(t *testing.T, layout fakerunsc.Layout, part []byte) []byte {
	t.Helper()
	return fakerunsc.Pack(t, layout, part)
}

func TestFault_X12_AnArchiveWithoutEnd(t *testing.T) {
	h := olderHost(t, lab.Options{})
	url, dir := h.hostileReleases()
	upgrade := "runsc-provisioner apply --release " + newer + " --url " + url
	const size = 1 << 20
	long := func(kind byte, content []byte) []byte {
		header := tarHeader(t, tar.Header{Name: "x", Size: size, Typeflag: tar.TypeReg, Format: tar.FormatUSTAR}, kind)
		return append(header, content...)
	}
	record := fmt.Appendf(nil, "%d comment=%s\n", size, strings.Repeat("x", size-len("1048576 comment=\n")))
	file := tarHeader(t, tar.Header{Name: "runsc", Mode: 0o755, Typeflag: tar.TypeReg}, 0)
	zeros := make([]byte, 1<<20)
	for _, test := range []struct {
		name         string
		layout       fakerunsc.Layout
		first, again []byte
		times        int
	}{
		{"PAX headers of 40 GB", fakerunsc.Zstd, nil, long(tar.TypeXHeader, record), 40_000},
		{"GNU long names of 40 GB", fakerunsc.Zstd, nil, long(tar.TypeGNULongName, bytes.Repeat([]byte("n"), size)), 40_000},
		{"padding of 40 GB", fakerunsc.Zstd, append(file, zeros[:1024]...), zeros, 40_000},
		{"padding of 4 GB, bz2", fakerunsc.Bzip2, append(file, zeros[:1024]...), zeros, 4000},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := host{h.Host, t}
			content := bytes.Repeat(packed(t, test.layout, test.again), test.times)
			if test.first != nil {
				content = append(packed(t, test.layout, test.first), content...)
			}
			fakerunsc.Publish(t, dir, string(test.layout), content)
			h.refuses(65, upgrade, string(test.layout), "expands to more than its files")
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		})
	}
	t.Run("ended by a signal", func(t *testing.T) {
		h := host{h.Host, t}
		big := tarHeader(t, tar.Header{Name: "runsc", Mode: 0o755, Size: 1 << 30, Typeflag: tar.TypeReg}, 0)
		fakerunsc.Publish(t, dir, string(fakerunsc.Bzip2), append(packed(t, fakerunsc.Bzip2, big), bytes.Repeat(packed(t, fakerunsc.Bzip2, zeros), 1024)...))
		for _, signal := range []string{"INT", "TERM"} {
			before := h.snapshot()
			ended := h.began(upgrade)
			h.run("until [ -e " + store + "/.runsc-provisioner-staging-*/release/runsc ]; do sleep 0.01; done; kill -" + signal + " $(pgrep -fo '^[r]unsc-provisioner apply')")
			since := time.Now()
			if r := <-ended; r.Code != 1 || !strings.Contains(r.Stderr, "interrupted") {
				t.Errorf("%s: got %v, want exit 1, interrupted", signal, r)
			}
			t.Logf("%s: ended after %s", signal, time.Since(since).Round(time.Millisecond))
			h.untouched(before)
			if left := h.run("ls -A " + store + " | grep staging || true"); left != "" {
				t.Errorf("%s: got %s left in the store", signal, left)
			}
		}
	})
	h.run("runsc-provisioner apply --release " + newer)
	h.settled()
}

// A program of a release leaves processes behind, in sessions of their own, whenever it is
// started. Its proof fails. The good release of the same name is installed after that.
func TestFault_X13_AReleaseThatLivesOn(t *testing.T) {
	onEach(t, lab.Options{}, func(t *testing.T, h host) {
		h.run("runsc-provisioner apply --default-runtime --release " + older)
		url, dir := h.hostileReleases()
		for _, behaviour := range []fakerunsc.Behaviour{fakerunsc.Escapes, fakerunsc.Forks} {
			fakerunsc.Bundle(t, dir, fakerunsc.Options{Behaviour: behaviour, Label: "release-" + newer}, fakerunsc.Zstd)
			before := h.snapshot()
			says(t, h.exit(1, "runsc-provisioner apply --release "+newer+" --url "+url), newer, "starts no sandbox")
			after := h.snapshot()
			after.Store = before.Store // only the archive of the release installed last is kept
			if after != before {
				t.Errorf("%s: the host was touched\nbefore: %+v\nafter:  %+v", behaviour, before, after)
			}
			if left := h.run("ls -l /proc/*/exe 2>/dev/null | grep -e " + store + "/" + newer + " -e staging || true"); left != "" {
				t.Errorf("%s: got processes left:\n%s", behaviour, left)
			}
			if left := h.run("ls -A " + store); strings.Contains(left, newer) {
				t.Errorf("%s: got %s in the store, want the release removed", behaviour, left)
			}
		}
		h.run("runsc-provisioner apply --release " + newer)
		h.settled()
		h.wantsRunsc()
	})
}
