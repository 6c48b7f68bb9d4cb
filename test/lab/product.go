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
	path := filepath.Join(t.TempDir(), "runsc-provisioner")
	build := exec.CommandContext(t.Context(), "go", "build", "-tags", "failpoint", "-trimpath", "-buildvcs=false", "-o", path, "runsc-provisioner/cmd/runsc-provisioner")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}
