package plan

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
)

// activatedByRestart names the options of daemon.json that a restart of Docker, and
// nothing less, would bring into effect: those that dockerd is not known to run
// with. userns-remap, which is ours, is not among them.
func activatedByRestart(o host.Observed) []string {
	now, digests := o.File.Doc.Options(), host.Digests(o.Loaded.Invocation, o.File.Doc)
	options := map[string]bool{host.OptionDataRoot: true}
	for _, known := range []map[string]string{digests, o.Loaded.Started} {
		for option := range known {
			options[option] = true
		}
	}
	var all []string
	for _, option := range slices.Sorted(maps.Keys(options)) {
		if host.IsHot(option) || option == config.ItemUsernsRemap || option == host.OptionGraph && o.NextRoot != "" {
			continue
		}
		same := o.Loaded.Started != nil && digests[option] == o.Loaded.Started[option]
		value, set := now[option]
		if told, says := runsWith(o, option, value, set); says {
			same = told
		} else if o.Loaded.Started == nil {
			same = !set
		}
		if !same {
			all = append(all, option)
		}
	}
	return all
}

// runsWith asks what dockerd says of itself: whether it runs with an option as
// daemon.json has it, where it tells.
func runsWith(o host.Observed, option, value string, set bool) (same, says bool) {
	info := *o.Engine
	switch option {
	case host.OptionDataRoot:
		return o.NextRoot == host.DataRootOf(info), o.NextRoot != "" && info.RootDir != ""
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
			return on == info.Snapshotter, true
		}
		// dockerd decides by its version; before 29 it is off unless it is named.
		major, err := strconv.Atoi(strings.SplitN(info.Version, ".", 2)[0])
		return true, err == nil && major < 29 && !info.Snapshotter
	}
	return false, false
}

// activatedByReload names the other options of daemon.json that a reload of doc
// brings into effect: those that dockerd is not known to run with. Our own
// runtimes, and a default that c names, are not among them.
func activatedByReload(c config.Config, o host.Observed, doc daemonjson.Document) []string {
	info, hot := *o.Engine, o.Loaded.Hot()
	now, digests := doc.Options(), host.Digests(o.Loaded.Invocation, doc)
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

func jsonOf(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // a bool and strings always encode
	}
	return daemonjson.Spelled(text)
}

// runtimesActivated are the runtimes, not ours, that doc has otherwise than
// dockerd, and those that dockerd forgets because doc has them no more.
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

// builtIn reports whether dockerd knows a runtime by itself. 20.10 forgets those
// with a dot on each reload of a file with runtimes [20.10.24].
func builtIn(name string) bool { return name == config.RuncRuntime || strings.Contains(name, ".") }

// foreignMatches reports whether dockerd has a runtime as daemon.json defines it.
// Which shim it has is told from 23.0 on.
func foreignMatches(got engine.Runtime, want daemonjson.Runtime) bool {
	if want.Path == "" {
		return got.Path == "" && (got.Type == "" || got.Type == want.Type)
	}
	return got.Path == want.Path && slices.Equal(got.Args, want.Args)
}

// heldByActivation holds a restart that would bring into effect more than what it is
// for. There is no consent to it: who wrote those options knows what they do.
func (g Goal) heldByActivation() Held {
	options := activatedByRestart(g.Observed)
	if len(options) == 0 {
		return Held{}
	}
	return g.heldRemap("the restart of Docker that it needs would also bring into effect what " + g.Observed.File.Path +
		" has and dockerd does not run with: " + strings.Join(options, ", ") +
		"; restart Docker yourself (systemctl restart " + g.Observed.Unit.Name + ") if they are right, or take them back, then run apply again")
}

// warnOfActivated names in the plan what its reloads and restarts bring into effect
// besides.
func (p *planner) warnOfActivated(final daemonjson.Document) {
	if p.plan.Disruption() == config.DisruptionNone {
		return
	}
	options := activatedByReload(p.Config, p.Observed, final)
	if len(options) == 0 {
		return
	}
	p.plan.Activates = options
	p.warn("the " + p.plan.Disruption().String() + " also brings into effect what " + p.Observed.File.Path +
		" has and dockerd is not known to have loaded: " + strings.Join(options, ", "))
}
