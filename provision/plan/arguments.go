package plan

import (
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/runtimes"
	"runsc-provisioner/verify"
)

// heldRuntime says why the plan leaves a runtime as it is; "" if it may change it.
func (g Goal) heldRuntime(name string) string {
	if reason := g.options.contestedReason(config.RuntimeItem(name)); reason != "" {
		return reason
	}
	return runtimes.UnreadSettings(g.Config, g.Observed, name)
}

// Arguments are those of a runtime under the current release.
func (g Goal) Arguments(name string) runtimes.Arguments {
	return runtimes.ArgumentsOf(g.Config, g.Observed, g.Current.Name, name)
}

func (g Goal) argsOf(name string) []string { return g.Arguments(name).List }

// WritesPromised says whether a runtime shall keep a container's writes.
func (g Goal) WritesPromised(name string) verify.Writes { return g.Arguments(name).Writes }
