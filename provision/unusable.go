package provision

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"runsc-provisioner/provision/proof"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/provision/transaction"
)

// removeUnusable removes the releases that this run installed, if cause says that they do
// not work here. After any other error they stay for the next run.
func (pr *Provisioner) removeUnusable(ctx context.Context, cause error, run *convergence) error {
	var failed *proof.Failed
	var back *transaction.RolledBack
	proofFailed, rolledBack := errors.As(cause, &failed), errors.As(cause, &back)
	if !proofFailed && !rolledBack || errors.Is(cause, context.Canceled) {
		return nil
	}
	// If nothing was given to Docker yet, only what a proof left can run from them.
	isShared := func(s steps.Step) bool { return s.Kind().Shared }
	if !rolledBack && !failed.InDocker && !slices.ContainsFunc(slices.Concat(run.lastingSteps, run.doneSteps), isShared) {
		for _, name := range run.installed {
			if err := pr.store().End(name); err != nil {
				return err
			}
		}
	}
	installed, err := pr.store().List(context.WithoutCancel(ctx))
	if err == nil && len(run.auto) > 0 {
		err = pr.withdrawFailed(cause, installed, run.auto)
	}
	if err != nil {
		return err
	}
	inUse, _, err := pr.ProcessesByRelease(context.WithoutCancel(ctx), installed)
	if err != nil {
		return err
	}
	for _, name := range run.installed {
		if inUse[name] == 0 {
			err = errors.Join(err, pr.store().Remove(name))
		}
	}
	return err
}

// withdrawFailed records that the daemon's own upgrade to a release failed, so that it does not try again by itself.
func (pr *Provisioner) withdrawFailed(cause error, installed []release.Installed, names []string) error {
	var failed []release.Withdrawn
	for _, r := range installed {
		if slices.Contains(names, r.Name) {
			failed = append(failed, release.Withdraw(r, pr.now(), fmt.Sprintf("an upgrade to it failed: %.300s", cause)))
		}
	}
	return pr.store().Withdraw(failed...)
}
