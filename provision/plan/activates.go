package plan

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/capability"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/steps"
)

// activatedByRestart names the options of daemon.json that only a restart of Docker brings into effect, and
// that dockerd is not known to run with. userns-remap, which is ours, is not among them.
func activatedByRestart(o host.Observed) []string {
	now, digests := o.File.Doc.Options(), host.OptionDigests(o.Loaded.Invocation, o.File.Doc)
	options := map[string]bool{host.OptionDataRoot: true}
	for _, some := range []map[string]string{digests, o.Loaded.Started} {
		for option := range some {
			options[option] = true
		}
	}
	var all []string
	for _, option := range slices.Sorted(maps.Keys(options)) {
		if host.CheckedOnReload(option) || option == config.ItemUsernsRemap || option == host.OptionGraph && o.NextDataRoot != "" {
			continue
		}
		same := o.Loaded.Started != nil && digests[option] == o.Loaded.Started[option]
		value, set := now[option]
		if inEffect, reported := reportedInEffect(o, option, value, set); reported {
			same = inEffect
		} else if o.Loaded.Started == nil {
			same = !set
		}
		if !same {
			all = append(all, option)
		}
	}
	return all
}

// reportedInEffect says whether dockerd runs with an option as daemon.json has it. reported is false if
// dockerd's API does not tell.
func reportedInEffect(o host.Observed, option, value string, set bool) (same, reported bool) {
	info := *o.Engine
	switch option {
	case host.OptionDataRoot:
		return o.NextDataRoot == host.DataRootOf(info), o.NextDataRoot != "" && info.RootDir != ""
	case host.OptionStorageDriver:
		return daemonjson.StringOf(value) == info.StorageDriver, set && info.StorageDriver != ""
	case host.OptionLogDriver:
		return daemonjson.StringOf(value) == info.LoggingDriver, set && info.LoggingDriver != ""
	case host.OptionFeatures:
		var features map[string]bool
		if set && json.Unmarshal([]byte(value), &features) != nil {
			return false, false
		}
		if on, named := features[host.FeatureSnapshotter]; named {
			// A dockerd that does not know the feature ignores it.
			return on == info.Snapshotter, capability.Of(info.Version).Can(capability.ContainerdStore)
		}
		// The default depends on dockerd's version: off before 29.
		major, err := strconv.Atoi(strings.SplitN(info.Version, ".", 2)[0])
		return true, err == nil && major < 29 && !info.Snapshotter
	}
	return false, false
}

// activatedByReload names the options of daemon.json that a reload of doc brings into effect, and that dockerd
// is not known to run with. Our own runtimes, and a default runtime that c sets, are not among them.
func activatedByReload(c config.Config, o host.Observed, doc daemonjson.Document) []string {
	info, hot := *o.Engine, o.Loaded.Hot()
	now, digests := doc.Options(), host.OptionDigests(o.Loaded.Invocation, doc)
	var all []string
	for _, option := range slices.Sorted(maps.Keys(now)) {
		if !host.IsHot(option) && option != host.OptionFeatures {
			continue
		}
		same := hot[option] == digests[option]
		switch option {
		case "runtimes":
			all = append(all, runtimesActivated(c, info, doc)...)
			continue
		case config.ItemDefaultRuntime:
			same = c.Docker.DefaultRuntime != "" || config.DefaultRuntimeIn(doc) == info.DefaultRuntime
		case "debug":
			same = now[option] == jsonOf(info.Debug)
		case host.OptionLiveRestore:
			same = now[option] == jsonOf(info.LiveRestore)
		case "labels":
			same = now[option] == jsonOf(append([]string{}, info.Labels...))
		}
		if !same {
			all = append(all, option)
		}
	}
	for option := range hot {
		if _, set := now[option]; !set && (host.ResetsOnReload(option) || option == host.OptionFeatures) {
			all = append(all, option)
		}
	}
	slices.Sort(all)
	return all
}

// notTaken names the options of at, which is daemon.json, that only a reload can prove harmless: a reload
// brings them into effect, and dockerd is not known to run with them. dockerd may not start with their values:
// --validate passes some of them (26.1), and 20.10 has no --validate. A reload refuses such a value.
func (p *planner) notTaken(at daemonjson.Document) []string {
	options, runtimes := at.Options(), at.Runtimes()
	return slices.DeleteFunc(activatedByReload(p.Config, p.Observed, at), func(name string) bool {
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

func jsonOf(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // a bool and strings always encode
	}
	return daemonjson.Spelled(text)
}

// runtimesActivated are the runtimes, not ours, that differ between doc and dockerd, and those that dockerd
// loses because doc lacks them.
func runtimesActivated(c config.Config, info engine.Info, doc daemonjson.Document) []string {
	var all []string
	defined := doc.Runtimes()
	for name, want := range defined {
		_, ours := c.Docker.Runtimes[name]
		got, known := info.Runtimes[name]
		if !ours && !(known && foreignMatches(got, want)) {
			all = append(all, config.RuntimeItem(name))
		}
	}
	for name := range info.Runtimes {
		_, ours := c.Docker.Runtimes[name]
		if _, has := defined[name]; !has && !ours && !builtIn(name) {
			all = append(all, config.RuntimeItem(name))
		}
	}
	return all
}

// builtIn reports whether dockerd itself defines a runtime. 20.10 forgets those with a dot on each reload of a
// file with runtimes [20.10.24].
func builtIn(name string) bool { return name == config.RuncRuntime || strings.Contains(name, ".") }

// foreignMatches reports whether dockerd has a runtime as daemon.json defines it. dockerd 23.0 and 24.0 report
// the shim of a runtime. From 25.0 on it has one and does not report it, and 20.10 does not know shims.
func foreignMatches(got engine.Runtime, want daemonjson.Runtime) bool {
	if want.Path == "" {
		return got.Path == "" && (got.Type == "" || got.Type == want.Type)
	}
	return got.Path == want.Path && slices.Equal(got.Args, want.Args)
}

// heldByActivation holds a restart that would also bring other options into effect. No flag allows it: the
// user who wrote those options must decide.
func (g Goal) heldByActivation() steps.Held {
	options := activatedByRestart(g.Observed)
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
	options := activatedByReload(p.Config, p.Observed, final)
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
