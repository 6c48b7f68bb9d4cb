package proof

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"runsc-provisioner/provision/failpoint"
)

// Sweep removes what proofs of killed runs have left.
func (r Runner) Sweep(ctx context.Context) error {
	left, err := filepath.Glob(filepath.Join(r.Paths.State, dirPrefix+"*"))
	if err != nil {
		return err
	}
	for _, dir := range left {
		r.deleteContainer(ctx, dir)
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("clear %s: %w", dir, err)
		}
		failpoint.Here("sweep: a proof is cleared")
	}
	return nil
}

// deleteContainer ends the sandbox of a proof whose run was killed: it ends by itself when its
// input does, unless it hangs. Which release it ran is read from its directory.
func (r Runner) deleteContainer(ctx context.Context, dir string) {
	name, err := os.ReadFile(filepath.Join(dir, "release"))
	if err != nil {
		return
	}
	installed, err := r.Installed(strings.TrimSpace(string(name)))
	if err != nil || !installed.State.Intact() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	p := proof{release: installed, id: filepath.Base(dir), dir: dir}
	// An error here says only that the container is gone already.
	_ = p.runsc(ctx, "delete", "-force", p.id).Run()
}
