package provision

import (
	"context"
	"fmt"
	"time"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/failpoint"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/prepare"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/provision/transaction"
)

// Event is what Provisioner.Report receives.
type Event struct {
	Kind    EventKind
	Plan    plan.Plan        // PlanMade
	Step    steps.Step       // StepStarted, StepProgress, StepDone
	Fetched release.Progress // StepProgress
	Text    string           // StepDone: the result in a few words, may be empty; Recovered, Abandoned, Mended
	Took    time.Duration    // StepDone
	Err     error            // StepDone, RollingBack
}

// EventKind says what an Event reports.
type EventKind int

// The kinds, in the order in which they happen.
const (
	PlanMade EventKind = iota
	StepStarted
	StepProgress
	StepDone
	RollingBack
	Recovered // Text says what was done about a killed run
	Abandoned // Text says which recovery failed, and where its journal was set aside
	Mended    // Text says which record could not be used, and where it was moved
)

// application is one plan that is being carried out.
type application struct {
	*Provisioner
	observed host.Observed
	tx       *transaction.Transaction // nil before the first step that needs a journal
	answer   *engineAnswer            // dockerd's answer to the last step, or nil
}

// apply carries out the steps of p in order and stops at the first error. Then it undoes
// what the transaction has changed. If only the first step can be carried out, that step
// changes nothing that Docker uses. The answer is dockerd's to the last step, or nil.
func (pr *Provisioner) apply(ctx context.Context, p plan.Plan, c config.Config, o host.Observed) (*engineAnswer, error) {
	a := &application{Provisioner: pr, observed: o}
	if pr.firstOnly(p) {
		return nil, a.step(ctx, p.Steps[0])
	}
	for _, step := range p.Steps {
		var err error
		if a.tx != nil && step.Kind().Settled {
			// What comes after Docker depends on how Docker is then: the next plan sees it.
			return a.answer, a.tx.Finish()
		}
		if a.tx == nil && step.Kind().Shared {
			if a.tx, err = transaction.Begin(pr.docker(), p, o, c.RuntimeNames()); err != nil {
				return nil, err
			}
		}
		switch err = a.step(ctx, step); {
		case err != nil && a.tx != nil:
			return nil, a.tx.Fail(ctx, err)
		case err != nil:
			return nil, err
		}
		failpoint.Here("done: " + step.Kind().Action)
	}
	if a.tx == nil {
		return a.answer, nil
	}
	return a.answer, a.tx.Finish()
}

// firstOnly reports whether the host must be observed again after the first step of p:
// the release may get another name, or another run may have changed the host during
// the fetch.
func (pr *Provisioner) firstOnly(p plan.Plan) bool {
	_, installs := p.Steps[0].(steps.InstallRelease)
	return p.Provisional || installs && pr.TakeFetched != nil
}

// depthOf says how closely to look at p before it is carried out.
func (pr *Provisioner) depthOf(p plan.Plan) prepare.Depth {
	if pr.firstOnly(p) {
		return prepare.Install
	}
	return prepare.Probe
}

// step carries out one step and reports it.
func (a *application) step(ctx context.Context, step steps.Step) error {
	a.report(Event{Kind: StepStarted, Step: step})
	start := time.Now()
	a.answer = nil
	result, err := a.carryOut(ctx, step)
	a.report(Event{Kind: StepDone, Step: step, Text: result, Took: time.Since(start), Err: err})
	return err
}

// carryOut is the table of steps: one case for each kind. The result is what was seen,
// in a few words.
func (a *application) carryOut(ctx context.Context, step steps.Step) (result string, err error) {
	if ctx.Err() != nil {
		return "", context.Cause(ctx) // which names the signal
	}
	switch s := step.(type) {
	case steps.InstallRelease:
		return a.install(ctx, s, a.observed.Releases)
	case steps.Prove:
		return a.proveOutside(ctx, s)
	case steps.ProveInDocker:
		return a.proveInDocker(ctx, s)
	case steps.Link:
		return a.link(s)
	case steps.Unlink:
		return "", a.unlink(s)
	case steps.WriteDaemonJSON:
		return "", a.tx.Write(s)
	case steps.Reload:
		return "", a.tx.Reload(ctx, s.MustTake)
	case steps.Restart:
		return "", a.tx.Restart(ctx, s)
	case steps.WriteBuilds:
		return "", a.tx.WriteBuilds(ctx, s)
	case steps.ConfirmBuilds:
		return "", a.tx.ConfirmBuilds(ctx, s)
	case steps.ProveBuild:
		return a.proveBuild(ctx, s)
	case steps.Confirm:
		a.answer, err = a.confirm(ctx, s.Settings)
		return "", err
	case steps.RemoveRelease:
		return "", a.StoreOf(s.Dir).Remove(s.Name)
	case steps.AddAccount:
		return "", a.addAccount(ctx, s)
	case steps.RemoveAccount:
		return "", a.removeAccount(ctx, s)
	case steps.EditIDs:
		return "", a.editIDs(ctx, s)
	case steps.SaveImages:
		return a.saveImages(ctx, s)
	case steps.LoadImages:
		return "", a.loadImages(ctx, s)
	case steps.DropImages:
		return "", a.Images().Drop()
	case steps.StopService:
		return "", a.Service.Stop(ctx, s.Unit)
	case steps.DisableService:
		return "", a.Service.Disable(ctx, s.Unit)
	case steps.ClearNames:
		return a.clearNames(s)
	case steps.Forget:
		return "", a.forget()
	case steps.RemoveOwn:
		return a.removeOwn(s)
	default:
		return "", fmt.Errorf("no code carries out step %T", step)
	}
}
