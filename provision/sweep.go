package provision

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/failpoint"
	"runsc-provisioner/provision/subid"
)

// Lock waits up to timeout to be the only run that changes the host, then gives up
// with ErrLocked. It first clears away what killed runs left behind. The returned
// function lets others in.
func (h *Host) Lock(ctx context.Context, timeout time.Duration) (unlock func() error, err error) {
	if unlock, err = h.State().Lock(ctx, timeout); err != nil {
		return nil, err
	}
	if err := h.sweep(ctx); err != nil {
		return nil, errors.Join(err, unlock())
	}
	return unlock, nil
}

// sweep removes what proofs, installations and writes of killed runs left
// behind; only what bears our mark.
func (h *Host) sweep(ctx context.Context) error {
	left, err := filepath.Glob(filepath.Join(h.Paths.State, proofPrefix+"*"))
	if err != nil {
		return err
	}
	for _, dir := range left {
		h.endProof(ctx, dir)
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("clear %s: %w", dir, err)
		}
		failpoint.Here("sweep: a proof is cleared")
	}
	for _, path := range []string{h.ConfigFiles().AcceptedPath(), h.ConfigFiles().AcceptedCopy(), h.Paths.Link, h.Paths.DaemonJSON, config.SavedPath(h.Paths.Config)} {
		if err := durable.Sweep(path); err != nil {
			return fmt.Errorf("clear leftovers beside %s: %w", path, err)
		}
	}
	if err := h.State().Sweep(); err != nil {
		return err
	}
	if err := h.Images().Sweep(); err != nil {
		return err
	}
	if len(h.State().MadeIDs().Keys()) > 0 {
		if err := subid.Sweep(h.Paths.Etc); err != nil {
			return fmt.Errorf("clear leftovers in %s: %w", h.Paths.Etc, err)
		}
	}
	return h.store().Sweep()
}

// endProof ends the sandbox of a proof whose run was killed: it ends by itself
// when its input does, unless it hangs. What it was is read from its name.
func (h *Host) endProof(ctx context.Context, dir string) {
	name, err := os.ReadFile(filepath.Join(dir, "release"))
	if err != nil {
		return
	}
	installed, err := h.installed(strings.TrimSpace(string(name)))
	if err != nil || !installed.State.Intact() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	p := proof{release: installed, id: filepath.Base(dir), dir: dir}
	// An error here says only that the container is gone already.
	_ = p.runsc(ctx, "delete", "-force", p.id).Run()
}
