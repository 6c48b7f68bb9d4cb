package provision

import (
	"context"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/difference"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/inventory"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/steps"
)

// addSwitch fills in Switch if the plan makes a runtime of ours the default. Only then it asks dockerd about the
// containers, and then it reports true. A plan is as good without the answer, so an error only becomes part of what
// was not seen.
func addSwitch(ctx context.Context, h *host.Host, c config.Config, o host.Observed, p *plan.Plan) (asked bool) {
	to, switches := newDefault(c, o, *p)
	if !switches {
		return false
	}
	from := o.Engine.DefaultRuntime
	var was *difference.Runtime
	if _, ours := c.Docker.Runtimes[from]; ours {
		entry := o.Engine.Runtimes[from]
		was = &difference.Runtime{Name: from, Path: entry.Path, Args: entry.Args, Remapped: o.Engine.UsernsRemap, KeepsNames: to.KeepsNames}
	}
	containers, unseen, err := inventory.Of(ctx, h, o, to.LosesWrites())
	if err != nil {
		unseen = append(unseen, "the containers: "+err.Error())
	}
	s := difference.NewSwitch(containers, from, was, to)
	s.Unseen = unseen
	if len(s.Keeping) > 0 || len(unseen) > 0 {
		p.Switch = &s
	}
	return true
}

// newDefault is the runtime of ours that the plan makes the default; false if dockerd has it already, or if the plan
// makes none the default.
func newDefault(c config.Config, o host.Observed, p plan.Plan) (to difference.Runtime, switches bool) {
	for _, step := range p.Steps {
		confirm, is := step.(steps.Confirm)
		name := confirm.Default
		if _, ours := c.Docker.Runtimes[name]; !is || !ours || o.Engine == nil || name == o.Engine.DefaultRuntime {
			continue
		}
		path, args := confirm.Runtimes[name].Path, confirm.Runtimes[name].Args
		if _, planned := confirm.Runtimes[name]; !planned { // it stays as it is
			path, args = o.Engine.Runtimes[name].Path, o.Engine.Runtimes[name].Args
		}
		remapped := confirm.Remap == config.RemapOn || o.Engine.UsernsRemap && confirm.Remap != config.RemapOff
		return difference.Runtime{Name: name, Path: path, Args: args, Remapped: remapped, KeepsNames: c.Docker.Names == config.NamesMaintain}, true
	}
	return difference.Runtime{}, false
}
