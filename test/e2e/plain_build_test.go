package e2e

import (
	"os/exec"
	"path/filepath"
	"testing"

	"runsc-provisioner/test/lab"
)

// A plain `go build` has cgo on if there is a C compiler. Its program must prove a sandbox
// all the same: outside Docker and through it, it runs in a root of its own.
func TestAPlainBuildWithCgoProvesASandbox(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("no gcc here: apt-get install gcc libc6-dev")
	}
	program := filepath.Join(t.TempDir(), "runsc-provisioner")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "runsc-provisioner/cmd/runsc-provisioner")
	build.Env = append(build.Environ(), "CGO_ENABLED=1")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	h := boot(t, lab.Options{})
	if out, err := exec.CommandContext(t.Context(), "cp", program, h.Path("/usr/local/bin/runsc-provisioner")).CombinedOutput(); err != nil {
		t.Fatalf("copy the program: %v\n%s", err, out)
	}
	h.run("runsc-provisioner apply --default-runtime && runsc-provisioner prove")
	h.settled()
	h.wantsRunsc()
}
