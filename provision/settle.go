package provision

import (
	"context"
	"fmt"
	"time"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
)

const (
	// settleWithin bounds the wait for docker.service to be up or down: dockerd
	// with many containers takes tens of seconds to start.
	settleWithin = 90 * time.Second
	// settleLook is how often the unit is looked at meanwhile.
	settleLook = 50 * time.Millisecond
)

// observeSettled is Observe once docker.service is settled. What that very
// dockerd has just said, if anything, is not asked again.
func (pr *Provisioner) observeSettled(ctx context.Context, c config.Config, said *confirmed) (Observed, error) {
	unit, err := pr.settled(ctx)
	if err != nil {
		return Observed{}, err
	}
	return pr.observe(ctx, c, unit, said.of(unit))
}

// settled is the unit once it is not on its way from one state to another: a
// SIGHUP kills a dockerd that has not finished starting.
func (h *Host) settled(ctx context.Context) (Unit, error) {
	end := time.After(settleWithin)
	for {
		unit, err := h.Docker(ctx)
		if err != nil {
			return Unit{}, err
		}
		if !unit.Changing() {
			return unit, nil
		}
		select {
		case <-ctx.Done():
			return Unit{}, fmt.Errorf("wait for %s: %w", DockerUnit, context.Cause(ctx))
		case <-end:
			return unit, &blocked.Unreachable{Object: DockerUnit, Err: fmt.Errorf("it is still %s (%s) after %s", unit.ActiveState, unit.SubState, settleWithin)}
		case <-time.After(settleLook):
		}
	}
}
