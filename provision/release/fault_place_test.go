package release_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"runsc-provisioner/provision/release"
)

func TestFault_X24_AStoreThatCannotBeMade(t *testing.T) {
	link := func(target string) func(string) error {
		return func(path string) error { return os.Symlink(target, path) }
	}
	file := func(path string) error { return os.WriteFile(path, nil, 0o644) }
	for name, test := range map[string]struct {
		at   string // of what is there, in a directory of the test
		make func(path string) error
	}{
		"a file":                {"lib/gvisor", file},
		"below a file":          {"lib", file},
		"a dangling link":       {"lib/gvisor", link("/nowhere/gvisor")},
		"below a dangling link": {"lib", link("/nowhere")},
		"a link to a file":      {"lib/gvisor", link("/etc/passwd")},
	} {
		t.Run(name, func(t *testing.T) {
			top := t.TempDir()
			at := filepath.Join(top, test.at)
			if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o755), test.make(at)); err != nil {
				t.Fatal(err)
			}
			store := release.Store{Dir: filepath.Join(top, "lib", "gvisor"), Link: filepath.Join(top, "bin", "runsc"), Owner: os.Geteuid()}
			var foreign *release.ForeignError
			if err := store.Safe(); !errors.As(err, &foreign) || foreign.Path != at {
				t.Errorf("safe: got %v, want %s named", err, at)
			}
			if err := store.Sweep(); err != nil {
				t.Errorf("sweep: got %v, want nothing to do", err)
			}
			foreign = nil
			_, err := store.Fetch(t.Context(), nil, release.Spec{})
			if !errors.As(err, &foreign) || foreign.Path != at {
				t.Errorf("fetch: got %v, want %s named", err, at)
			}
		})
	}
}
