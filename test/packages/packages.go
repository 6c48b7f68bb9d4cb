// Package packages builds the deb and the rpm for tests, by the scripts that `make packages`
// runs.
package packages

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Options say what to build. The zero value is everything that `make packages` builds, of this
// checkout.
type Options struct {
	Version string // "": that of the checkout
	Archs   string // "amd64 arm64"
	Formats string // "deb rpm"
	Root    string // of the source; "": this checkout
	Shell   string // commands before the build, such as "umask 077"
}

// Build builds packages and returns their directory.
func Build(t testing.TB, o Options) (dir string) {
	t.Helper()
	if o.Root == "" {
		o.Root = Root(t)
	}
	dir = t.TempDir()
	build := exec.CommandContext(t.Context(), "sh", "-ec", o.Shell+"\nexec packaging/build.sh")
	build.Dir = o.Root
	build.Env = append(os.Environ(), "DIST="+dir)
	for name, value := range map[string]string{"VERSION": o.Version, "ARCHS": o.Archs, "FORMATS": o.Formats} {
		if value != "" {
			build.Env = append(build.Env, name+"="+value)
		}
	}
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build packages: %v\n%s", err, out)
	}
	return dir
}

// One is the only package of a format in dir, as Build has made it.
func One(t testing.TB, dir, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(found) != 1 {
		t.Fatalf("got %v in %s (%v), want one %s", found, dir, err, pattern)
	}
	return found[0]
}

// Root is the root of this checkout, for a test in a directory two levels below it.
func Root(t testing.TB) string {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err == nil {
		_, err = os.Stat(filepath.Join(root, "go.mod"))
	}
	if err != nil {
		t.Fatal(err)
	}
	return root
}
