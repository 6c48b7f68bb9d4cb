package provision

import (
	"context"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/prepare"
)

// Plan says what would make the host as c wants it, and changes nothing.
func (pr *Provisioner) Plan(ctx context.Context, c config.Config, opts plan.Options) (plan.Plan, error) {
	o, err := pr.Observe(ctx, c)
	if err != nil {
		return plan.Plan{}, err
	}
	if plan.NeedsData(c, o, opts) {
		if o.Data, err = pr.ObserveData(ctx, o); err != nil {
			return plan.Plan{}, err
		}
	}
	p, err := plan.New(c, o, opts)
	if err != nil {
		return plan.Plan{}, err
	}
	_, err = prepare.Check(ctx, &pr.Host, p, o)
	return p, err
}
