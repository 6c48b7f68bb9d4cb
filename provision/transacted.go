package provision

import (
	"context"
	"time"

	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/provision/transaction"
)

// docker is the host's Docker for a transaction, which reports through pr.
func (pr *Provisioner) docker() *transaction.Docker {
	return &transaction.Docker{
		Host: &pr.Host, Jobs: pr.Jobs, ConfirmWithin: pr.ConfirmWithin, RestartWithin: pr.RestartWithin,
		NewerAside:  pr.RecoveryOptions != nil, // the daemon must not stop enforcing
		RollingBack: func(cause error) { pr.report(Event{Kind: RollingBack, Err: cause}) },
		Restarting: func(s steps.Restart) func(error) {
			begun := time.Now()
			pr.report(Event{Kind: StepStarted, Step: s})
			return func(err error) {
				pr.report(Event{Kind: StepDone, Step: s, Took: time.Since(begun), Err: err})
			}
		},
	}
}

// recoverAndReport finishes or reverts the change of a killed run, and reports what it did.
func (pr *Provisioner) recoverAndReport(ctx context.Context, opts plan.Options) (changed bool, err error) {
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	pr.mendState()
	recovery, err := transaction.Recover(ctx, pr.docker(), opts)
	if aside := recovery.Aside; aside != nil {
		pr.report(Event{Kind: Abandoned, Text: "an unfinished change could not be undone, and was set aside in " + aside.Path + ": " + aside.Reason})
	}
	if err != nil || recovery == (transaction.Recovery{}) {
		return false, err
	}
	if recovery.Did != "" {
		pr.report(Event{Kind: Recovered, Text: recovery.Did})
	}
	return true, nil
}
