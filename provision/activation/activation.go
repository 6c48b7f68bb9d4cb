// Package activation compares daemon.json with what dockerd is known to run with: which options a restart or a
// reload would bring into effect beside ours, and which runtimes and authorization plugins dockerd would lose.
//
// It is pure. An option that dockerd is not known to run with counts as one that it does not run with.
package activation

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/capability"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/dataroot"
	"runsc-provisioner/provision/host"
)

// ByRestart names the options of daemon.json that only a restart of Docker brings into effect, and
// that dockerd is not known to run with. userns-remap, which is ours, is not among them.
func ByRestart(o host.Observed) []string {
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
		return o.NextDataRoot == dataroot.Of(info), o.NextDataRoot != "" && info.RootDir != ""
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

// ByReload names the options of daemon.json that a reload of doc brings into effect, and that dockerd
// is not known to run with. Our own runtimes, and a default runtime that c sets, are not among them.
func ByReload(c config.Config, o host.Observed, doc daemonjson.Document) []string {
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

func jsonOf(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // a bool and strings always encode
	}
	return daemonjson.Spelled(text)
}
