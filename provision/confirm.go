package provision

import (
	"context"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/steps"
)

// engineAnswer is what dockerd showed once it had taken a change.
type engineAnswer struct {
	invocation string // the start of docker.service that gave it
	info       engine.Info
}

// validFor returns the answer if unit is still the start that gave it, and nil
// otherwise.
func (e *engineAnswer) validFor(unit host.Unit) *engine.Info {
	if e == nil || !unit.Running() || unit.InvocationID != e.invocation {
		return nil
	}
	return &e.info
}

// confirm waits until dockerd shows s.
func (a *application) confirm(ctx context.Context, s steps.Settings) (*engineAnswer, error) {
	info, err := a.docker().Confirm(ctx, s, a.observed.Flags, a.tx.CheckStale)
	if err != nil {
		return nil, err
	}
	return &engineAnswer{a.observed.Unit.InvocationID, info}, nil
}

// observeSettled observes the host once docker.service is neither starting, stopping nor
// reloading. It reuses answer if the same start of dockerd gave it.
func (pr *Provisioner) observeSettled(ctx context.Context, c config.Config, answer *engineAnswer) (host.Observed, error) {
	unit, err := pr.WaitSettled(ctx)
	if err != nil {
		return host.Observed{}, err
	}
	return pr.ObserveWith(ctx, c, unit, answer.validFor(unit))
}
