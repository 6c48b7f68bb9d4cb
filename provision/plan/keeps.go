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
)

// forgottenByReload names the runtimes that dockerd has from its flags and forgets on a
// reload of doc: with runtimes in daemon.json it has those and no others
// (20.10.24, 26.1.5, moby daemon/reload_unix.go), until it is restarted. One that
// doc defines as dockerd has it is not among them, nor one that is forgotten
// already.
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

// holdForgetting holds a reload that would make dockerd forget runtimes.
func (p *planner) holdForgetting(at, final daemonjson.Document, all Settings) bool {
	names := forgottenByReload(p.Observed, final)
	names = slices.DeleteFunc(names, func(name string) bool { return slices.Contains(p.uncontestedNames(), name) })
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
	p.hold(Held{What: p.describeReload(at, final, all), Why: fmt.Sprintf("a reload would make dockerd forget what it has from its flags (%s), and containers of it would not start: "+
		`add "runtimes": %s to %s, where the flag may stay, and run apply again`, strings.Join(flags, ", "), text, p.Observed.File.Path)})
	return true
}

// flagAuthorization names plugins that decide who may ask dockerd for what.
const flagAuthorization = "authorization-plugin"

// holdAuthorization holds a reload that would turn off the authorization plugins
// that dockerd has from its flags: it goes on with those of daemon.json alone
// (SetPlugins in moby's reloadConfig, 20.10 to 29).
func (p *planner) holdAuthorization(at, final daemonjson.Document, all Settings) bool {
	if p.Observed.Flags.Set[flagAuthorization] == "" || final.Has("authorization-plugins") {
		return false
	}
	p.hold(Held{What: p.describeReload(at, final, all), Why: "a reload would turn off the authorization plugins that dockerd has from --" + flagAuthorization +
		`: move them to "authorization-plugins" in ` + p.Observed.File.Path + ", restart Docker, and run apply again"})
	return true
}

// describeReload says what a reload is needed for.
func (g Goal) describeReload(at, final daemonjson.Document, all Settings) string {
	if what := g.describeWrite(at, final); what != "" {
		return what
	}
	return "dockerd: " + all.Missing(*g.Observed.Engine).Error()
}

// foreignRuntimes are the runtimes, not ours, that dockerd has to have once it has read
// doc: all that it has, but those that doc takes away or defines otherwise, which
// is another program's edit.
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

// CheckKept says which of the runtimes in kept dockerd has no more.
func CheckKept(kept map[string]engine.Runtime, info engine.Info) error {
	for _, name := range slices.Sorted(maps.Keys(kept)) {
		want := kept[name]
		got, known := info.Runtimes[name]
		switch {
		case !known:
			return fmt.Errorf("it has forgotten the runtime %s", name)
		case got.Path != want.Path || got.Type != want.Type || !slices.Equal(got.Args, want.Args):
			return fmt.Errorf("its runtime %s is not what it was", name)
		}
	}
	return nil
}
