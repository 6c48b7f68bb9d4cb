package audit

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/evidence"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/runtimes"
	"runsc-provisioner/verify"
)

// runtimeWeaknesses lists the weaknesses of the next sandbox, by runtime. It reads
// the arguments that the configuration wants, and dockerd's arguments of every
// runtime that starts a release or has a configured name: arguments that are not
// configured stay as they are in daemon.json, and another program may have
// registered a release's runsc.
func runtimeWeaknesses(ctx context.Context, h *host.Host, c config.Config, o host.Observed) (map[string][]verify.Weakness, error) {
	args := map[string][][]string{}
	wanted, _ := release.NewestSatisfying(o.Releases, c.Spec())
	for name := range c.Docker.Runtimes {
		args[name] = [][]string{runtimes.ArgumentsOf(c, o, wanted.Name, name).List}
	}
	if o.Engine != nil {
		known, err := h.Known(ctx, o.Releases)
		if err != nil {
			return nil, err
		}
		for name, runtime := range evidence.Runtimes(*o.Engine, o.File.Doc.Runtimes()) {
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

// checkRuntimes adds a finding for each weakness of a runtime. It names the running containers
// that have it.
func (v *Verification) checkRuntimes() {
	for _, name := range slices.Sorted(maps.Keys(v.RuntimeWeaknesses)) {
		for _, w := range v.RuntimeWeaknesses[name] {
			seen, restart := w.Setting+": "+w.Gives, ""
			if running := v.runningWith(name, w); len(running) > 0 {
				seen += "; running with it: " + nameSome(running)
				restart = ", and restart those containers"
			}
			v.addFinding(checkup.Critical, codeWeakening, "runtime "+verify.Printable(name), seen, removeArgument(w, name)+restart)
		}
	}
}

// ofRuntime reports whether the arguments of the runtime cause w, in the next container too.
func (v *Verification) ofRuntime(runtime string, w verify.Weakness) bool {
	return slices.ContainsFunc(v.RuntimeWeaknesses[runtime], func(r verify.Weakness) bool { return r.Setting == w.Setting })
}

// runningWith names the containers of a runtime that run with w.
func (v *Verification) runningWith(runtime string, w verify.Weakness) []string {
	var names []string
	for _, verdict := range v.Report.Verdicts {
		has := func(of verify.Weakness) bool { return of.Setting == w.Setting }
		if verdict.Container.Runtime == runtime && slices.ContainsFunc(verdict.Weaknesses, has) {
			names = append(names, verify.Printable(verdict.Container.Name))
		}
	}
	return names
}

// nameSome lists the first names, and says how many more there are.
func nameSome(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

func weakRemedy(w verify.Weakness, runtime string) string {
	switch {
	case w.Where == verify.InAnnotation && strings.HasPrefix(w.Setting, "--"):
		return "create the container again without that annotation, and remove --allow-flag-override from the runtime's arguments if it is set"
	case w.Where == verify.InAnnotation || w.Where == verify.InDevices:
		return "create the container again without that"
	case strings.HasPrefix(w.Setting, "--nvidia-driver-version"):
		return "create the container again without GPUs, and remove --nvproxy from the runtime's arguments if it is set"
	}
	return removeArgument(w, runtime) + ", and restart the container"
}

func removeArgument(w verify.Weakness, runtime string) string {
	return fmt.Sprintf("remove %s from docker.runtimes.%s.args (or from runtimeArgs in daemon.json), then run sudo runsc-provisioner apply", w.Setting, verify.Printable(runtime))
}
