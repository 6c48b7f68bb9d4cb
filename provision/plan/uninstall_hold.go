package plan

import (
	"slices"
	"strings"

	"runsc-provisioner/provision/activation"
	"runsc-provisioner/provision/earlier"
	"runsc-provisioner/provision/steps"
)

// holdUnrecorded asks what was there before this program, instead of guessing.
func (p *planner) holdUnrecorded(items []string) {
	for _, item := range items {
		p.hold(steps.Held{What: item, Why: "no record says what " + p.Observed.File.Path + " had before this program; if it had nothing, give --assume-unset; " +
			"if it had something, write that into the file, then run uninstall again"})
	}
}

// holdFlag holds everything if dockerd's own flags name a runtime that goes away: dockerd would not start.
func (p *planner) holdFlag(before earlier.Settings) {
	name := p.Observed.Flags.DefaultRuntime
	if slices.Contains(before.Runtimes, name) && !activation.Defines(before.Doc, p.Observed.Flags, name) {
		p.hold(steps.Held{What: "--default-runtime=" + name, Why: "dockerd has it as a flag, and would not start without that runtime: remove the flag (systemctl edit " + p.Observed.Unit.Name + "), then run uninstall again"})
	}
}

// holdUsed holds everything while containers run under one of the runtimes, and names those that would not start again.
func (p *planner) holdUsed(runtimes []string) {
	var running, stopped, late []string
	for _, c := range p.options.Uninstall.Containers {
		switch {
		case c.Running && slices.Contains(p.options.Uninstall.Gone, c.Runtime) && !slices.Contains(runtimes, c.Runtime):
			late = append(late, c.Name)
		case !slices.Contains(runtimes, c.Runtime):
		case c.Running:
			running = append(running, c.Name)
		default:
			stopped = append(stopped, c.Name)
		}
	}
	if len(running) > 0 {
		p.hold(steps.Held{What: "runtime " + strings.Join(runtimes, ", "), Why: "containers run with it; stop them, then run uninstall again", Containers: running})
	}
	if len(late) > 0 {
		p.warn("these containers were started meanwhile, and stay in their sandboxes until they end: " + strings.Join(late, ", "))
	}
	if len(stopped) > 0 {
		p.warn("these containers were created with runtime " + strings.Join(runtimes, ", ") + " and do not start without it; remove them, or create them again afterwards: " + strings.Join(stopped, ", "))
	}
}

// heldRelease begins what is held because processes run from a release.
const heldRelease = "release "

// OnlyUseHolds reports whether processes that run from a release are all that holds a plan of NewUninstall.
func (p Plan) OnlyUseHolds() bool {
	return len(p.Held) > 0 && !slices.ContainsFunc(p.Held, func(h steps.Held) bool { return !strings.HasPrefix(h.What, heldRelease) })
}
