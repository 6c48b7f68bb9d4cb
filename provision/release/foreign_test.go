package release_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"runsc-provisioner/provision/release"
	"runsc-provisioner/test/fakerunsc"
)

func TestLink(t *testing.T) {
	tests := map[string]struct {
		put     func(link, store string) error
		kind    release.LinkKind
		release string
		is      string
	}{
		"absent":             {func(string, string) error { return nil }, release.LinkAbsent, "", ""},
		"ours":               {func(l, s string) error { return os.Symlink(s+"/20260907.0/runsc", l) }, release.LinkOurs, "20260907.0", ""},
		"ours, relative":     {func(l, s string) error { return os.Symlink("../lib/gvisor/20260907.0/runsc", l) }, release.LinkOurs, "20260907.0", ""},
		"ours, release gone": {func(l, s string) error { return os.Symlink(s+"/20260101.0/runsc", l) }, release.LinkOurs, "20260101.0", ""},
		"a file":             {func(l, _ string) error { return os.WriteFile(l, nil, 0o755) }, release.LinkForeign, "", "a file"},
		"a directory":        {func(l, _ string) error { return os.Mkdir(l, 0o755) }, release.LinkForeign, "", "a directory"},
		"a package's":        {func(l, _ string) error { return os.Symlink("/usr/bin/runsc", l) }, release.LinkForeign, "", `a symlink to "/usr/bin/runsc"`},
		"elsewhere in ours":  {func(l, s string) error { return os.Symlink(s+"/20260907.0/gvisor-bin/x", l) }, release.LinkForeign, "", "a symlink to"},
		"no release":         {func(l, s string) error { return os.Symlink(s+"/old/runsc", l) }, release.LinkForeign, "", "a symlink to"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			if err := errors.Join(os.Remove(r.store.Link), test.put(r.store.Link, r.store.Dir)); err != nil {
				t.Fatal(err)
			}
			got, err := r.store.LinkState()
			if err != nil || got.Kind != test.kind || got.Release != test.release || !strings.HasPrefix(got.Is, test.is) || got.Path != r.store.Link {
				t.Errorf("got %+v, error %v; want %s, %q, %q", got, err, test.kind, test.release, test.is)
			}
			old := r.snapshot(t)
			err = r.store.SetLink(before)
			var foreign *release.ForeignError
			if test.kind == release.LinkForeign {
				if !errors.As(err, &foreign) || r.snapshot(t) != old {
					t.Errorf("got %v, want a foreign link refused and left", err)
				}
				return
			}
			target, readErr := os.Readlink(r.store.Link)
			if err != nil || readErr != nil || target != filepath.Join(r.store.Dir, before, "runsc") {
				t.Errorf("got link to %q, errors %v, %v", target, err, readErr)
			}
		})
	}
}

func TestFault_F08_OthersMayWriteAbove(t *testing.T) {
	t.Run("directory above the store", func(t *testing.T) {
		r := newRig(t)
		r.publish(t, fakerunsc.Zstd)
		if err := os.Chmod(filepath.Dir(r.store.Dir), 0o777); err != nil {
			t.Fatal(err)
		}
		refused[*release.UnsafeError](t, r, r.spec(wanted, ""), filepath.Dir(r.store.Dir), "mode 0777")
	})
	t.Run("the store, through a symlink", func(t *testing.T) {
		r := newRig(t)
		r.publish(t, fakerunsc.Zstd)
		alias := filepath.Join(t.TempDir(), "alias")
		if err := errors.Join(os.Chmod(filepath.Dir(r.store.Dir), 0o775), os.Symlink(r.store.Dir, alias)); err != nil {
			t.Fatal(err)
		}
		r.store.Dir = alias
		refused[*release.UnsafeError](t, r, r.spec(wanted, ""), "mode 0775")
	})
	t.Run("a missing store", func(t *testing.T) {
		r := newRig(t)
		r.publish(t, fakerunsc.Zstd)
		if err := os.Chmod(filepath.Dir(r.store.Dir), 0o777); err != nil {
			t.Fatal(err)
		}
		r.store.Dir = filepath.Join(filepath.Dir(r.store.Dir), "new", "gvisor")
		refused[*release.UnsafeError](t, r, r.spec(wanted, ""), "mode 0777")
	})
	t.Run("directory of the link", func(t *testing.T) {
		r := newRig(t)
		if err := os.Chmod(filepath.Dir(r.store.Link), 0o777); err != nil {
			t.Fatal(err)
		}
		var unsafeErr *release.UnsafeError
		if err := r.store.SetLink(before); !errors.As(err, &unsafeErr) {
			t.Errorf("got %v, want it unsafe", err)
		}
	})
}

