package release_test

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/apt"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/test/aptrepo"
	"runsc-provisioner/test/fakerunsc"
	"runsc-provisioner/test/inrelease"
	"runsc-provisioner/test/releases"
)

// A signedRig is a rig whose server also has a signed repository.
type signedRig struct {
	*rig
	repo   *aptrepo.Repo
	source *release.Signed
	now    time.Time
}

func newSignedRig(t *testing.T) *signedRig {
	t.Helper()
	s := &signedRig{rig: newRig(t), now: time.Now()}
	s.repo = &aptrepo.Repo{Dir: s.tree, Arch: map[string]string{"x86_64": "amd64", "aarch64": "arm64"}[release.Arch()], Keys: sharedKeys(t, s.now)}
	s.source = &release.Signed{Download: release.Download{HTTP: s.server.Client(), Limits: quick()}, Now: func() time.Time { return s.now }, Seen: map[string]release.Seen{}}
	for _, text := range s.repo.Keys.Pinned() {
		f, err := apt.ParseFingerprint(text)
		if err != nil {
			t.Fatal(err)
		}
		s.source.Keys.Pinned = append(s.source.Keys.Pinned, f)
	}
	s.source.Keys.File = s.repo.Keys.Keyring(t)
	for _, version := range []string{before, wanted} {
		s.add(t, version, "release-"+version)
	}
	s.publish(t, "release")
	s.publish(t, "20260914")
	return s
}

// shared takes longer to make than most tests run.
var shared struct {
	sync.Mutex
	keys *inrelease.Keys
	debs map[string][]byte
}

func sharedKeys(t *testing.T, now time.Time) *inrelease.Keys {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.keys == nil {
		shared.keys = inrelease.NewKeys(t, now)
	}
	return shared.keys
}

// add puts a package into the pool whose programs report a label.
func (s *signedRig) add(t *testing.T, version, label string) {
	t.Helper()
	s.repo.Add(t, version, s.deb(t, version, label))
}

func (s *signedRig) deb(t *testing.T, version, label string) []byte {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.debs == nil {
		shared.debs = map[string][]byte{}
	}
	key := version + " " + label
	if shared.debs[key] == nil {
		o := fakerunsc.Options{Label: label}
		var files []aptrepo.File
		for _, f := range fakerunsc.Files(t, o) {
			files = append(files, aptrepo.File{Name: "usr/bin/" + f.Name, Mode: f.Mode, Text: fakerunsc.Program(t, o)})
		}
		shared.debs[key] = aptrepo.Deb(t, version, s.repo.Arch, files)
	}
	return shared.debs[key]
}

// publish writes a suite with both versions, an hour old.
func (s *signedRig) publish(t *testing.T, suite string) {
	t.Helper()
	s.repo.Publish(t, suite, s.now.Add(-time.Hour), before, wanted)
}

func (s *signedRig) signed(version string) release.Spec {
	spec := s.spec(version, "")
	spec.Trust = release.TrustSigned
	spec.Signing = release.Signing{Fingerprints: s.repo.Keys.Pinned(), Keyring: "/not/read"}
	return spec
}

func TestSigned_Installs(t *testing.T) {
	s := newSignedRig(t)
	for _, version := range []string{"latest", "20260914", wanted} {
		if err := os.RemoveAll(filepath.Join(s.store.Dir, wanted)); err != nil {
			t.Fatal(err)
		}
		got, err := install(t.Context(), s.store, s.source, s.signed(version))
		if err != nil {
			t.Fatalf("%s: %v", version, err)
		}
		origin := got.Manifest.Origin
		if got.Name != wanted || got.Manifest.Trust != release.TrustSigned || !got.State.Intact() || origin == nil || origin.Signer != s.repo.Keys.Pinned()[0] || origin.Index.Version != wanted {
			t.Errorf("%s: got %+v, origin %+v", version, got.Manifest, origin)
		}
		if _, err := os.Lstat(aptrepo.Canary); err == nil {
			t.Error("a script of the package was run")
		}
		kept := filepath.Join(s.store.Dir, ".archive", wanted)
		for _, name := range []string{"runsc.deb", "InRelease", "Packages.gz", "archive.key"} {
			if _, err := os.Lstat(filepath.Join(kept, name)); err != nil {
				t.Errorf("%s: %v", version, err)
			}
		}
	}
	if err := os.Remove(filepath.Join(s.store.Dir, wanted, "runsc")); err != nil {
		t.Fatal(err)
	}
	if got, err := s.store.Restore(t.Context(), wanted); err != nil || !got.State.Intact() {
		t.Errorf("restored from its package: got %+v, %v", got.State, err)
	}
}

