package provision

import (
	"context"
	"time"

	"runsc-provisioner/provision/blocked"

	"go.uber.org/zap"
)

// removeTrial removes what is left of a proof through Docker.
func (t *transaction) removeTrial(ctx context.Context, name string) error {
	client, err := t.pr.Dial(t.flags)
	if err != nil {
		return blocked.DockerdSilent(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return client.RemoveTrial(ctx, name)
}

// removeOldTrials removes what is left of proofs whose journal was closed while
// Docker was down. What cannot be removed now is tried again by the next run.
func (pr *Provisioner) removeOldTrials(ctx context.Context) error {
	names := pr.State().Trials().Keys()
	if len(names) == 0 {
		return nil
	}
	unit, err := pr.Settled(ctx)
	if err != nil || !unit.Running() {
		return err
	}
	_, flags, err := pr.ObserveFlags(unit)
	if err != nil {
		return err
	}
	t := &transaction{pr: pr, flags: flags}
	for _, name := range names {
		if err := t.removeTrial(ctx, name); err != nil {
			pr.Logger().Debug("what is left of a proof", zap.String("name", name), zap.Error(err))
			return ctx.Err()
		}
		if err := pr.State().Trials().Forget(name); err != nil {
			return err
		}
	}
	return nil
}
