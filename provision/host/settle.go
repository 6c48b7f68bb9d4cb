package host

import (
	"context"
	"fmt"
	"time"

	"runsc-provisioner/provision/blocked"
)

const (
	// settleTimeout limits the wait until docker.service is up or down: dockerd
	// with many containers takes tens of seconds to start.
	settleTimeout = 90 * time.Second
	// settlePoll is the time between two looks at the unit.
	settlePoll = 50 * time.Millisecond
)

// WaitSettled waits until docker.service is neither starting, stopping nor reloading,
// and returns it: a SIGHUP kills a dockerd that has not finished starting. After 90 s the
// error is a *blocked.Unreachable.
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
