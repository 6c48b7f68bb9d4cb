package provision

import (
	"context"
	"time"

	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
)

// defaultConfirmWithin is how long dockerd may take to show a change: it takes
// 50 ms, and on a loaded host has been seen to need seconds.
const defaultConfirmWithin = 15 * time.Second

// engineAnswer is what dockerd said when it had taken a change.
type engineAnswer struct {
	invocation string // the start of docker.service that it belongs to
	info       engine.Info
}

// of is what was said if unit is still the one that said it, or else nil.
func (c *engineAnswer) of(unit host.Unit) *engine.Info {
	if c == nil || !unit.Running() || unit.InvocationID != c.invocation {
		return nil
	}
	return &c.info
}

// confirm confirms what a plan for o has changed.
func (pr *Provisioner) confirm(ctx context.Context, s plan.Settings, o host.Observed, t *transaction) (*engineAnswer, error) {
	info, err := pr.dockerd().Confirm(ctx, s, o.Flags, t.stale)
	if err != nil {
		return nil, err
	}
	return &engineAnswer{o.Unit.InvocationID, info}, nil
}
