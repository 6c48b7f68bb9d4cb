package provision

import (
	"context"
	"errors"
	"fmt"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/proof"
	"runsc-provisioner/provision/state"
)

// proveInDockerAndRecord has dockerd start a container of our own under the runtime,
// looks at it from the host as `verify` does, asks it which kernel it sees, and
// has Docker look at what it writes. Container and image are gone afterwards.
// The error is a *ProofFailed.
func (pr *Provisioner) proveInDockerAndRecord(ctx context.Context, s plan.ProveInDocker, t *transaction) (seen string, err error) {
	installed, err := pr.Installed(s.Release)
	if err != nil {
		return "", err
	}
	info, err := t.engineNow(ctx)
	if err != nil {
		return "", blocked.DockerdSilent(err)
	}
	since, err := pr.Since()
	if err != nil {
		return "", err
	}
	// What the proof holds for, as things are at this moment.
	key := state.ProofKey(installed.ManifestDigest, s.Args, info.Version, since, info.UsernsRemap, s.Writes)
	if pr.ProveInDocker != nil {
		seen, err = pr.ProveInDocker(ctx, s)
	} else {
		seen, err = pr.Prover().InDocker(ctx, s, t.journal.Trial, t.flags, info)
	}
	if errors.Is(err, context.Canceled) {
		return "", fmt.Errorf("prove runtime %s: %w", s.Runtime, context.Canceled)
	}
	if err != nil {
		failed := &proof.Failed{Release: s.Release, Runtime: s.Runtime, Args: s.Args, InDocker: true, Err: err}
		var trial *engine.TrialError
		if errors.As(err, &trial) {
			failed.Output = trial.Output
		}
		return "", errors.Join(failed, pr.State().Proofs().Forget(key), pr.State().Failures().Add(key))
	}
	return seen, errors.Join(pr.State().Proofs().Add(key), pr.State().Proofs().Add(state.EverKey(installed.ManifestDigest, s.Args, since)), pr.State().Failures().Forget(key))
}
