package release_test

import (
	"os"
	"path/filepath"
	"testing"
)

// unseen changes one byte of a file and restores its time: of stat(2), only
// ctime shows it.
func unseen(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)-1] ^= 1
	if err := os.WriteFile(path, text, 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
}

func TestFault_R03_TouchedFilesAreRead(t *testing.T) {
	r := newRig(t)
	r.store.Suspect = r.store.Touched
	list, err := r.store.List(t.Context())
	if err != nil || len(list) != 1 || r.store.Touched(list[0]) {
		t.Errorf("got %+v, %v: a release is touched by being installed", list, err)
	}
	sentry := filepath.Join(r.store.Dir, before, "gvisor-bin", "gvisor_sentry")
	unseen(t, sentry)
	list, err = r.store.List(t.Context())
	if err != nil || len(list) != 1 || list[0].State.File != "gvisor-bin/gvisor_sentry" {
		t.Fatalf("got %+v, %v, want the sentry damaged", list, err)
	}
	intact, err := r.store.IntactFiles(t.Context(), list[0])
	if err != nil {
		t.Fatal(err)
	}
	for path, sound := range intact {
		if sound != (path != "gvisor-bin/gvisor_sentry") {
			t.Errorf("%s: got sound %t", path, sound)
		}
	}
}

func TestSoundFilesOfADamagedRelease(t *testing.T) {
	for _, tt := range []struct {
		name   string
		damage func(dir string) error
		lost   []string
		all    bool
	}{
		{"a stray file", func(dir string) error { return os.WriteFile(filepath.Join(dir, "gvisor-bin", "x"), nil, 0o644) }, nil, false},
		{"a directory that others may write to", func(dir string) error { return os.Chmod(filepath.Join(dir, "gvisor-bin"), 0o777) }, []string{"gvisor-bin/gvisor_sentry"}, false},
		{"the release's directory that others may write to", func(dir string) error { return os.Chmod(dir, 0o777) }, nil, true},
		{"a file is missing", func(dir string) error { return os.Remove(filepath.Join(dir, "runsc")) }, []string{"runsc"}, false},
		{"a symlink in its place", func(dir string) error {
			path := filepath.Join(dir, "runsc")
			if err := os.Rename(path, filepath.Join(dir, "y")); err != nil {
				return err
			}
			return os.Symlink("y", path)
		}, []string{"runsc"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			if err := tt.damage(filepath.Join(r.store.Dir, before)); err != nil {
				t.Fatal(err)
			}
			list, err := r.store.List(t.Context())
			if err != nil || len(list) != 1 || list[0].State.Intact() {
				t.Fatalf("got %+v, %v, want one that is damaged", list, err)
			}
			lost := map[string]bool{}
			for _, path := range tt.lost {
				lost[path] = true
			}
			sound, err := r.store.IntactFiles(t.Context(), list[0])
			if err != nil || len(sound) == 0 {
				t.Errorf("got %v, %v, want each file", sound, err)
			}
			for path, ok := range sound {
				if ok == (lost[path] || tt.all) {
					t.Errorf("%s: got sound %t", path, ok)
				}
			}
		})
	}
}
