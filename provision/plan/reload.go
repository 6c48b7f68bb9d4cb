package plan

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/activation"
	"runsc-provisioner/provision/config"
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

// holdAuthorization holds a reload, and a restart, that would change the authorization plugins of dockerd, or
// that may end dockerd.
//
// A reload keeps only the plugins of daemon.json (SetPlugins in moby's reloadConfig, 20.10 to 29). If dockerd
// does not find one of them, it searches for 15 s and then exits (Fatalf in reloadConfig).
func (p *planner) holdAuthorization(at, final daemonjson.Document, all steps.Settings) bool {
	reason := activation.AuthorizationObjection(p.Observed, final)
	if reason == "" {
		return false
	}
	p.hold(steps.Held{What: p.describeReload(at, final, all), Why: reason})
	return true
}

// holdForgetting holds a reload after which dockerd would lack runtimes of its flags.
func (p *planner) holdForgetting(at, final daemonjson.Document, all steps.Settings) bool {
	names := slices.DeleteFunc(activation.ForgottenRuntimes(p.Observed, final), func(name string) bool {
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
	if missing := all.Missing(*g.Observed.Engine); missing != nil {
		return "dockerd: " + missing.Error()
	}
	return g.Observed.File.Path + ": " + tidied
}
