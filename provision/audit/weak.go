package audit

import (
	"maps"
	"slices"

	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/verify"
)

// runtimeWeaknesses lists the weaknesses of the next sandbox, by runtime. It reads
// the arguments that the configuration wants, and dockerd's arguments of every
// runtime that starts a release or has a configured name: arguments that are not
// configured stay as they are in daemon.json, and another program may have
// registered a release's runsc.
func runtimeWeaknesses(h *host.Host, c config.Config, o host.Observed) (map[string][]verify.Weakness, error) {
	args := map[string][][]string{}
	wanted, _ := plan.NewestSatisfying(o.Releases, c.Spec())
	for name := range c.Docker.Runtimes {
		args[name] = [][]string{plan.ArgumentsOf(c, o, wanted.Name, name).List}
	}
	if o.Engine != nil {
		known, err := host.KnownReleases(h.Store(), o.Releases)
		if err != nil {
			return nil, err
		}
		for name, runtime := range host.ResolveRuntimes(*o.Engine, o.File.Doc.Runtimes()) {
			if _, ours := args[name]; ours || runtime.Leads(known) {
				args[name] = append(args[name], runtime.Args)
			}
		}
	}
	found := map[string][]verify.Weakness{}
	for name, lists := range args {
		for _, list := range lists {
			for _, w := range verify.RuntimeWeaknesses(list) {
				if !slices.Contains(found[name], w) {
					found[name] = append(found[name], w)
				}
			}
		}
	}
	return found, nil
}

// checkRuntimes adds a finding for each weakness of a runtime.
func (v *Verification) checkRuntimes() {
	for _, name := range slices.Sorted(maps.Keys(v.RuntimeWeaknesses)) {
		for _, w := range v.RuntimeWeaknesses[name] {
			v.addFinding(checkup.Critical, codeWeakening, "runtime "+verify.Printable(name), w.Setting+": "+w.Gives, weakRemedy(w, name))
		}
	}
}
