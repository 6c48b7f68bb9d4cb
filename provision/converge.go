package provision

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/prepare"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/provision/transaction"
)

const (
	// maxPasses bounds the observations of one Converge. A first apply needs three: install,
	// the other steps, and an observation that finds nothing to do.
	maxPasses = 8
	// maxStale is how often other programs may change daemon.json before Converge gives up.
	maxStale = 3
	// dirReplaceTimeout bounds the wait for the directory of daemon.json. A directory is
	// replaced by two renames, and is missing in between. If this program made it then,
	// mv(1) would move the new directory into it, and the user's edit would be lost. A
	// program that takes longer finds our directory, and its own is then reported as
	// misplaced.
	dirReplaceTimeout = 2 * time.Second
)

// Result says what Converge did.
type Result struct {
	Changed bool
	// Last is the last plan. It has no steps left, but may have held steps and warnings.
	Last     plan.Plan
	Observed host.Observed
}

// chooseOptions returns the options of the next plan for what was observed.
type chooseOptions = func(host.Observed) (plan.Options, error)

// Converge finishes or reverts what a killed run left. Then it observes, plans and applies
// until nothing is left to do. If Last.Held is not empty, more consent would allow more
// steps. The caller holds the lock (Lock).
func (pr *Provisioner) Converge(ctx context.Context, c config.Config, opts plan.Options) (Result, error) {
	run := &convergence{recovery: opts}
	if opts.Named {
		if err := pr.reinstateNamed(run, c); err != nil {
			return Result{}, err
		}
	}
	return pr.convergeRun(ctx, c, func(host.Observed) (plan.Options, error) {
		next := opts
		opts.Upgrade = false // one plan asks for it
		return next, nil
	}, run)
}

// ConvergeBy is Converge with options that depend on the host: choose is called after each
// observation.
func (pr *Provisioner) ConvergeBy(ctx context.Context, c config.Config, choose chooseOptions) (Result, error) {
	recovery := withoutRestart()
	if pr.RecoveryOptions != nil {
		var err error
		if recovery, err = pr.RecoveryOptions(); err != nil {
			return Result{}, err
		}
	}
	return pr.convergeRun(ctx, c, choose, &convergence{recovery: recovery})
}

// withoutRestart are the options of a run that may not restart Docker.
func withoutRestart() plan.Options {
	return plan.Options{Unattended: &plan.Unattended{MaxDisruption: config.DisruptionReload}}
}

// convergeRun is one convergence. If it fails, what is withdrawn is as before.
func (pr *Provisioner) convergeRun(ctx context.Context, c config.Config, choose chooseOptions, run *convergence) (Result, error) {
	result, err := pr.convergePasses(ctx, c, choose, run)
	if err != nil {
		err = errors.Join(err, pr.restoreMarks(run))
	}
	return result, err
}

func (pr *Provisioner) convergePasses(ctx context.Context, c config.Config, choose chooseOptions, run *convergence) (Result, error) {
	if pr.known == nil {
		pr.known = &known{}
	}
	var err error
	pr = pr.recordingSteps(run)
	if run.result.Changed, err = pr.recoverAndReport(ctx, run.recovery); err != nil {
		return run.result, run.wrapInterrupted(ctx, err)
	}
	for range maxPasses {
		done, err := pr.observeAndApply(ctx, c, choose, run)
		switch {
		case errors.Is(err, daemonfile.ErrStale) && !journalLeftOpen(err):
			path := run.result.Observed.File.Path
			if run.staleCount++; run.staleCount >= maxStale {
				return run.result, fmt.Errorf("%s: %w", path, transaction.ErrBusy)
			}
			if pr.WaitForWriters != nil {
				if err := pr.WaitForWriters(ctx, path); err != nil {
					return run.result, run.wrapInterrupted(ctx, err)
				}
			}
		case err != nil:
			held, holdErr := pr.holdRejecting(ctx, c, err, run)
			if held {
				continue
			}
			err = errors.Join(err, holdErr)
			return run.result, run.wrapInterrupted(ctx, errors.Join(err, pr.removeUnusable(ctx, err, run)))
		case done:
			return run.result, nil
		}
	}
	return run.result, fmt.Errorf("%w: still to do: %s", transaction.ErrBusy, run.result.Last.Steps[0].Object())
}

// Plan returns the steps that would make the host match c. It changes nothing. If the
// plan could not be carried out, the error is *blocked.Refused.
func (pr *Provisioner) Plan(ctx context.Context, c config.Config, opts plan.Options) (plan.Plan, error) {
	o, err := pr.Observe(ctx, c)
	if err != nil {
		return plan.Plan{}, err
	}
	p, err := pr.planFor(ctx, c, &o, opts)
	if err != nil {
		return plan.Plan{}, err
	}
	if _, err = prepare.Check(ctx, &pr.Host, p, o, prepare.Look, nil); err != nil {
		return p, err
	}
	addSwitch(ctx, &pr.Host, c, o, &p)
	addNamesAdvice(ctx, &pr.Host, c, o, &p)
	return p, nil
}

