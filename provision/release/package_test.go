package release_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/test/fakerunsc"
)

// packaged is a fake Source: a package whose files are in dir. Package distro asks a real package manager.
type packaged struct{ dir string }

var packageSpec = release.Spec{Source: release.SourceSystem, Version: "latest", Arch: release.Arch()}

func (p packaged) Fetch(context.Context, release.Spec, string) (release.Fetched, error) {
	fetched := release.Fetched{URL: "fake:runsc", Trust: release.TrustPackage, Package: &release.Package{Manager: "fake", Name: "runsc", Dir: p.dir}}
	for _, name := range []string{"containerd-shim-runsc-v1", "gvisor-bin/gvisor_sentry", "runsc"} {
		text, err := os.ReadFile(filepath.Join(p.dir, name))
		info, statErr := os.Stat(filepath.Join(p.dir, name))
		if err := errors.Join(err, statErr); err != nil {
			return release.Fetched{}, err
		}
		fetched.Files = append(fetched.Files, release.File{Path: name, Size: info.Size(), Mode: "0755", SHA256: durable.Digest(text), MTime: info.ModTime().UnixNano()})
	}
	return fetched, nil
}

// put makes the package install another version, as dpkg does: each file gets a new inode.
func (p packaged) put(t *testing.T, version string) {
	t.Helper()
	program := fakerunsc.Program(t, fakerunsc.Options{Label: "release-" + version})
	for _, name := range []string{"runsc", "containerd-shim-runsc-v1", "gvisor-bin/gvisor_sentry"} {
		path := filepath.Join(p.dir, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil {
			err = os.Chmod(filepath.Dir(path), 0o755)
		}
		if err == nil {
			err = os.WriteFile(path+".dpkg-new", program, 0o755)
		}
		if err == nil {
			err = os.Rename(path+".dpkg-new", path)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func newPackaged(t *testing.T) (*rig, packaged) {
	t.Helper()
	r, p := newRig(t), packaged{t.TempDir()}
	r.store.Dir = filepath.Join(t.TempDir(), "system")
	r.store.Suspect = r.store.Touched
	p.put(t, wanted)
	return r, p
}

func (r *rig) adopt(t *testing.T, p packaged, name string) release.Installed {
	t.Helper()
	got, err := install(t.Context(), r.store, p, packageSpec)
	if err != nil || got.Name != name || !got.State.Intact() || got.Runsc != filepath.Join(p.dir, "runsc") || !got.Satisfies(packageSpec) {
		t.Fatalf("got %+v, %v, want %s of the package", got, err, name)
	}
	return got
}

func (r *rig) list(t *testing.T) []release.Installed {
	t.Helper()
	all, err := r.store.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestPackage_StaysWhereItIs(t *testing.T) {
	r, p := newPackaged(t)
	if all := r.list(t); len(all) != 0 {
		t.Fatalf("got %+v, want nothing yet", all)
	}
	got := r.adopt(t, p, wanted)
	if again := r.adopt(t, p, wanted); again.ManifestDigest != got.ManifestDigest {
		t.Error("the same package is another release")
	}
	entries, err := os.ReadDir(r.store.Dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("the store has %v, %v, want the manifest alone", entries, err)
	}
	spec := r.spec("latest", "")
	if got.Satisfies(spec) {
		t.Error("a package counts as downloaded")
	}
	if downloaded, err := install(t.Context(), release.Store{Dir: t.TempDir(), Owner: os.Geteuid(), Limits: quick()}, r.source, r.spec(before, "")); err != nil || downloaded.Satisfies(packageSpec) {
		t.Errorf("got %+v, %v: what was downloaded counts as a package", downloaded, err)
	}
	if err := r.store.Remove(wanted); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(p.dir, "runsc")); err != nil || len(r.list(t)) != 0 {
		t.Errorf("got %v: only the manifest is removed", err)
	}
}

func TestPackage_FollowsThePackageManager(t *testing.T) {
	r, p := newPackaged(t)
	r.adopt(t, p, wanted)
	for _, version := range []string{"20261005.0", before} { // up, and down again
		p.put(t, version)
		if found, ok := release.NewestSatisfying(r.list(t), packageSpec); ok {
			t.Errorf("%s: got %+v, want nothing that was compared", version, found)
		}
		for _, old := range r.list(t) {
			if old.Runsc == filepath.Join(p.dir, "runsc") {
				t.Errorf("%s: %s counts as what runs", version, old.Name)
			}
		}
		r.adopt(t, p, version)
		if found, ok := release.NewestSatisfying(r.list(t), packageSpec); !ok || found.Name != version {
			t.Errorf("%s: got %+v", version, found)
		}
	}
	if all := r.list(t); len(all) != 3 { // sandboxes of each may run
		t.Errorf("got %d manifests, want 3", len(all))
	}
	exact := packageSpec
	exact.Version = wanted
	if got, err := install(t.Context(), r.store, p, exact); err == nil {
		t.Errorf("got %+v, want %s refused: the package has another", got, wanted)
	}
}

func TestPackage_AChangeIsSeen(t *testing.T) {
	r, p := newPackaged(t)
	for name, change := range map[string]func(path string) error{
		"content":               func(path string) error { return os.WriteFile(path, []byte("other"), 0o755) },
		"mode":                  func(path string) error { return os.Chmod(path, 0o777) },
		"time":                  func(path string) error { return os.Chtimes(path, time.Now(), time.Now()) },
		"others may replace it": func(path string) error { return os.Chmod(filepath.Dir(path), 0o777) },
		"missing":               os.Remove,
		"a link": func(path string) error {
			return errors.Join(os.Rename(path, path+".away"), os.Symlink(path+".away", path))
		},
		"same stat": func(path string) error { unseen(t, path); return nil },
	} {
		p.put(t, wanted)
		got := r.adopt(t, p, wanted)
		if err := change(filepath.Join(p.dir, "gvisor-bin/gvisor_sentry")); err != nil {
			t.Fatal(err)
		}
		all := r.list(t)
		if len(all) != 1 || all[0].State.File != "gvisor-bin/gvisor_sentry" {
			t.Errorf("%s: got %+v, want the sentry changed", name, all)
		}
		sound, err := r.store.IntactFiles(t.Context(), all[0])
		if err != nil || sound["gvisor-bin/gvisor_sentry"] || !sound["runsc"] {
			t.Errorf("%s: got %v, %v of %s", name, sound, err, got.Name)
		}
	}
}
