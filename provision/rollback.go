package provision

import (
	"context"
	"errors"
	"slices"
	"time"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/steps"
)

// NoPreviousError means that there is no release to return to.
type NoPreviousError struct {
	Store string
	Used  string // the release in use; "" if Docker runs none of the store
}

func (e *NoPreviousError) Error() string {
	if e.Used == "" {
		return "Docker runs no release of " + e.Store
	}
	return "no release in " + e.Store + " is intact and older than " + e.Used + ", which Docker runs"
}

// errNoFetch means that a rollback would have to download a release.
var errNoFetch = errors.New("a rollback downloads nothing")

// Rollback returns to the previous release: the newest one in the store that is older than the one in use. It uses no
// network. The releases that are newer are not used again until a person asks for them. from is the release that was in
// use, and to the previous one. Without one, the error is a *NoPreviousError. After an error, and if Result.Last holds
// the change, all is as before. The caller holds the lock (Lock).
func (pr *Provisioner) Rollback(ctx context.Context, c config.Config, opts plan.Options) (from, to string, result Result, err error) {
	if c.Release.Source == release.SourceSystem {
		return "", "", Result{}, blocked.Refuse("release.source", "%q: only the package manager goes back, by an older version of the package", c.Release.Source)
	}
	if _, err := pr.recoverAndReport(ctx, opts); err != nil {
		return "", "", Result{}, err
	}
	o, err := pr.Observe(ctx, c)
	if err != nil {
		return "", "", Result{}, err
	}
	used, found := plan.NewGoal(c, o).InUse()
	if !found {
		return "", "", Result{}, &NoPreviousError{Store: o.Store}
	}
	previous, found := release.PreviousOf(o.Releases, used)
	if !found {
		return "", "", Result{}, &NoPreviousError{Store: o.Store, Used: used.Name}
	}
	run := &convergence{recovery: opts}
	if err := pr.changeMarks(run, func(store release.Store) error {
		return store.Withdraw(newerThan(previous, o.Releases, pr.now(), "sudo runsc-provisioner rollback")...)
	}); err != nil {
		return "", "", Result{}, err
	}
	offline := *pr
	offline.TakeFetched = func(context.Context, steps.InstallRelease, []release.Installed) (*Fetched, error) {
		return nil, errNoFetch
	}
	result, err = offline.convergeRun(ctx, c, func(host.Observed) (plan.Options, error) { return opts, nil }, run)
	if err != nil {
		return used.Name, previous.Name, result, err
	}
	g := plan.NewGoal(c, result.Observed)
	if g.Current.Name != previous.Name { // held
		return used.Name, previous.Name, result, pr.store().SetWithdrawn(*run.marks)
	}
	if w := g.Withdrawn(); w != nil {
		// The configuration asks for it; this run did not.
		result.Last.Held = slices.DeleteFunc(result.Last.Held, func(h steps.Held) bool { return h.What == "release "+w.Release })
	}
	return used.Name, previous.Name, result, nil
}

// newerThan is what to record of the releases that are newer than r, except those that it has been recorded of.
func newerThan(r release.Installed, all []release.Installed, now time.Time, why string) (newer []release.Withdrawn) {
	for _, one := range all {
		if one.Withdrawn == nil && release.Newest(one, r) < 0 {
			newer = append(newer, release.Withdraw(one, now, why))
		}
	}
	return newer
}

// changeMarks changes what is withdrawn, so that restoreMarks can undo it.
func (pr *Provisioner) changeMarks(run *convergence, change func(release.Store) error) error {
	before, err := pr.store().Withdrawn()
	if err != nil {
		return err
	}
	if err := change(pr.store()); err != nil {
		return err
	}
	if run.marks == nil {
		run.marks = &before
	}
	return nil
}

// restoreMarks undoes changeMarks, unless Docker uses another release since.
func (pr *Provisioner) restoreMarks(run *convergence) error {
	isShared := func(s steps.Step) bool { return s.Kind().Shared }
	if run.marks == nil || slices.ContainsFunc(run.lastingSteps, isShared) {
		return nil
	}
	return pr.store().SetWithdrawn(*run.marks)
}

// reinstateNamed makes the release that c names one that may be used again.
func (pr *Provisioner) reinstateNamed(run *convergence, c config.Config) error {
	return pr.changeMarks(run, func(store release.Store) error {
		return store.Reinstate(func(w release.Withdrawn) bool { return w.Satisfies(c.Spec()) })
	})
}

// markObtained records what follows from a release that was fetched: a person who asks for it may use it again, and one
// who accepts an older one than before goes back from those. before are the releases that were installed.
func (pr *Provisioner) markObtained(run *convergence, s steps.InstallRelease, r release.Installed, before []release.Installed) error {
	if !s.Asked && !s.AllowDowngrade {
		return nil
	}
	return pr.changeMarks(run, func(store release.Store) error {
		if s.Asked {
			if err := store.Reinstate(func(w release.Withdrawn) bool { return w.Release == r.Name }); err != nil {
				return err
			}
		}
		if !s.AllowDowngrade || s.Spec.Exact() {
			return nil
		}
		satisfying := slices.DeleteFunc(slices.Clone(before), func(r release.Installed) bool { return !r.Satisfies(s.Spec) })
		return store.Withdraw(newerThan(r, satisfying, pr.now(), "the source has an older one, which --allow-downgrade accepted")...)
	})
}
