package plan

import (
	"slices"
	"strings"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/activation"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/steps"
)

// notTaken names the options of at, which is daemon.json, that only a reload can prove harmless: a reload
// brings them into effect, and dockerd is not known to run with them. dockerd may not start with their values:
// --validate passes some of them (26.1), and 20.10 has no --validate. A reload refuses such a value.
func (p *planner) notTaken(at daemonjson.Document) []string {
	options, runtimes := at.Options(), at.Runtimes()
	return slices.DeleteFunc(activation.ByReload(p.Config, p.Observed, at), func(name string) bool {
		runtime, is := strings.CutPrefix(name, config.RuntimePrefix)
		_, set := options[name]
		_, defined := runtimes[runtime]
		return !(set || is && defined)
	})
}

// liveRestoreThen reports whether dockerd has live-restore at the time of a restart: a reload of daemon.json
// may come before it.
func (g Goal) liveRestoreThen() bool {
	if value, set := g.Observed.File.Doc.Options()[host.OptionLiveRestore]; set && value != "false" {
		return true
	}
	return g.Observed.Engine.LiveRestore
}

// heldByActivation holds a restart that would also bring other options into effect. No flag allows it: the
// user who wrote those options must decide.
func (g Goal) heldByActivation() steps.Held {
	options := activation.ByRestart(g.Observed)
	if len(options) == 0 {
		return steps.Held{}
	}
	return g.heldRemap("the restart of Docker that it needs would also bring into effect options of " + g.Observed.File.Path +
		" that dockerd does not run with: " + strings.Join(options, ", ") +
		"; if they are right, restart Docker yourself (systemctl restart " + g.Observed.Unit.Name + "), if not, remove them; then run apply again")
}

// warnOfActivated names the other options that the plan's reloads and restarts bring into effect.
func (p *planner) warnOfActivated(final daemonjson.Document) {
	if p.plan.Disruption() == config.DisruptionNone {
		return
	}
	options := activation.ByReload(p.Config, p.Observed, final)
	if len(options) == 0 {
		return
	}
	p.plan.Activates = options
	by := p.plan.Disruption()
	if slices.ContainsFunc(p.plan.Steps, func(s steps.Step) bool { return s.Kind().Disruption == config.DisruptionReload }) {
		by = config.DisruptionReload
	}
	p.warn("the " + by.String() + " also brings into effect options of " + p.Observed.File.Path +
		" that dockerd may not have loaded yet: " + strings.Join(options, ", "))
}
