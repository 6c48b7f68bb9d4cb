package provision

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/prepare"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/provision/transaction"
)

// ServiceJobs are what Uninstall asks systemd to do with this program's daemon.
type ServiceJobs interface {
	// Stop waits for the end of the unit. A unit that does not run, or does not exist, is no error.
	Stop(ctx context.Context, name string) error
	// Disable keeps the unit from starting with the host.
	Disable(ctx context.Context, name string) error
}

// PlanUninstall returns the steps of Uninstall. It changes nothing.
func (pr *Provisioner) PlanUninstall(ctx context.Context, c config.Config, opts plan.Options) (plan.Plan, error) {
	o, err := pr.observeAny(ctx, c)
	if err != nil {
		return plan.Plan{}, err
	}
	p, _, err := pr.planUninstall(ctx, c, &o, opts)
	if err != nil {
		return plan.Plan{}, err
	}
	return p, pr.checkUninstall(ctx, p, o, prepare.Look)
}

// Uninstall takes everything of this program out of Docker: what was there before comes back. With opts.Uninstall.Purge,
// it also removes releases and records. If Result.Last.Held is not empty, nothing was changed. After an error, the daemon
// runs again if it ran before, and Docker is as before. A run that is killed is repeated by the next one. The caller holds
// the lock (Lock).
func (pr *Provisioner) Uninstall(ctx context.Context, c config.Config, opts plan.Options) (Result, error) {
	run := &convergence{recovery: opts}
	pr = pr.recordingSteps(run)
	changed, err := pr.recoverUninstall(ctx, opts)
	if run.result.Changed = changed; err != nil {
		return run.result, run.wrapInterrupted(ctx, err)
	}
	var left *LeftoverError
	for range maxPasses {
		done, err := pr.uninstallOnce(ctx, c, opts, run)
		switch {
		case errors.Is(err, daemonfile.ErrStale) && !journalLeftOpen(err):
			if run.staleCount++; run.staleCount >= maxStale {
				return run.result, fmt.Errorf("%s: %w", run.result.Observed.File.Path, transaction.ErrBusy)
			}
		case errors.As(err, &left):
			return run.result, run.wrapInterrupted(ctx, err)
		case err != nil:
			err = errors.Join(err, pr.serviceAgain(ctx, run))
			return run.result, run.wrapInterrupted(ctx, err)
		case done && opts.Uninstall.Purge && len(run.result.Last.Held) == 0:
			return run.result, pr.dropLock()
		case done:
			return run.result, nil
		}
	}
	return run.result, fmt.Errorf("%w: still to do: %s", transaction.ErrBusy, run.result.Last.Steps[0].Object())
}

// recoverUninstall settles the change of a killed run. A host without Docker has no way to.
func (pr *Provisioner) recoverUninstall(ctx context.Context, opts plan.Options) (bool, error) {
	if unit, err := pr.dockerUnit(ctx); err != nil || unit.LoadState != "loaded" {
		return false, err
	}
	return pr.recoverAndReport(ctx, opts)
}

// uninstallOnce observes the host once and carries out one plan. It reports true if nothing was left to do, or if all of
// it is held.
func (pr *Provisioner) uninstallOnce(ctx context.Context, c config.Config, opts plan.Options, run *convergence) (done bool, err error) {
	observeCtx, cancel := run.observeContext(ctx)
	defer cancel()
	u := *opts.Uninstall
	u.Gone, opts.Uninstall = run.gone, &u
	o, p, gone, err := pr.planUnused(observeCtx, c, opts)
	if err != nil {
		return false, err
	}
	if run.result.Observed, run.result.Last = o, p; p.Empty() {
		return true, nil
	}
	run.gone = append(run.gone, gone.RuntimeNames()...)
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	if err := pr.checkUninstall(ctx, p, o, prepare.Probe); err != nil {
		return false, err
	}
	pr.report(Event{Kind: PlanMade, Plan: p})
	run.doneSteps, run.planCompleted = nil, false
	if _, err = pr.apply(ctx, p, gone, o); err != nil {
		if isSettled(p.Steps[:min(len(run.doneSteps)+1, len(p.Steps))]) {
			run.result.Changed, err = true, &LeftoverError{err}
		}
		return false, err
	}
	run.result.Changed, run.planCompleted = true, true
	run.lastingSteps = append(run.lastingSteps, lastingOf(run.doneSteps, true)...)
	run.doneSteps = nil
	return false, nil
}

// planUnused observes and plans. If only processes that run from a release hold the plan, it waits for their end: dockerd
// runs each runtime for a moment after a reload, to ask what it can do.
func (pr *Provisioner) planUnused(ctx context.Context, c config.Config, opts plan.Options) (o host.Observed, p plan.Plan, gone config.Config, err error) {
	for end := time.Now().Add(unusedWithin); ; {
		if o, err = pr.observeAny(ctx, c); err != nil {
			return o, p, gone, err
		}
		p, gone, err = pr.planUninstall(ctx, c, &o, opts)
		if err != nil || !p.OnlyUseHolds() || time.Now().After(end) {
			return o, p, gone, err
		}
		select {
		case <-ctx.Done():
			return o, p, gone, context.Cause(ctx)
		case <-time.After(unusedPoll):
		}
	}
}

const (
	// unusedWithin limits the wait of planUnused.
	unusedWithin = 10 * time.Second
	unusedPoll   = 100 * time.Millisecond
)

// LeftoverError says that Docker runs without this program, and that something else is left.
type LeftoverError struct{ Err error }

func (e *LeftoverError) Error() string {
	return "Docker runs as before this program, but something of it is left: " + e.Err.Error()
}

func (e *LeftoverError) Unwrap() error { return e.Err }

// isSettled reports whether one of the steps comes after the end of the transaction.
func isSettled(done []steps.Step) bool {
	return slices.ContainsFunc(done, func(s steps.Step) bool { return s.Kind().Settled })
}

// serviceAgain starts the daemon again if this run has stopped it.
func (pr *Provisioner) serviceAgain(ctx context.Context, run *convergence) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
	defer cancel()
	for _, step := range append(run.lastingSteps, run.doneSteps...) {
		if s, stopped := step.(steps.StopService); stopped {
			return pr.Jobs.Start(ctx, s.Unit)
		}
	}
	return nil
}
