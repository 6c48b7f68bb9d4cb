package host

import (
	"context"
	"fmt"
	"time"

	"runsc-provisioner/provision/blocked"
)

const (
	// settleWithin bounds the wait for docker.service to be up or down: dockerd
	// with many containers takes tens of seconds to start.
	settleWithin = 90 * time.Second
	// settleLook is how often the unit is looked at meanwhile.
	settleLook = 50 * time.Millisecond
)

// Settled is the unit once it is not on its way from one state to another: a
// SIGHUP kills a dockerd that has not finished starting.
func (h *Host) Settled(ctx context.Context) (Unit, error) {
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
