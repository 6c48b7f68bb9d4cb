package provision

import (
	"context"
	"slices"
	"time"

	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/steps"
)

// Interrupted says that a run was asked to end before all was done. It has finished or
// undone the step in hand.
type Interrupted struct {
	// Changed says that a change stays: one of Stays, or the recovery of a killed run.
	Changed bool
	// Stays are the steps whose effect stays, in their order.
	Stays []steps.Step
	Err   error // a *transaction.RolledBack or *transaction.DockerDown if the step in hand was undone
}

func (i *Interrupted) Error() string { return "interrupted: " + i.Err.Error() }
func (i *Interrupted) Unwrap() error { return i.Err }

// Docker reports whether Docker uses what stays.
func (i *Interrupted) Docker() bool {
	return slices.ContainsFunc(i.Stays, func(s steps.Step) bool { return s.Kind().Shared })
}

// lastingOf returns the done steps whose effect stays. If the plan was not completed,
// its transaction was undone: then only the steps beside the transaction stay.
func lastingOf(done []steps.Step, completed bool) (stay []steps.Step) {
	for _, step := range done {
		if kind := step.Kind(); kind.Lasts && (completed || !kind.Shared) {
			stay = append(stay, step)
		}
	}
	return stay
}

// recordingSteps is a copy of pr that also records in run which steps are done and which
// releases are installed.
func (pr *Provisioner) recordingSteps(run *convergence) *Provisioner {
	recording := *pr
	recording.onInstalled = func(name string, auto bool) {
		run.installed = append(run.installed, name)
		if auto {
			run.auto = append(run.auto, name)
		}
	}
	recording.onObtained = func(s steps.InstallRelease, r release.Installed, before []release.Installed) error {
		return pr.markObtained(run, s, r, before)
	}
	recording.onNoLink = func(err error) { run.noLink = err.Error() }
	recording.Report = func(e Event) {
		if e.Kind == StepDone && e.Err == nil {
			run.doneSteps = append(run.doneSteps, e.Step)
		}
		pr.report(e)
	}
	return &recording
}

// wrapInterrupted returns err, as an *Interrupted if ctx has ended.
func (run *convergence) wrapInterrupted(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	stays := append(run.lastingSteps, lastingOf(run.doneSteps, false)...)
	return &Interrupted{Changed: run.result.Changed || len(stays) > 0, Stays: stays, Err: err}
}

// finishTimeout bounds the last observation, which runs even if this process was asked to
// end.
const finishTimeout = 2 * time.Minute

// observeContext is the context of an observation. One that only confirms that nothing is
// left to do is not interrupted.
func (run *convergence) observeContext(ctx context.Context) (context.Context, context.CancelFunc) {
	if !run.planCompleted {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
}
