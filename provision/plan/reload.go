package plan

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/steps"
)

// holdForbidden holds a reload that needs more disruption than this run may cause, or that would only undo
// what another program keeps changing in dockerd.
func (p *planner) holdForbidden(at, final daemonjson.Document, all steps.Settings) bool {
	missing := all.Missing(*p.Observed.Engine)
	if !Differ(at, final) && (missing == nil || p.holdContested(config.ItemDockerd)) {
		return missing != nil
	}
	reason := p.options.objection(config.DisruptionReload)
	if reason == "" {
		return false
	}
	p.hold(steps.Held{What: p.describeReload(at, final, all), Why: reason})
	return true
}

// holdUnsafe holds a reload that would take away or break something that dockerd has.
func (p *planner) holdUnsafe(at, registered, final daemonjson.Document, all steps.Settings, restart bool) bool {
	if !Differ(at, final) && all.Missing(*p.Observed.Engine) == nil {
		return false
	}
	if p.holdAuthorization(at, final, all) {
		p.beforeDocker = nil
		return true
	}
	proven := p.allProven(p.uncontestedNames(), p.Observed.Engine.UsernsRemap)
	if restart && !Differ(at, registered) && proven && len(p.notTaken(at)) == 0 {
		return false // a restart reads the flags again, and no reload comes before it
	}
	if p.holdForgetting(at, final, all) || !Differ(at, registered) && p.holdFailed(all) {
		p.beforeDocker = nil
		return true
	}
	return false
}

// forgottenByReload names the runtimes that dockerd has from its flags and loses on a reload of doc. If
// daemon.json has runtimes, dockerd then has those and no others until it is restarted (20.10.24, 26.1.5,
// moby daemon/reload_unix.go). A runtime that doc defines in the same way is not lost.
func forgottenByReload(o host.Observed, doc daemonjson.Document) []string {
	if !doc.Has("runtimes") {
		return nil
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(o.Flags.AddRuntimes)) {
		got, known := o.Engine.Runtimes[name]
		if want, defined := doc.Runtimes()[name]; known && !(defined && foreignMatches(got, want)) {
			names = append(names, name)
		}
	}
	return names
}

// holdForgetting holds a reload after which dockerd would lack runtimes of its flags.
func (p *planner) holdForgetting(at, final daemonjson.Document, all steps.Settings) bool {
	names := slices.DeleteFunc(forgottenByReload(p.Observed, final), func(name string) bool {
		return slices.Contains(p.uncontestedNames(), name)
	})
	if len(names) == 0 {
		return false
	}
	runtimes := map[string]any{}
	var flags []string
	for _, name := range names {
		path := p.Observed.Engine.Runtimes[name].Path
		if path == "" {
			path = p.Observed.Flags.AddRuntimes[name]
		}
		runtimes[name] = map[string]string{"path": path}
		flags = append(flags, "--add-runtime="+name)
	}
	text, err := json.Marshal(runtimes)
	if err != nil {
		panic(err) // strings always encode
	}
	p.hold(steps.Held{What: p.describeReload(at, final, all), Why: fmt.Sprintf("a reload would make dockerd forget the runtimes of its flags (%s), and their containers would not start: "+
		`add "runtimes": %s to %s and run apply again; the flags may stay`, strings.Join(flags, ", "), text, p.Observed.File.Path)})
	return true
}

// holdFailed holds a reload that would load arguments of daemon.json with which a container failed to start.
// The daemon does not try them again; a person may.
func (p *planner) holdFailed(all steps.Settings) bool {
	if p.options.Unattended == nil {
		return false
	}
	for _, name := range slices.Sorted(maps.Keys(all.Runtimes)) {
		want := all.Runtimes[name]
		if p.ProofFailed(want.Args) && !RuntimeMatches(p.Observed.Engine.Runtimes[name], want) {
			p.hold(steps.Held{What: config.RuntimeItem(name), Why: "dockerd has not loaded its arguments in " + p.Observed.File.Path +
				": a container started with them failed; change them, or try them again with `runsc-provisioner apply`"})
			return true
		}
	}
	return false
}

// describeReload says what a reload is for.
func (g Goal) describeReload(at, final daemonjson.Document, all steps.Settings) string {
	if what := g.describeWrite(at, final); what != "" {
		return what
	}
	return "dockerd: " + all.Missing(*g.Observed.Engine).Error()
}

// foreignRuntimes are the runtimes, not ours, that dockerd must still have after it has read doc: those that it
// has now, except those that another program has removed from doc or defined differently there.
func foreignRuntimes(c config.Config, o host.Observed, doc daemonjson.Document) map[string]engine.Runtime {
	kept := map[string]engine.Runtime{}
	for name, got := range o.Engine.Runtimes {
		if _, ours := c.Docker.Runtimes[name]; ours || builtIn(name) {
			continue
		}
		_, flag := o.Flags.AddRuntimes[name]
		want, defined := doc.Runtimes()[name]
		if defined && foreignMatches(got, want) || !defined && flag {
			kept[name] = got
		}
	}
	return kept
}
