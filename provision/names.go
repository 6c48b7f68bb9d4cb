package provision

import (
	"context"
	"fmt"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/dataroot"
	"runsc-provisioner/provision/dockerdns"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/names"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/verify"
)

// namesAdvice recommends to keep names.
const namesAdvice = `Docker has networks that users made: containers in a sandbox do not find each other by name there. [docker] names = "maintain" makes the service keep their names (docs/compose.md)`

// serviceKeeps says that a setting has no effect without the service.
const serviceKeeps = `names = "maintain": the service keeps the names, and it does not run: sudo systemctl enable --now ` + host.ServiceUnit

// SettleNames does what is left to do about names after a run of apply, beside the service. It returns what the user should
// know.
func (pr *Provisioner) SettleNames(ctx context.Context, c config.Config, o host.Observed) (notes []string) {
	switch {
	case c.Docker.Names == config.NamesMaintain:
		return serviceNote(ctx, &pr.Host)
	case c.Docker.Names != config.NamesOff || o.Engine == nil:
		return nil
	}
	left, err := names.Clear(names.Goal{DataRoot: o.Engine.RootDir, Owner: dataroot.RemappedUID(*o.Engine)})
	if err != nil {
		return []string{"names of containers could not be taken out of their hosts files: " + err.Error()}
	}
	for _, l := range left {
		notes = append(notes, fmt.Sprintf("names = \"off\": %s of container %s: %s", l.File, verify.Printable(l.Name), verify.Printable(l.Reason)))
	}
	return notes
}

func serviceNote(ctx context.Context, h *host.Host) []string {
	if unit, err := h.AskUnit(ctx, host.ServiceUnit); err != nil || unit.Running() {
		return nil
	}
	return []string{serviceKeeps}
}

// addNamesAdvice recommends to keep names, if new containers run in a sandbox of ours and there are networks on which that
// matters. It asks dockerd only if the configuration says nothing about names. A plan is as good without the answer.
func addNamesAdvice(ctx context.Context, h *host.Host, c config.Config, o host.Observed, p *plan.Plan) {
	if c.Docker.Names == config.NamesMaintain {
		p.Warnings = append(p.Warnings, serviceNote(ctx, h)...)
		return
	}
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
		if err == nil && dockerdns.HasDNS(n.Name) && n.Scope == "local" {
			p.Warnings = append(p.Warnings, namesAdvice)
			return
		}
	}
}
