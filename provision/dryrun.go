package provision

import (
	"context"

	"runsc-provisioner/provision/config"
)

// Plan says what would make the host as c wants it, and changes nothing.
func (pr *Provisioner) Plan(ctx context.Context, c config.Config, opts Options) (Plan, error) {
	o, err := pr.Observe(ctx, c)
	if err != nil {
		return Plan{}, err
	}
	if NeedsData(c, o, opts) {
		if o.Data, err = pr.ObserveData(ctx, o); err != nil {
			return Plan{}, err
		}
	}
	p, err := NewPlan(c, o, opts)
	if err != nil {
		return Plan{}, err
	}
	return p, pr.Check(ctx, p, o)
}
