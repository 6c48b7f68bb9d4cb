package provision

import (
	"context"
	"errors"
	"fmt"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/prepare"
	"runsc-provisioner/provision/proof"

	"go.uber.org/zap"
)

const (
	// maxPasses bounds how often the host is observed again after a change. A
	// first apply needs three: install, the rest, and a look that finds nothing.
	maxPasses = 8
	// maxStale bounds how often somebody else may change daemon.json meanwhile.
	maxStale = 3
)

// Result says what Converge did.
type Result struct {
	Changed bool
	// Last is the plan that is left: no steps, but what is held and warned of.
	Last     plan.Plan
	Observed host.Observed
}

// Converge finishes or reverts what a killed run left, and then observes, plans
// and applies until nothing is left to do. A Result with Last.Held is one that
// more consent would take further. The caller holds the lock (Host.Lock).
func (pr *Provisioner) Converge(ctx context.Context, c config.Config, opts plan.Options) (Result, error) {
	return pr.convergeWith(ctx, c, func(host.Observed) (plan.Options, error) {
		now := opts
		opts.Upgrade = false // has been asked for by then
		return now, nil
	}, opts)
}

// ConvergeBy is Converge with options that depend on what is seen: decide is
// asked after every look at the host.
func (pr *Provisioner) ConvergeBy(ctx context.Context, c config.Config, decide func(host.Observed) (plan.Options, error)) (Result, error) {
	recovery := withoutRestart()
	if pr.RecoveryOptions != nil {
		var err error
		if recovery, err = pr.RecoveryOptions(); err != nil {
			return Result{}, err
		}
	}
	return pr.convergeWith(ctx, c, decide, recovery)
}

// convergeWith is ConvergeBy, with what a recovery may do.
func (pr *Provisioner) convergeWith(ctx context.Context, c config.Config, decide func(host.Observed) (plan.Options, error), recovery plan.Options) (Result, error) {
	var run convergence
	var err error
	run.recovery = recovery
	pr = pr.recordingSteps(&run)
	if run.result.Changed, err = pr.recoverAndReport(ctx, recovery); err != nil {
		return run.result, run.wrapInterrupted(ctx, err)
	}
	for range maxPasses {
		done, err := pr.observeAndApply(ctx, c, decide, &run)
		switch {
		case errors.Is(err, daemonfile.ErrStale) && !journalLeftOpen(err):
			path := run.result.Observed.File.Path
			if run.staleCount++; run.staleCount >= maxStale {
				return run.result, fmt.Errorf("%s: %w", path, ErrBusy)
			}
			if pr.WaitForWriters != nil {
				if err := pr.WaitForWriters(ctx, path); err != nil {
					return run.result, run.wrapInterrupted(ctx, err)
				}
			}
		case err != nil:
			return run.result, run.wrapInterrupted(ctx, errors.Join(err, pr.removeUnusable(ctx, err, run.installed)))
		case done:
			return run.result, nil
		}
	}
	return run.result, fmt.Errorf("%w: still to do: %s", ErrBusy, run.result.Last.Steps[0].Object())
}

// convergence is one Converge under way.
type convergence struct {
	result        Result
	staleCount    int
	installed     []string      // the names of releases that were not in the store before
	answer        *engineAnswer // by the last step of the round before
	doneSteps     []plan.Step   // of the plan under way
	lastingSteps  []plan.Step   // what earlier ones have done
	planCompleted bool          // the last plan was carried out to its end
	mustRecover   bool          // others may have changed the host since it was recovered
	waitedForDir  bool          // the directory of daemon.json, in vain
	recovery      plan.Options  // what a recovery may do
}

// observeAndApply observes the host once and does what is to be done.
func (pr *Provisioner) observeAndApply(ctx context.Context, c config.Config, decide func(host.Observed) (plan.Options, error), run *convergence) (done bool, err error) {
	if pr.BeforeObserve != nil {
		pr.BeforeObserve()
	}
	if run.mustRecover {
		changed, err := pr.recoverAndReport(ctx, run.recovery)
		if run.result.Changed = run.result.Changed || changed; err != nil {
			return false, err
		}
		run.mustRecover = false
	}
	look, cancel := run.observeContext(ctx)
	defer cancel()
	observed, err := pr.observeSettled(look, c, run.answer)
	if err != nil {
		return false, err
	}
	if observed.Engine != nil {
		pr.rememberLoaded(observed.Loaded)
	}
	run.result.Observed = observed
	if observed.File.NoDir && !run.waitedForDir {
		back, err := pr.waitForDir(ctx, observed.File.Path)
		if err == nil && back {
			err = daemonfile.ErrStale
		}
		run.waitedForDir = !back
		return false, err // what was seen is from before the wait
	}
	opts, err := decide(observed)
	if err != nil {
		return false, err
	}
	if plan.NeedsData(c, observed, opts) {
		if observed.Data, err = pr.ObserveData(look, observed); err != nil {
			return false, err
		}
	}
	plan, err := plan.New(c, observed, opts)
	if err != nil {
		return false, err
	}
	pr.Logger().Debug("planned", zap.Int("steps", len(plan.Steps)), zap.Stringer("disruption", plan.Disruption()))
	run.result.Last, run.result.Observed = plan, observed
	if err := prepare.Record(&pr.Host, c, observed, plan, opts); err != nil {
		return false, err
	}
	if plan.Empty() {
		return true, nil
	}
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	pr.report(Event{Kind: PlanMade, Plan: plan})
	run.doneSteps, run.planCompleted, run.mustRecover = nil, false, pr.firstOnly(plan)
	validated, err := prepare.Check(ctx, &pr.Host, plan, observed)
	if err == nil && validated != "" {
		err = pr.State().Validations().Add(validated)
	}
	if err != nil {
		return false, err
	}
	if run.answer, err = pr.apply(ctx, plan, c, observed); err != nil {
		return false, err
	}
	run.result.Changed = true
	run.lastingSteps, run.doneSteps, run.planCompleted = append(run.lastingSteps, lastingOf(run.doneSteps, true)...), nil, !pr.firstOnly(plan)
	return false, nil
}

// journalLeftOpen reports whether a way back failed and has left its journal, which the
// next one would overwrite.
func journalLeftOpen(err error) bool {
	var back *RolledBack
	var down *DockerDown
	return errors.As(err, &down) || errors.As(err, &back) && back.Restore != nil
}

// removeUnusable removes the releases that this run has installed and that were
// then seen not to work here. After any other error they stay: the next run
// goes on from them.
func (pr *Provisioner) removeUnusable(ctx context.Context, cause error, brought []string) error {
	var proof *proof.Failed
	var back *RolledBack
	if !errors.As(cause, &proof) && !errors.As(cause, &back) || errors.Is(cause, context.Canceled) {
		return nil
	}
	installed, err := pr.store().List()
	if err != nil {
		return err
	}
	seen, _, err := pr.RunsFrom(context.WithoutCancel(ctx), installed)
	if err != nil {
		return err
	}
	for _, name := range brought {
		if seen[name] == 0 {
			err = errors.Join(err, pr.store().Remove(name))
		}
	}
	return err
}