func TestFault_F08_ForeignDirectoryWithTheReleasesName(t *testing.T) {
	r := newRig(t)
	r.publish(t, fakerunsc.Zstd)
	dir := filepath.Join(r.store.Dir, wanted)
	if err := errors.Join(os.Mkdir(dir, 0o755), os.WriteFile(filepath.Join(dir, "runsc"), []byte("by hand"), 0o755)); err != nil {
		t.Fatal(err)
	}
	refused[*release.ForeignError](t, r, r.spec(wanted, ""), dir, "no manifest")
	list, err := r.store.List(t.Context())
	if err != nil || len(list) != 1 {
		t.Errorf("got %v, error %v; want our release alone", list, err)
	}
	if err := r.store.Remove(wanted); err == nil {
		t.Error("got nil, want a foreign directory kept")
	}
}

func TestFault_F05_LeftoversOfAKilledRun(t *testing.T) {
	r := newRig(t)
	old := r.snapshot(t)
	ours := []string{".runsc-provisioner-staging-ABCDEFGHIJKLMNOPQRSTUVWXYZ", ".runsc-provisioner-removed-234567ABCDEFGHIJKLMNOPQRST"}
	foreign := []string{".runsc-provisioner-staging-mine", ".runsc-provisioner-other-ABCDEFGHIJKLMNOPQRSTUVWXYZ", ".hidden", "notes"}
	for _, name := range append(ours, foreign...) {
		if err := os.MkdirAll(filepath.Join(r.store.Dir, name, "release"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.store.Sweep(); err != nil {
		t.Fatal(err)
	}
	for _, name := range foreign {
		if err := errors.Join(os.Remove(filepath.Join(r.store.Dir, name, "release")), os.Remove(filepath.Join(r.store.Dir, name))); err != nil {
			t.Errorf("%s was another program's: %v", name, err)
		}
	}
	if is := r.snapshot(t); is != old {
		t.Errorf("store changed\nfrom\n%s\nto\n%s", old, is)
	}
}

func TestFault_F08_OwnedByAnotherUser(t *testing.T) {
	r := newRig(t)
	staging := filepath.Join(r.store.Dir, ".runsc-provisioner-staging-ABCDEFGHIJKLMNOPQRSTUVWXYZ")
	if err := os.Mkdir(staging, 0o755); err != nil {
		t.Fatal(err)
	}
	r.store.Owner++
	list, err := r.store.List(t.Context())
	if err != nil || len(list) != 1 || !strings.Contains(list[0].State.Reason, "is owned by uid") {
		t.Errorf("got %+v, error %v; want the release damaged for its owner", list, err)
	}
	if err := r.store.Sweep(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(staging); err != nil {
		t.Errorf("another program's was swept: %v", err)
	}
}

// A kill between the rename of the archive and that of the release leaves only
// the archive. The release counts as damaged and is restored from it.
func TestFault_F01_KilledBetweenArchiveAndRelease(t *testing.T) {
	r := newRig(t)
	r.publish(t, fakerunsc.Zstd)
	mustInstall(t, r, r.spec(wanted, ""))
	if err := os.RemoveAll(filepath.Join(r.store.Dir, wanted)); err != nil {
		t.Fatal(err)
	}
	r.server.Close()
	mustInstall(t, r, r.spec(wanted, ""))
}