func TestSigned_KnowsWhatIsInstalled(t *testing.T) {
	s := newSignedRig(t)
	installed, err := install(t.Context(), s.store, s.source, s.signed("latest"))
	if err != nil {
		t.Fatal(err)
	}
	s.source.Have = []release.Installed{installed}
	s.requests = nil
	staged, err := s.store.Fetch(t.Context(), s.source, s.signed("latest"))
	if err != nil || staged.Name() != wanted || staged.Origin() == nil {
		t.Fatalf("got %+v, %v", staged, err)
	}
	defer staged.Discard()
	if slices.ContainsFunc(s.requests, func(r string) bool { return strings.Contains(r, ".deb") }) {
		t.Errorf("the package was fetched again: %v", s.requests)
	}
}

// A release that was only checked by its digest is not taken for a signed one. If it has the same files, it becomes one.
func TestSigned_GivesAnUnsignedReleaseItsOrigin(t *testing.T) {
	s := newSignedRig(t)
	fakerunsc.Bundle(t, s.at(wanted), fakerunsc.Options{Label: "release-" + wanted}, fakerunsc.Zstd)
	unsigned, err := s.rig.install(t, s.spec(wanted, ""))
	if err != nil {
		t.Fatal(err)
	}
	s.source.Have = []release.Installed{unsigned}
	for _, fetched := range []bool{true, false} {
		s.requests = nil
		staged, err := s.store.Fetch(t.Context(), s.source, s.signed("latest"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.store.Commit(t.Context(), staged)
		if err := errors.Join(err, staged.Discard()); err != nil {
			t.Fatal(err)
		}
		if !got.State.Intact() || got.Manifest.Origin == nil || got.Manifest.Trust != release.TrustSigned || got.Manifest.Archives[0].Name != "runsc.deb" {
			t.Errorf("got %+v", got.Manifest)
		}
		if asked := slices.ContainsFunc(s.requests, func(r string) bool { return strings.Contains(r, ".deb") }); asked != fetched {
			t.Errorf("the package was fetched: %t, want %t", asked, fetched)
		}
		s.source.Have = []release.Installed{got}
	}
	if err := os.Remove(filepath.Join(s.store.Dir, wanted, "runsc")); err != nil {
		t.Fatal(err)
	}
	if got, err := s.store.Restore(t.Context(), wanted); err != nil || got.Manifest.Origin == nil {
		t.Errorf("restored: got %+v, %v", got.Manifest, err)
	}
}

func isRefused(err error) bool {
	var refused *release.RefusedError
	return errors.As(err, &refused)
}

// attack changes a repository so that a release must be refused, with an error that says a word.
type attack struct {
	change func(t *testing.T, s *signedRig)
	says   string
}

// refuseAll makes attacks, each on a host of its own. Each must leave the store as it was.
func refuseAll(t *testing.T, attacks map[string]attack) {
	t.Helper()
	for name, a := range attacks {
		t.Run(name, func(t *testing.T) {
			s := newSignedRig(t)
			a.change(t, s)
			old := s.snapshot(t)
			spec := s.signed("latest")
			spec.Signing.MaxAge = 90 * 24 * time.Hour
			if _, err := install(t.Context(), s.store, s.source, spec); !isRefused(err) || !strings.Contains(err.Error(), a.says) {
				t.Errorf("got %v, want it refused for %q", err, a.says)
			}
			if now := s.snapshot(t); now != old {
				t.Errorf("the store has changed from\n%s\nto\n%s", old, now)
			}
			if _, err := os.Lstat(aptrepo.Canary); err == nil {
				t.Error("a script of the package was run")
			}
		})
	}
}

func TestFault_S01_AnIndexWithoutAGoodSignature(t *testing.T) {
	refuseAll(t, map[string]attack{
		"no signature": {func(t *testing.T, s *signedRig) {
			s.write(t, "dists/release/InRelease", []byte("Suite: release\n"))
		}, "clear-signed"},
		"another key": {func(t *testing.T, s *signedRig) {
			s.repo.Keys = inrelease.NewKeys(t, s.now)
			s.publish(t, "release")
		}, "signature"},
		"a keyring without a pinned key": {func(t *testing.T, s *signedRig) {
			s.source.Keys.File = inrelease.NewKeys(t, s.now).Keyring(t)
		}, "pinned: "},
		"an expired signature": {func(t *testing.T, s *signedRig) {
			text := s.releaseText(t)
			s.write(t, "dists/release/InRelease", []byte(inrelease.Frame(text, inrelease.Armor(s.repo.Keys.Sign(t, inrelease.Signature{Lifetime: time.Minute}, text)))))
		}, "expired"},
	})
}

func TestFault_S02_TextAroundTheSignedText(t *testing.T) {
	refuseAll(t, map[string]attack{
		"text behind the signature": {func(t *testing.T, s *signedRig) {
			s.write(t, "dists/release/InRelease", append([]byte(s.read(t, "dists/release/InRelease")), "SHA512:\n"...))
		}, "clear-signed"},
	})
}

func TestFault_S03_AnIndexWithWeakDigestsAlone(t *testing.T) {
	refuseAll(t, map[string]attack{
		"no SHA-512": {func(t *testing.T, s *signedRig) {
			s.repo.Sign(t, "release", strings.Split(s.releaseText(t), "SHA512:")[0])
		}, "no SHA-512"},
	})
}

func TestFault_S04_FilesThatDifferFromTheirIndex(t *testing.T) {
	refuseAll(t, map[string]attack{
		"other packages": {func(t *testing.T, s *signedRig) {
			s.flip(t, "dists/release/main/binary-"+s.repo.Arch+"/Packages.gz")
		}, "sha512"},
		"more packages": {func(t *testing.T, s *signedRig) {
			at := "dists/release/main/binary-" + s.repo.Arch + "/Packages.gz"
			s.write(t, at, append([]byte(s.read(t, at)), 0))
		}, "sha512"},
		"another package": {func(t *testing.T, s *signedRig) { s.flip(t, s.pool()) }, "sha512"},
		"a longer package": {func(t *testing.T, s *signedRig) {
			s.write(t, s.pool(), append([]byte(s.read(t, s.pool())), 0))
		}, "accepted"},
		"a shorter package": {func(t *testing.T, s *signedRig) {
			text := s.read(t, s.pool())
			s.write(t, s.pool(), []byte(text[:len(text)-1]))
		}, "sha512"},
		"no package": {func(t *testing.T, s *signedRig) {
			if err := os.Remove(filepath.Join(s.tree, s.pool())); err != nil {
				t.Fatal(err)
			}
		}, "404"},
	})
}

func TestFault_S05_AnIndexThatIsOldOrOfAnotherSuite(t *testing.T) {
	refuseAll(t, map[string]attack{
		"an index older than the one seen": {func(t *testing.T, s *signedRig) {
			s.source.Seen[s.server.URL+releases.Prefix+"/dists/release/InRelease"] = release.Seen{Date: s.now.Add(-time.Minute), Version: wanted}
		}, "an old copy"},
		"an index without the newest release": {func(t *testing.T, s *signedRig) {
			s.source.Seen[s.server.URL+releases.Prefix+"/dists/release/InRelease"] = release.Seen{Date: s.now.Add(-24 * time.Hour), Version: "20260921.0"}
		}, "20260921.0"},
		"an old index": {func(t *testing.T, s *signedRig) {
			s.repo.Publish(t, "release", s.now.Add(-100*24*time.Hour), wanted)
		}, "max_index_age"},
		"an index from the future": {func(t *testing.T, s *signedRig) {
			s.repo.Publish(t, "release", s.now.Add(48*time.Hour), wanted)
		}, "clock"},
		"the index of another suite": {func(t *testing.T, s *signedRig) {
			s.write(t, "dists/release/InRelease", []byte(s.read(t, "dists/20260914/InRelease")))
		}, "suite"},
	})
}

func TestFault_S06_APackageWithWrongContent(t *testing.T) {
	refuseAll(t, map[string]attack{
		"a damaged package": {func(t *testing.T, s *signedRig) { s.republish(t, []byte("no package")) }, "ar archive"},
		"unknown compression": {func(t *testing.T, s *signedRig) {
			s.republish(t, aptrepo.Ar([]string{"debian-binary", "control.tar.xz", "data.tar.xz"}, []byte("2.0\n"), []byte("x"), []byte("x")))
		}, "compression"},
		"a path that leads out": {func(t *testing.T, s *signedRig) {
			s.republish(t, aptrepo.Deb(t, wanted, s.repo.Arch, []aptrepo.File{{Name: "usr/bin/../../../../etc/runsc", Mode: 0o755, Text: []byte("x")}}))
		}, "leads out"},
		"no runsc in the package": {func(t *testing.T, s *signedRig) {
			s.republish(t, aptrepo.Deb(t, wanted, s.repo.Arch, []aptrepo.File{{Name: "usr/bin/other", Mode: 0o755, Text: []byte("x")}}))
		}, "missing"},
		"another release in the package": {func(t *testing.T, s *signedRig) {
			s.repo = &aptrepo.Repo{Dir: s.tree, Arch: s.repo.Arch, Keys: s.repo.Keys}
			s.repo.Add(t, wanted, s.deb(t, wanted, "release-20260101.0"))
			s.repo.Publish(t, "release", s.now.Add(-time.Hour), wanted)
		}, "20260101.0"},
	})
}

// The user may accept an older index.
func TestSigned_AllowDowngrade(t *testing.T) {
	s := newSignedRig(t)
	s.source.Seen[s.server.URL+releases.Prefix+"/dists/release/InRelease"] = release.Seen{Date: s.now, Version: "20260921.0"}
	s.source.AllowDowngrade = true
	if got, err := install(t.Context(), s.store, s.source, s.signed("latest")); err != nil || got.Name != wanted {
		t.Errorf("got %s, %v", got.Name, err)
	}
}

// A repository changes its index and its packages one after the other.
func TestSigned_AnIndexThatChangesMeanwhile(t *testing.T) {
	s := newSignedRig(t)
	list := "/main/binary-" + s.repo.Arch + "/Packages.gz"
	changed := false
	s.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, list) && !changed {
			changed = true
			s.add(t, "20260921.0", "release-20260921.0")
			s.repo.Publish(t, "release", s.now.Add(-time.Minute), before, wanted, "20260921.0")
		}
		releases.Handler(s.tree).ServeHTTP(w, r)
	})
	if got, err := install(t.Context(), s.store, s.source, s.signed("latest")); err != nil || got.Name != "20260921.0" {
		t.Errorf("got %s, %v, want the new release", got.Name, err)
	}
}

