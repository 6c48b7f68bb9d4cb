package provision

import (
	"context"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/dockerdns"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
)

// namesAdvice recommends to keep names.
const namesAdvice = `Docker has networks that users made: containers in a sandbox do not find each other by name there. [docker] names = "maintain" makes the service keep their names (docs/compose.md)`

// addNamesAdvice recommends to keep names, if new containers run in a sandbox of ours and there are networks on which that
// matters. It asks dockerd only if the configuration says nothing about names. A plan is as good without the answer.
func addNamesAdvice(ctx context.Context, h *host.Host, c config.Config, o host.Observed, p *plan.Plan) {
	if _, ours := c.Docker.Runtimes[c.Docker.DefaultRuntime]; !ours || c.Docker.Names != "" || o.Engine == nil {
		return
	}
	client, err := h.Dial(o.Flags)
	if err != nil {
		return
	}
	defer client.Close()
	var networks []engine.Network
	err = h.Ask(ctx, func(ctx context.Context) (err error) {
		networks, err = client.Networks(ctx)
		return err
	})
	for _, n := range networks {
		if err == nil && dockerdns.HasDNS(n.Name) && n.Scope == "local" && n.Name != "docker_gwbridge" {
			p.Warnings = append(p.Warnings, namesAdvice)
			return
		}
	}
}
