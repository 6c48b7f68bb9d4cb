package provision

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/subid"
)

// Lock waits up to timeout for the lock that every run needs to change the host. Then it
// gives up with state.ErrLocked. It removes what killed runs left behind
// before it returns. The caller must call unlock.
func (pr *Provisioner) Lock(ctx context.Context, timeout time.Duration) (unlock func() error, err error) {
	if err := pr.secureState(ctx); err != nil {
		return nil, err
	}
	if unlock, err = pr.State().Lock(ctx, timeout); err != nil {
		return nil, err
	}
	if err := pr.CheckState(); err != nil && !errors.Is(err, syscall.ENOSPC) {
		return nil, errors.Join(err, unlock())
	}
	if err := pr.sweep(ctx); err != nil {
		return nil, errors.Join(err, unlock())
	}
	return unlock, nil
}

// sweep removes what proofs, installations and writes of killed runs left behind. It
// removes only files with our mark.
func (pr *Provisioner) sweep(ctx context.Context) error {
	if err := pr.Prover().Sweep(ctx); err != nil {
		return err
	}
	files := pr.ConfigFiles()
	for _, path := range []string{files.AcceptedPath(), files.AcceptedCopyPath(), pr.Paths.Link, pr.Paths.DaemonJSON, config.SavedPath(pr.Paths.Config)} {
		if path == "" {
			continue // no link is configured
		}
		if err := durable.Sweep(path); err != nil {
			return fmt.Errorf("remove leftovers beside %s: %w", path, err)
		}
	}
	if err := pr.State().Sweep(); err != nil {
		return err
	}
	if err := pr.Images().Sweep(); err != nil {
		return err
	}
	if len(pr.State().MadeIDs().Keys()) > 0 {
		if err := subid.Sweep(pr.Paths.Etc); err != nil {
			return fmt.Errorf("remove leftovers in %s: %w", pr.Paths.Etc, err)
		}
	}
	for _, earlier := range pr.Stores()[1:] {
		_ = earlier.Sweep() // it may be read-only by now
	}
	if damage := pr.store().SweepWithdrawn(); damage != "" {
		pr.mended = append(pr.mended, damage)
	}
	return pr.store().Sweep()
}
