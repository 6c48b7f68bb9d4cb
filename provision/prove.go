package provision

import (
	"context"
	"errors"
	"fmt"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/proof"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/steps"
)

// ProveRuntimes proves the named runtimes, or all that c manages, as dockerd has them
// now: outside Docker and through it. It first settles the change of a killed run. Beyond
// that it changes only the record of proofs. The caller holds the lock.
func (pr *Provisioner) ProveRuntimes(ctx context.Context, c config.Config, names []string) error {
	if _, err := pr.recoverAndReport(ctx, withoutRestart()); err != nil {
		return err
	}
	o, err := pr.observeSettled(ctx, c, nil)
	if err != nil {
		return err
	}
	if o.Engine == nil {
		return blocked.NotRunning(o.Unit.Name, o.Unit.ActiveState)
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

// proveInDocker has dockerd start a container of ours under the runtime, checks it from
// the host as `verify` does, asks it which kernel it sees, and checks that Docker sees
// its writes. The container and its image are removed. It records the result. The error
// of a proof that failed is a *proof.Failed.
func (a *application) proveInDocker(ctx context.Context, s steps.ProveInDocker) (result string, err error) {
	installed, err := a.Installed(ctx, s.Release)
	if err != nil {
		return "", err
	}
	info, err := a.tx.Info(ctx)
	if err != nil {
		return "", err
	}
	since, err := a.Paths.BootAndMount()
	if err != nil {
		return "", err
	}
	if a.ProveInDocker != nil {
		result, err = a.ProveInDocker(ctx, s)
	} else {
		result, err = a.Prover().InDocker(ctx, s, a.tx.Trial(), a.observed.Flags, info)
	}
	if errors.Is(err, context.Canceled) {
		return "", fmt.Errorf("prove runtime %s: %w", s.Runtime, context.Canceled)
	}
	// The key has all that the proof depends on.
	key := state.ProofKey(installed.ManifestDigest, s.Args, info.Version, since, info.UsernsRemap, s.Writes)
	proofs, failures := a.State().Proofs(), a.State().Failures()
	if err != nil {
		failed := &proof.Failed{Release: s.Release, Runtime: s.Runtime, Args: s.Args, InDocker: true, Err: err}
		var trial *engine.TrialError
		if errors.As(err, &trial) {
			failed.Output = trial.Output
		}
		return "", errors.Join(failed, proofs.Forget(key), failures.Add(key))
	}
	everKey := state.PastProofKey(installed.ManifestDigest, s.Args, since)
	return result, errors.Join(proofs.Add(key), proofs.Add(everKey), failures.Forget(key))
}
