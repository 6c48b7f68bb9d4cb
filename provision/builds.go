package provision

import (
	"context"
	"errors"
	"fmt"

	"runsc-provisioner/provision/proof"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/steps"
)

// proveBuild has BuildKit build an image of ours, checks from the host that its step is in a sandbox, and that the image
// has what the step wrote. All of it is removed. It records the result. The error of a proof that failed is a
// *proof.Failed.
func (a *application) proveBuild(ctx context.Context, s steps.ProveBuild) (result string, err error) {
	manifest, info, since, err := a.dependsOn(ctx, s.Release)
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
	key := state.BuildProofKey(manifest, s.Args, info.Version, since, info.UsernsRemap, s.Program)
	return result, a.record(&proof.Failed{Release: s.Release, Runtime: s.Runtime, Args: s.Args, InBuild: true, Err: err}, key)
}
