package provision

import (
	"context"
	"errors"
	"maps"
	"slices"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/proof"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/provision/transaction"
)

// proveOutside carries out the proof outside Docker. If it fails because runsc rejects
// arguments, the error names them.
func (pr *Provisioner) proveOutside(ctx context.Context, s steps.Prove) (result string, err error) {
	prove := pr.Prover().Prove
	if pr.ProveOutside != nil {
		prove = pr.ProveOutside
	}
	result, err = prove(ctx, s)
	var failed *proof.Failed
	if !errors.As(err, &failed) || !failed.NamesFlag() {
		return result, err
	}
	rejected, askErr := pr.Prover().Rejected(ctx, s.Release, s.Args)
	failed.Rejected = rejected
	return result, errors.Join(err, askErr)
}

// holdRejecting records the arguments that a release rejects, if the next plan then keeps
// the runtimes at another release that Docker uses, and reports true. Nothing of Docker has
// changed then: the proof outside Docker comes first.
func (pr *Provisioner) holdRejecting(ctx context.Context, c config.Config, cause error, run *convergence) (bool, error) {
	var failed *proof.Failed
	var back *transaction.RolledBack
	if !errors.As(cause, &failed) || len(failed.Rejected) == 0 || errors.As(cause, &back) {
		return false, nil
	}
	installed, err := pr.Installed(ctx, failed.Release)
	if err != nil {
		return false, err
	}
	rejected, err := pr.rejectedByPlan(ctx, failed, run.result.Last)
	if err != nil {
		return false, err
	}
	o := run.result.Observed
	if o.Releases, err = pr.store().List(ctx); err != nil {
		return false, err
	}
	known := map[string]bool{}
	maps.Copy(known, o.Rejected)
	for _, argument := range rejected {
		known[state.RejectionKey(installed.ManifestDigest, argument)] = true
	}
	if o.Rejected = known; plan.NewGoal(c, o).Current.Name == failed.Release {
		return false, nil // Docker uses no other release
	}
	for _, argument := range rejected {
		if err := pr.State().Rejections().Add(state.RejectionKey(installed.ManifestDigest, argument)); err != nil {
			return false, err
		}
	}
	// With other arguments it may work, so it is not removed.
	run.installed = slices.DeleteFunc(run.installed, func(name string) bool { return name == failed.Release })
	return true, nil
}

// rejectedByPlan are the arguments that the release of failed rejects, also those of the
// other runtimes in p, so that the user learns of all at once.
func (pr *Provisioner) rejectedByPlan(ctx context.Context, failed *proof.Failed, p plan.Plan) ([]string, error) {
	rejected := slices.Clone(failed.Rejected)
	for _, step := range p.Steps {
		s, ok := step.(steps.Prove)
		if !ok || s.Release != failed.Release || s.Runtime == failed.Runtime {
			continue
		}
		others, err := pr.Prover().Rejected(ctx, s.Release, s.Args)
		if err != nil {
			return nil, err
		}
		rejected = append(rejected, others...)
	}
	return rejected, nil
}