func TestSigned_FetchesTheKey(t *testing.T) {
	s := newSignedRig(t)
	keys := s.repo.Keys.Keyring(t)
	s.write(t, "archive.key", inrelease.ArmoredKeys(keys))
	s.source.Keys.File = nil
	s.source.Keys.URL = s.server.URL + releases.Prefix + "/archive.key"
	spec := s.signed("latest")
	spec.Signing.KeyURL, spec.Signing.Keyring = s.source.Keys.URL, ""
	s.source.Progress = func(p release.Progress) {
		if p.File == "archive.key" {
			t.Errorf("got progress of %s, which is no part of a release", p.File)
		}
	}
	fetches := func() int {
		return len(slices.DeleteFunc(slices.Clone(s.requests), func(r string) bool { return !strings.Contains(r, "archive.key") }))
	}
	for name, test := range map[string]struct {
		kept    []byte
		fetches int
	}{
		"none was kept":             {nil, 1},
		"the one that was kept":     {keys, 0},
		"an old one that was kept":  {inrelease.NewKeys(t, s.now).Keyring(t), 1},
		"a page that was kept":      {[]byte("<html>"), 1},
		"a damaged one that was so": {bytes.Repeat([]byte("x"), 100), 1},
	} {
		s.source.Keys.Kept, s.requests = test.kept, nil
		staged, err := s.store.Fetch(t.Context(), s.source, spec)
		if err != nil || fetches() != test.fetches || !bytes.HasSuffix(append(bytes.Clone(keys), staged.Origin().Key...), staged.Origin().Key) {
			t.Errorf("%s: got %v, fetched %d times, want %d", name, err, fetches(), test.fetches)
		}
		if err == nil {
			staged.Discard()
		}
	}
	// An attacker who also keeps the key away gets no other error.
	index := s.read(t, "dists/release/InRelease")
	s.repo.Keys = inrelease.NewKeys(t, s.now)
	s.publish(t, "release")
	s.source.Keys.Kept, s.source.Keys.URL = keys, s.server.URL+"/fault-500"+releases.Prefix+"/archive.key"
	if _, err := s.store.Fetch(t.Context(), s.source, spec); !isRefused(err) {
		t.Errorf("a forged index, and no key: got %v", err)
	}
	s.write(t, "dists/release/InRelease", []byte(index))
	s.source.Keys.URL = spec.Signing.KeyURL
	s.write(t, "archive.key", []byte("<html>"))
	s.source.Keys.Kept = nil
	if _, err := s.store.Fetch(t.Context(), s.source, spec); !isRefused(err) {
		t.Errorf("a page in place of a key: got %v", err)
	}
}

