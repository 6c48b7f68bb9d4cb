package plan

import (
	"fmt"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/runtimes"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/verify"
)

// unreadSettings says why a runtime must not be replaced yet: settings of its shim may isolate containers, and
// no arguments are configured that could take their place. It is "" if the runtime may be replaced.
func (g Goal) unreadSettings(name string) string {
	if g.Config.Docker.Runtimes[name].Args != nil {
		return ""
	}
	entry, registered := g.Observed.File.Doc.Runtimes()[name]
	if !registered {
		entry, _ = runtimes.Definition(g.Observed, name)
	}
	if entry.Path != "" || len(entry.Options) == 0 {
		return ""
	}
	return fmt.Sprintf("it is registered by %s, which may isolate its containers further (network = \"none\" in a runsc.toml), and this program does not read that: "+
		"set docker.runtimes.%s.args to the arguments of runsc that it must have, such as [\"--network=none\"], or to []", steps.PathOrType(entry), name)
}

// heldRuntime says why the plan leaves a runtime as it is; "" if it may change it.
func (g Goal) heldRuntime(name string) string {
	if reason := g.options.contestedReason(config.RuntimeItem(name)); reason != "" {
		return reason
	}
	return g.unreadSettings(name)
}

// Arguments are those of a runtime under the current release.
func (g Goal) Arguments(name string) runtimes.Arguments {
	return runtimes.ArgumentsOf(g.Config, g.Observed, g.Current.Name, name)
}

func (g Goal) argsOf(name string) []string { return g.Arguments(name).List }

// WritesPromised says whether a runtime shall keep a container's writes.
func (g Goal) WritesPromised(name string) verify.Writes { return g.Arguments(name).Writes }
