package transaction

import (
	"context"
	"time"

	"go.uber.org/zap"

	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/trial"
)

// removeTrial removes the container and the image of a proof through Docker.
func (d *Docker) removeTrial(ctx context.Context, flags commandline.Flags, name string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return d.WithClient(flags, func(client *engine.Client) error { return trial.Remove(ctx, client, name) })
}

// removeOldTrials removes what proofs left in Docker when their journal was closed while
// Docker was down. The next run retries what cannot be removed now.
func (d *Docker) removeOldTrials(ctx context.Context) error {
	names := d.State().Trials().Keys()
	if len(names) == 0 {
		return nil
	}
	unit, err := d.WaitSettled(ctx)
	if err != nil || !unit.Running() {
		return err
	}
	_, flags, err := d.CommandLine(unit)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := d.removeTrial(ctx, flags, name); err != nil {
			d.Logger().Debug("leftovers of a proof stay in docker", zap.String("name", name), zap.Error(err))
			return ctx.Err()
		}
		if err := d.State().Trials().Forget(name); err != nil {
			return err
		}
	}
	return nil
}
