package proof

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/failpoint"
)

// Sweep removes the containers and bundles of proofs outside Docker that killed runs left.
func (r Runner) Sweep(ctx context.Context) error {
	left, err := filepath.Glob(filepath.Join(r.Paths.State, dirPrefix+"*"))
	if err != nil {
		return err
	}
	for _, dir := range left {
		r.deleteContainer(ctx, dir)
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("remove %s: %w", dir, err)
		}
		failpoint.Here("sweep: a proof is cleared")
	}
	return nil
}

// maxReleaseName limits how many bytes of the name of a release are read.
const maxReleaseName = 256

// deleteContainer deletes the container of a killed run's proof. It ends by itself with its
// input, unless it hangs. The name of its release is in dir.
func (r Runner) deleteContainer(ctx context.Context, dir string) {
	// runsc reads what it has to end from there: another user could have made the directory.
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() || durable.CheckOwn(dir, info) != nil {
		return
	}
	name, err := durable.ReadOwn(filepath.Join(dir, "release"), maxReleaseName)
	if err != nil {
		return
	}
	installed, err := r.Installed(ctx, strings.TrimSpace(string(name)))
	if err != nil || !installed.State.Intact() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	p := proof{release: installed, id: filepath.Base(dir), dir: dir}
	// An error says only that the container is already gone.
	_ = p.runsc(ctx, "delete", "-force", p.id).Run()
}
