package doctor

import (
	"context"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/difference"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/inventory"
)

// differences lists what works differently for the containers that run with a runtime of ours. It asks dockerd about
// containers only if it answers, and has one of ours.
func differences(ctx context.Context, h *host.Host, c config.Config, l dockerLook) (items []difference.Item, unseen []string) {
	if l.engineErr != nil || l.observed.Engine == nil {
		return nil, nil
	}
	runtimes, sized := map[string]difference.Runtime{}, false
	for _, name := range c.RuntimeNames() {
		if entry, registered := l.observed.Engine.Runtimes[name]; registered {
			r := difference.Runtime{Name: name, Path: entry.Path, Args: entry.Args, Remapped: l.observed.Engine.UsernsRemap, KeepsNames: c.Docker.Names == config.NamesMaintain}
			runtimes[name], sized = r, sized || r.LosesWrites()
		}
	}
	if len(runtimes) == 0 {
		return nil, nil
	}
	containers, unseen, err := inventory.Of(ctx, h, l.observed, sized)
	if err != nil {
		return nil, []string{"the containers: " + err.Error()}
	}
	return difference.List(containers, func(c difference.Container) (difference.Runtime, bool) {
		r, ours := runtimes[c.Runtime]
		return r, ours && c.Running
	}), unseen
}
