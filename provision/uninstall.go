package provision

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"time"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/prepare"
	"runsc-provisioner/provision/runtimes"
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

// containersTime limits how long dockerd may take to tell the runtimes of all containers. A thousand take about a second.
const containersTime = time.Minute

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

// observeAny observes a host on which Docker may be missing or masked.
func (pr *Provisioner) observeAny(ctx context.Context, c config.Config) (host.Observed, error) {
	if c.Docker.Remap() == config.RemapAny {
		c.Docker.UsernsRemap = config.RemapDisabled // the ids are observed only if it is managed
	}
	unit, err := pr.dockerUnit(ctx)
	if err != nil {
		return host.Observed{}, err
	}
	if unit.LoadState != "loaded" && !unit.Running() {
		return pr.ObserveFiles(ctx, c, unit)
	}
	return pr.ObserveWith(ctx, c, unit, nil)
}

// dockerUnit is docker.service. Its LoadState is "loaded" only if it runs a dockerd, or would. A removed package of Debian
// leaves /etc/init.d/docker, of which systemd makes a docker.service.
func (pr *Provisioner) dockerUnit(ctx context.Context) (host.Unit, error) {
	unit, err := pr.WaitSettled(ctx)
	if err != nil || unit.LoadState != "loaded" || unit.Running() {
		return unit, err
	}
	if _, _, err := pr.CommandLine(unit); err != nil {
		unit.LoadState = "bad-setting" // as systemd calls a unit that it cannot start
	}
	return unit, nil
}

// planUninstall plans for o, and adds to it what the plan needs.
func (pr *Provisioner) planUninstall(ctx context.Context, c config.Config, o *host.Observed, opts plan.Options) (plan.Plan, config.Config, error) {
	if len(o.Refusals) > 0 {
		return plan.Plan{}, c, o.Refusals[0]
	}
	if o.Journal != nil && o.Unit.LoadState != "loaded" {
		o.Journal = nil // without Docker nothing can settle it, and nothing needs it
	}
	gone, err := plan.WithoutProgram(c, *o, *opts.Uninstall)
	if err != nil {
		return plan.Plan{}, c, err
	}
	if plan.NeedsData(gone, *o, opts) {
		if o.Data, err = pr.ObserveData(ctx, *o); err != nil {
			return plan.Plan{}, c, err
		}
	}
	u := *opts.Uninstall
	if u.Containers, err = pr.containersByRuntime(ctx, *o); err != nil {
		return plan.Plan{}, c, err
	}
	if u.Service, err = pr.Units.Unit(ctx, host.ServiceUnit); err != nil {
		return plan.Plan{}, c, blocked.SystemdSilent(err)
	}
	u.Recorded, u.Elsewhere = pr.isRecorded(*o), pr.elsewhere(*o)
	if u.Purge {
		u.Own = pr.ownPaths()
	}
	opts.Uninstall = &u
	p, err := plan.NewUninstall(c, gone, *o, opts)
	return p, gone, err
}

// checkUninstall is prepare.Check, where there is a Docker.
func (pr *Provisioner) checkUninstall(ctx context.Context, p plan.Plan, o host.Observed, depth prepare.Depth) error {
	if o.Unit.LoadState != "loaded" {
		return nil
	}
	_, err := prepare.Check(ctx, &pr.Host, p, o, depth, nil)
	var declare *prepare.DeclareError
	if errors.As(err, &declare) {
		return declare.Refused // there is nothing to declare elsewhere
	}
	return err
}

// containersByRuntime lists the containers of the running dockerd.
func (pr *Provisioner) containersByRuntime(ctx context.Context, o host.Observed) (all []plan.Container, err error) {
	if o.Engine == nil {
		return nil, nil
	}
	client, err := pr.Dial(o.Flags)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	var stored []engine.StoredContainer
	err = host.Ask(ctx, containersTime, func(ctx context.Context) (err error) {
		stored, _, err = client.Stored(ctx, math.MaxInt, false)
		return err
	})
	if err != nil {
		return nil, blocked.DockerdSilent(err)
	}
	for _, c := range stored {
		isRunning := c.State == "running" || c.State == "paused" || c.State == "restarting"
		all = append(all, plan.Container{Name: c.Name, Runtime: c.Runtime, Running: isRunning})
	}
	return all, nil
}

// isRecorded reports whether records say that this program manages something.
func (pr *Provisioner) isRecorded(o host.Observed) bool {
	accepted := pr.ConfigFiles().Accepted()
	return o.HadUnrecordedVersion() || o.Before != nil && len(o.Before.Files) > 0 || accepted.Found || accepted.Damage != nil
}

// elsewhere lists the files that dockerd read as daemon.json before, and that still name a release.
func (pr *Provisioner) elsewhere(o host.Observed) (paths []string) {
	if o.Before == nil {
		return nil
	}
	for path := range o.Before.Files {
		file, err := daemonfile.Read(path)
		if path == o.File.Path || err != nil {
			continue
		}
		for _, runtime := range file.Doc.Runtimes() {
			if runtimes.RunsRelease(o, runtime.Path) && !slices.Contains(paths, path) {
				paths = append(paths, path)
			}
		}
	}
	slices.Sort(paths)
	return paths
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

// exists reports whether something is at path.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
