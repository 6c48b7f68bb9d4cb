package provision

import (
	"cmp"
	"context"
	"time"

	"runsc-provisioner/provision/await"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/steps"
)

// defaultConfirmWithin bounds the wait for dockerd to show a change. That takes 50 ms,
// and took seconds on a loaded host.
const defaultConfirmWithin = 15 * time.Second

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

// dockerd waits for the running dockerd to take a change.
func (pr *Provisioner) dockerd() await.Dockerd {
	return await.Dockerd{Host: &pr.Host, Timeout: cmp.Or(pr.ConfirmWithin, defaultConfirmWithin)}
}

// confirm waits until dockerd shows s.
func (a *application) confirm(ctx context.Context, s steps.Settings) (*engineAnswer, error) {
	info, err := a.dockerd().Confirm(ctx, s, a.observed.Flags, a.tx.checkStale)
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
