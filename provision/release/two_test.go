package release_test

import (
	"crypto/sha512"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"runsc-provisioner/provision/release"
	"runsc-provisioner/test/fakerunsc"
	"runsc-provisioner/test/releases"
)

// mirror writes the digests of a mirror. sum is that of its archive.
func (r *rig) mirror(t *testing.T, path, sum string) {
	t.Helper()
	at := filepath.Join(r.tree, "mirror", path, "SHA512SUMS")
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("0", 128) + "  gvisor-other.tar.bz2\n" + sum + "  gvisor-" + release.Arch() + ".tar.bz2\n"
	if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestTwoSources(t *testing.T) {
	for name, test := range map[string]struct {
		version string
		mirror  map[string]bool // whether the digest in a place is the same
		says    string          // why it is refused; "" if it is accepted
	}{
		"latest":                        {"latest", map[string]bool{"latest/download": true}, ""},
		"a release":                     {wanted, map[string]bool{"download/release-" + wanted: true}, ""},
		"a date":                        {"20260914", map[string]bool{"download/release-20260914.0": true}, ""},
		"a date with a point release":   {"20260914", map[string]bool{"download/release-20260914.0": false, "download/release-20260914.1": true}, ""},
		"another digest":                {wanted, map[string]bool{"download/release-" + wanted: false}, "one of them was changed"},
		"another digest of a date":      {"20260914", map[string]bool{"download/release-20260914.0": false}, "one of them was changed"},
		"a release that is not there":   {wanted, nil, "does not have this release"},
		"the digest of another release": {wanted, map[string]bool{"latest/download": true, "download/release-" + before: true}, "does not have this release"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			fakerunsc.Bundle(t, r.at(test.version), fakerunsc.Options{Label: "release-" + wanted}, fakerunsc.Bzip2)
			packed, err := os.ReadFile(filepath.Join(r.at(test.version), "gvisor.tar.bz2"))
			if err != nil {
				t.Fatal(err)
			}
			for path, same := range test.mirror {
				sum := fmt.Sprintf("%x", sha512.Sum512(packed))
				if !same {
					sum = strings.Repeat("1", 128)
				}
				r.mirror(t, path, sum)
			}
			spec := r.spec(test.version, "")
			spec.Trust, spec.Mirror = release.TrustTwoSources, r.server.URL+releases.Prefix+"/mirror"
			old := r.snapshot(t)
			got, err := install(t.Context(), r.store, &release.TwoSources{Download: r.source.Download}, spec)
			if test.says == "" {
				if err != nil || got.Name != wanted || got.Manifest.Trust != release.TrustTwoSources {
					t.Errorf("got %+v, %v", got.Manifest, err)
				}
				return
			}
			if !isRefused(err) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want it refused for %q", err, test.says)
			}
			if now := r.snapshot(t); now != old {
				t.Errorf("the store has changed from\n%s\nto\n%s", old, now)
			}
		})
	}
}

func TestTwoSources_NeedsTheFormThatTheMirrorHas(t *testing.T) {
	r := newRig(t)
	fakerunsc.Bundle(t, r.at(wanted), fakerunsc.Options{Label: "release-" + wanted}, fakerunsc.Zstd)
	spec := r.spec(wanted, "")
	spec.Trust, spec.Mirror = release.TrustTwoSources, r.server.URL+releases.Prefix+"/mirror"
	if _, err := install(t.Context(), r.store, &release.TwoSources{Download: r.source.Download}, spec); !isRefused(err) {
		t.Errorf("got %v, want it refused", err)
	}
}
