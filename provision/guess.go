package provision

import (
	"context"

	"go.uber.org/zap"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/prepare"
	"runsc-provisioner/provision/validate"
)

// known is dockerd's answer to the last observation.
type known struct{ host.Observed }

func (k *known) remember(o host.Observed) {
	k.Observed = host.Observed{Unit: o.Unit}.WithAnswer(o)
}

// A guess is a validation of the text that the next plan will probably write. It runs
// while dockerd is asked what it runs with, which takes about as long. Most drift is in
// daemon.json alone: then dockerd answers as it did the last time. After a wrong guess the
// text is validated as without one.
type guess struct {
	known *known
	begun *validate.Begun
}

func (g *guess) end() { g.begun.End() }

// guessing is a copy of pr whose next observation begins a guess.
func (pr *Provisioner) guessing(c config.Config, g *guess) *Provisioner {
	guessing := *pr
	guessing.FilesSeen = func(ctx context.Context, o host.Observed) {
		if !o.Unit.Running() || g.known.Engine == nil || g.known.Unit.InvocationID != o.Unit.InvocationID {
			return
		}
		o = o.WithAnswer(g.known.Observed)
		opts := withoutRestart()
		if plan.NeedsData(c, o, opts) {
			return
		}
		p, err := plan.New(c, o, opts)
		if err != nil {
			return // the plan itself will say why
		}
		g.begun = prepare.Begin(ctx, &pr.Host, p, o)
		pr.Logger().Debug("guessed the next text", zap.Bool("validates", g.begun != nil))
	}
	return &guessing
}
