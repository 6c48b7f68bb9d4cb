package provision

import (
	"context"
	"time"

	"runsc-provisioner/provision/plan"
)

// Interrupted is a run that was asked to end before all was done: what was in
// hand was finished or undone.
type Interrupted struct {
	// Changed says that something was changed that stays: Stays, or what a run
	// that was killed before had left.
	Changed bool
	// Stays are the steps whose effect is there still, in their order.
	Stays []plan.Step
	Err   error // a *RolledBack or *DockerDown where the step in hand was undone
}

func (i *Interrupted) Error() string { return "interrupted: " + i.Err.Error() }
func (i *Interrupted) Unwrap() error { return i.Err }

// Docker reports whether what stays is in use by Docker.
func (i *Interrupted) Docker() bool {
	for _, s := range i.Stays {
		if s.Kind().Shared {
			return true
		}
	}
	return false
}

// lastingOf are those of the steps that were done whose effect stays. Of a plan that
// was not carried out whole that is what was done beside its transaction.
func lastingOf(done []plan.Step, whole bool) (stay []plan.Step) {
	for _, step := range done {
		if kind := step.Kind(); kind.Lasts && (whole || !kind.Shared) {
			stay = append(stay, step)
		}
	}
	return stay
}

// recordingSteps is h that also notes which steps are done, and what they bring.
func (pr *Provisioner) recordingSteps(run *convergence) *Provisioner {
	noting := *pr
	noting.onInstalled = func(name string) { run.installed = append(run.installed, name) }
	noting.Report = func(e Event) {
		if e.Kind == StepDone && e.Err == nil {
			run.doneSteps = append(run.doneSteps, e.Step)
		}
		pr.report(e)
	}
	return &noting
}

// wrapInterrupted is err as the end of a run under ctx.
func (run *convergence) wrapInterrupted(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	stays := append(run.lastingSteps, lastingOf(run.doneSteps, false)...)
	return &Interrupted{Changed: run.result.Changed || len(stays) > 0, Stays: stays, Err: err}
}

// finishTimeout bounds what is done yet after all steps, whether or not this
// process was asked to end: a look at the host.
const finishTimeout = 2 * time.Minute

// observeContext is the context of a look at the host: one that only confirms that nothing
// is left to do is finished.
func (run *convergence) observeContext(ctx context.Context) (context.Context, context.CancelFunc) {
	if !run.planCompleted {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
}
