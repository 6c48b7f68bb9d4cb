package host

import (
	"context"
	"fmt"
	"time"

	"runsc-provisioner/provision/blocked"
)

const (
	// settleTimeout bounds the wait for docker.service to be up or down: dockerd
	// with many containers takes tens of seconds to start.
	settleTimeout = 90 * time.Second
	// settlePoll is how often the unit is looked at meanwhile.
	settlePoll = 50 * time.Millisecond
)

// WaitSettled is the unit once it is not on its way from one state to another: a
// SIGHUP kills a dockerd that has not finished starting.
func (h *Host) WaitSettled(ctx context.Context) (Unit, error) {
	end := time.After(settleTimeout)
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
			return unit, &blocked.Unreachable{Object: DockerUnit, Err: fmt.Errorf("it is still %s (%s) after %s", unit.ActiveState, unit.SubState, settleTimeout)}
		case <-time.After(settlePoll):
		}
	}
}
