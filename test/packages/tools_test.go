package packages

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// needPrograms skips the test on a machine without a program. In CI it never skips.
func needPrograms(t *testing.T, programs ...string) {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil && os.Getenv("CI") != "true" {
			t.Skipf("%v: make test installs it, as root on Debian", err)
		}
	}
}

// output runs a program that must succeed, and gives all that it prints.
func output(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// unpacked is a directory with the files of a deb.
func unpacked(t *testing.T, deb string) string {
	t.Helper()
	dir := t.TempDir()
	output(t, "dpkg-deb", "--extract", deb, dir)
	return dir
}

var shared struct {
	sync.Once
	dir string
}

// version and epoch are the version and the date of the packages of the tests.
const (
	version = "1.2.3~test"
	epoch   = "export SOURCE_DATE_EPOCH=1790000000"
)

// built is a directory with all packages of this checkout, which the tests share.
func built(t *testing.T) string {
	t.Helper()
	shared.Do(func() {
		shared.dir = Build(lasting{t}, Options{Version: version, Shell: "umask 022; " + epoch})
	})
	if shared.dir == "" {
		t.Fatal("another test could not build the packages")
	}
	return shared.dir
}

// lasting is a test with directories that outlive it; TestMain removes them.
type lasting struct{ *testing.T }

func (lasting) Context() context.Context { return context.Background() }

func (l lasting) TempDir() string {
	dir, err := os.MkdirTemp(scratch, "built-")
	if err != nil {
		l.Fatal(err)
	}
	return dir
}

var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "packages-"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(scratch)
	os.Exit(code)
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
