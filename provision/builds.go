package provision

import (
	"context"
	"errors"
	"fmt"

	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/proof"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/steps"
)

// proveBuild has BuildKit build an image of ours, checks from the host that its step is in a sandbox, and that the image
// has what the step wrote. All of it is removed. It records the result. The error of a proof that failed is a
// *proof.Failed.
func (a *application) proveBuild(ctx context.Context, s steps.ProveBuild) (result string, err error) {
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
	unit, err := a.Docker(ctx)
	if err != nil {
		return "", err
	}
	if result, err = a.Prover().Build(ctx, s, a.tx.Trial(), a.observed.Flags, unit.MainPID); errors.Is(err, context.Canceled) {
		return "", fmt.Errorf("prove builds with runtime %s: %w", s.Runtime, context.Canceled)
	}
	key := state.BuildProofKey(installed.ManifestDigest, s.Args, info.Version, since, info.UsernsRemap, s.Program)
	if err != nil {
		failed := &proof.Failed{Release: s.Release, Runtime: s.Runtime, Args: s.Args, InBuild: true, Err: err}
		var trial *engine.TrialError
		if errors.As(err, &trial) {
			failed.Output = trial.Output
		}
		return "", errors.Join(failed, a.State().Proofs().Forget(key), a.State().Failures().Add(key))
	}
	return result, errors.Join(a.State().Proofs().Add(key), a.State().Failures().Forget(key))
}
