package provision

import (
	"context"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
)

// observeSettled is Observe once docker.service is settled. What that very
// dockerd has just said, if anything, is not asked again.
func (pr *Provisioner) observeSettled(ctx context.Context, c config.Config, said *engineAnswer) (host.Observed, error) {
	unit, err := pr.Settled(ctx)
	if err != nil {
		return host.Observed{}, err
	}
	return pr.ObserveUnit(ctx, c, unit, said.of(unit))
}