// planFor plans for o. It first observes the data root, if the plan depends on it.
func (pr *Provisioner) planFor(ctx context.Context, c config.Config, o *host.Observed, opts plan.Options) (p plan.Plan, err error) {
	if len(o.Refusals) > 0 && opts.Unattended == nil {
		return plan.Plan{}, o.Refusals[0]
	}
	if plan.NeedsData(c, *o, opts) {
		if o.Data, err = pr.ObserveData(ctx, *o); err != nil {
			return plan.Plan{}, err
		}
	}
	return plan.New(c, *o, opts)
}

// convergence is one Converge under way.
type convergence struct {
	result        Result
	recovery      plan.Options // what a recovery may do
	staleCount    int          // how often another program has changed daemon.json
	installed     []string     // releases that this run has added to the store
	answer        *engineAnswer
	doneSteps     []steps.Step // of the current plan
	lastingSteps  []steps.Step // of earlier plans
	planCompleted bool         // the last plan was completed
	mustRecover   bool         // another run may have had the lock since the last recovery
	waitedForDir  bool         // in vain, for the directory of daemon.json
	noLink        string       // why the link could not be made; "" if it could
	switchSeen    bool         // dockerd was asked about the containers of a Switch
	// marks is what was withdrawn before this run changed it; nil if it has not.
	marks *[]release.Withdrawn
	// gone are the runtimes that Uninstall has taken away.
	gone []string
	// auto are the releases that the daemon took by itself.
	auto []string
}

// observeAndApply observes the host once and carries out one plan. It reports true if
// nothing was left to do.
func (pr *Provisioner) observeAndApply(ctx context.Context, c config.Config, choose chooseOptions, run *convergence) (done bool, err error) {
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
	observeCtx, cancel := run.observeContext(ctx)
	defer cancel()
	guess := &guess{known: pr.known}
	defer guess.end()
	observed, err := pr.guessing(c, guess).observeSettled(observeCtx, c, run.answer)
	if err != nil {
		return false, err
	}
	pr.known.remember(observed)
	if observed.Engine != nil {
		pr.docker().RememberLoaded(observed.Loaded)
	}
	run.result.Observed = observed
	if observed.File.DirMissing && !run.waitedForDir {
		appeared, err := pr.waitForDir(ctx, observed.File.Path)
		if err == nil && appeared {
			err = daemonfile.ErrStale
		}
		run.waitedForDir = !appeared
		return false, err // the observation is older than the wait
	}
	opts, err := choose(observed)
	if err != nil {
		return false, err
	}
	opts.NoLink = run.noLink
	plan, err := pr.planFor(observeCtx, c, &observed, opts)
	if err != nil {
		return false, err
	}
	pr.Logger().Debug("planned", zap.Int("steps", len(plan.Steps)), zap.Stringer("disruption", plan.Disruption()))
	run.result.Last, run.result.Observed = plan, observed
	if err := prepare.NotePlaces(&pr.Host); err != nil {
		return false, err
	}
	if err := prepare.Record(&pr.Host, c, observed, plan, opts); err != nil {
		return false, err
	}
	if plan.Empty() {
		return true, nil
	}
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	if opts.Unattended == nil && !run.switchSeen { // the daemon has no reader
		run.switchSeen = addSwitch(ctx, &pr.Host, c, observed, &plan)
	}
	pr.report(Event{Kind: PlanMade, Plan: plan})
	run.doneSteps, run.planCompleted, run.mustRecover = nil, false, pr.firstOnly(plan)
	validated, err := prepare.Check(ctx, &pr.Host, plan, observed, pr.depthOf(plan), guess.begun)
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
	run.lastingSteps = append(run.lastingSteps, lastingOf(run.doneSteps, true)...)
	run.doneSteps, run.planCompleted = nil, !pr.firstOnly(plan)
	return false, nil
}

// waitForDir waits for daemon.json to appear together with its directory: mkdir(1) comes
// before the file. It reports whether it did. It does not wait on a host that was never
// provisioned, because the directory may never have existed there.
func (pr *Provisioner) waitForDir(ctx context.Context, path string) (appeared bool, err error) {
	if !pr.ConfigFiles().Accepted().Found {
		return false, nil
	}
	pr.Logger().Debug("waiting for the missing directory of daemon.json")
	return daemonfile.Await(ctx, path, dirReplaceTimeout)
}

// journalLeftOpen reports whether a rollback failed and left its journal, which another
// transaction would overwrite.
func journalLeftOpen(err error) bool {
	var back *transaction.RolledBack
	var down *transaction.DockerDown
	return errors.As(err, &down) || errors.As(err, &back) && back.Restore != nil
}
