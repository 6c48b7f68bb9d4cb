package provision

import (
	"context"
	"fmt"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/plan"
)

// ProveRuntimes proves the runtimes called names, or all that c manages, as
// dockerd has them now: outside Docker and through it. It changes nothing but
// what is remembered of proofs, and finishes first what a killed run left. The
// caller holds the lock.
func (pr *Provisioner) ProveRuntimes(ctx context.Context, c config.Config, names []string) error {
	if _, err := pr.recoverAndReport(ctx, withoutRestart()); err != nil {
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
	var p plan.Plan
	for _, name := range names {
		steps, err := plan.ProofSteps(c, name, o)
		if err != nil {
			return err
		}
		p.Steps = append(p.Steps, steps...)
	}
	_, err = pr.apply(ctx, p, c, o)
	return err
}
