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
	"runsc-provisioner/provision/trial"
)

// ProveRuntimes proves the named runtimes, or all that c manages and its builds, as dockerd
// has them now: outside Docker and through it. It first settles the change of a killed run. Beyond
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
	var p plan.Plan
	var builds []steps.Step
	if len(names) == 0 {
		names = c.RuntimeNames()
		if builds, err = plan.BuildProofSteps(c, o); err != nil {
			return err
		}
	}
	for _, name := range names {
		steps, err := plan.ProofSteps(c, name, o)
		if err != nil {
			return err
		}
		p.Steps = append(p.Steps, steps...)
	}
	p.Steps = append(p.Steps, builds...)
	_, err = pr.apply(ctx, p, c, o)
	return err
}

// proveInDocker has dockerd start a container of ours under the runtime, checks it from
// the host as `verify` does, asks it which kernel it sees, and checks that Docker sees
// its writes. The container and its image are removed. It records the result. The error
// of a proof that failed is a *proof.Failed.
func (a *application) proveInDocker(ctx context.Context, s steps.ProveInDocker) (result string, err error) {
	manifest, info, since, err := a.dependsOn(ctx, s.Release)
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
	key := state.ProofKey(manifest, s.Args, info.Version, since, info.UsernsRemap, s.Writes)
	everKey := state.PastProofKey(manifest, s.Args, since)
	return result, a.record(&proof.Failed{Release: s.Release, Runtime: s.Runtime, Args: s.Args, InDocker: true, Err: err}, key, everKey)
}

// dependsOn is what a proof through Docker depends on besides its step: the manifest of the release, dockerd, and the
// boot and the mount of the store.
func (a *application) dependsOn(ctx context.Context, release string) (manifest string, info engine.Info, since string, err error) {
	installed, err := a.Installed(ctx, release)
	if err == nil {
		info, err = a.tx.Info(ctx)
	}
	if err == nil {
		since, err = a.Paths.BootAndMount()
	}
	return installed.ManifestDigest, info, since, err
}

// record records the result of a proof. The key has all that the proof depends on; the other keys are those of a success
// alone. A proof that failed, with f.Err, is returned.
func (a *application) record(f *proof.Failed, key string, others ...string) error {
	proofs, failures := a.State().Proofs(), a.State().Failures()
	if f.Err != nil {
		var failed *trial.Error
		if errors.As(f.Err, &failed) {
			f.Output = failed.Output
		}
		return errors.Join(f, proofs.Forget(key), failures.Add(key))
	}
	err := proofs.Add(key)
	for _, other := range others {
		err = errors.Join(err, proofs.Add(other))
	}
	return errors.Join(err, failures.Forget(key))
}
