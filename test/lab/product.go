package lab

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// BuildWithFailpoints builds the product with failpoints for a test and returns
// the program's path.
func BuildWithFailpoints(t testing.TB) string {
	t.Helper()
	return BuildProduct(t, "failpoint")
}

// BuildProduct builds the product with build tags for a test and returns the
// program's path. The same source gives the same bytes.
func BuildProduct(t testing.TB, tags string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "runsc-provisioner")
	build := exec.CommandContext(t.Context(), "go", "build", "-tags", tags, "-trimpath", "-buildvcs=false", "-o", path, "runsc-provisioner/cmd/runsc-provisioner")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}