// A mirror may be a directory of the host. No server is asked then.
func TestFetch_FromADirectory(t *testing.T) {
	s := newSignedRig(t)
	fakerunsc.Bundle(t, s.at(wanted), fakerunsc.Options{Label: "release-" + wanted}, fakerunsc.Zstd)
	s.server.Close()
	for trust, source := range map[string]release.Source{release.TrustSigned: s.source, release.TrustChecksum: s.rig.source} {
		spec := s.signed(wanted)
		spec.Trust, spec.URL = trust, "file://"+s.tree
		staged, err := s.store.Fetch(t.Context(), source, spec)
		if err != nil || staged.Name() != wanted {
			t.Fatalf("%s: got %v", trust, err)
		}
		if err := staged.Discard(); err != nil {
			t.Fatal(err)
		}
		spec.URL = "file://" + s.tree + "/none"
		if _, err := s.store.Fetch(t.Context(), source, spec); !isRefused(err) {
			t.Errorf("%s, a missing directory: got %v", trust, err)
		}
	}
	flipped := s.read(t, s.pool())
	s.flip(t, s.pool())
	spec := s.signed(wanted)
	spec.URL = "file://" + s.tree
	if _, err := s.store.Fetch(t.Context(), s.source, spec); !isRefused(err) {
		t.Errorf("a changed package: got %v", err)
	}
	s.write(t, s.pool(), []byte(flipped))
	// A named pipe would be waited for.
	if err := errors.Join(os.Remove(filepath.Join(s.tree, s.pool())), unix.Mkfifo(filepath.Join(s.tree, s.pool()), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.store.Fetch(t.Context(), s.source, spec); err == nil {
		t.Error("a named pipe: got no error")
	}
}

func TestSigned_Pins(t *testing.T) {
	s := newSignedRig(t)
	spec := s.signed("latest")
	spec.SHA512 = map[string]string{"runsc.deb": strings.Repeat("0", 128)}
	if _, err := s.store.Fetch(t.Context(), s.source, spec); !isRefused(err) || !strings.Contains(err.Error(), "pinned") {
		t.Errorf("got %v, want the pin", err)
	}
}

// pool is the path of the package of wanted.
func (s *signedRig) pool() string { return "pool/" + wanted + "/binary-" + s.repo.Arch + "/runsc.deb" }

// republish signs a repository whose only package is a text.
func (s *signedRig) republish(t *testing.T, deb []byte) {
	t.Helper()
	s.repo = &aptrepo.Repo{Dir: s.tree, Arch: s.repo.Arch, Keys: s.repo.Keys}
	s.repo.Add(t, wanted, deb)
	s.repo.Publish(t, "release", s.now.Add(-time.Hour), wanted)
}

func (s *signedRig) read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.tree, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (s *signedRig) write(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.tree, name), text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// releaseText is what the index of the suite release says.
func (s *signedRig) releaseText(t *testing.T) string {
	t.Helper()
	text, _, _ := strings.Cut(s.read(t, "dists/release/InRelease"), "-----BEGIN PGP SIGNATURE")
	_, text, _ = strings.Cut(text, "\n\n")
	return text
}

// flip changes a bit in the middle of a file.
func (s *signedRig) flip(t *testing.T, name string) {
	t.Helper()
	text := []byte(s.read(t, name))
	text[len(text)/2] ^= 1
	s.write(t, name, text)
}
