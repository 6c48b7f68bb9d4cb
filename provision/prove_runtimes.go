package provision

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/verify"
)

// ProveRuntimes proves the runtimes called names, or all that c manages, as
// dockerd has them now: outside Docker and through it. It changes nothing but
// what is remembered of proofs, and finishes first what a killed run left. The
// caller holds the lock.
func (pr *Provisioner) ProveRuntimes(ctx context.Context, c config.Config, names []string) error {
	if _, err := pr.recover(ctx, noRestart()); err != nil {
		return err
	}
	o, err := pr.observeSettled(ctx, c, nil)
	if err != nil {
		return err
	}
	if o.Engine == nil {
		return &blocked.Unreachable{Object: o.Unit.Name, Err: fmt.Errorf("is %s, and is not started by this", o.Unit.ActiveState)}
	}
	if len(names) == 0 {
		names = c.RuntimeNames()
	}
	var plan Plan
	for _, name := range names {
		steps, err := proofOf(c, name, o)
		if err != nil {
			return err
		}
		plan.Steps = append(plan.Steps, steps...)
	}
	_, err = pr.apply(ctx, plan, c, o)
	return err
}

// proofOf is what proves the runtime called name.
func proofOf(c config.Config, name string, o Observed) ([]Step, error) {
	runtime, known := o.Engine.Runtimes[name]
	if !known {
		return nil, blocked.Refuse("runtime "+name, "dockerd does not know it: run apply first")
	}
	for _, r := range o.Releases {
		if filepath.Clean(runtime.Path) != r.Runsc {
			continue
		}
		return []Step{
			Prove{Release: r.Name, Runtime: name, Args: slices.Clone(runtime.Args), CgroupDriver: o.Engine.CgroupDriver},
			ProveInDocker{Release: r.Name, Runtime: name, Args: slices.Clone(runtime.Args), Writes: promised(c, o, r.Name, name)},
		}, nil
	}
	return nil, blocked.Refuse("runtime "+name, "dockerd runs %s for it, which is no installed release: run apply first", runtime.Path)
}

// promised is what a proof by hand is held against: what the configuration promises
// of a runtime that it manages, or else what the arguments of dockerd's say.
func promised(c config.Config, o Observed, release, name string) verify.Writes {
	if _, managed := c.Docker.Runtimes[name]; managed {
		return argumentsOf(c, o, release, name).Writes
	}
	return verify.WritesUnder(release, o.Engine.Runtimes[name].Args)
}
