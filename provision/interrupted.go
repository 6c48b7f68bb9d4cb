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

// lasting are those of the steps that were done whose effect stays. Of a plan that
// was not carried out whole that is what was done beside its transaction.
func lasting(done []plan.Step, whole bool) (stay []plan.Step) {
	for _, step := range done {
		if kind := step.Kind(); kind.Lasts && (whole || !kind.Shared) {
			stay = append(stay, step)
		}
	}
	return stay
}

// noting is h that also notes which steps are done, and what they bring.
func (pr *Provisioner) noting(run *converging) *Provisioner {
	noting := *pr
	noting.brought = func(name string) { run.brought = append(run.brought, name) }
	noting.Report = func(e Event) {
		if e.Kind == StepDone && e.Err == nil {
			run.done = append(run.done, e.Step)
		}
		pr.report(e)
	}
	return &noting
}

// interrupted is err as the end of a run under ctx.
func (run *converging) interrupted(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	stays := append(run.stays, lasting(run.done, false)...)
	return &Interrupted{Changed: run.result.Changed || len(stays) > 0, Stays: stays, Err: err}
}

// finishWithin bounds what is done yet after all steps, whether or not this
// process was asked to end: a look at the host.
const finishWithin = 2 * time.Minute

// look is the context of a look at the host: one that only confirms that nothing
// is left to do is finished.
func (run *converging) look(ctx context.Context) (context.Context, context.CancelFunc) {
	if !run.whole {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(context.WithoutCancel(ctx), finishWithin)
}
