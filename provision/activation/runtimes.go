package activation

import (
	"maps"
	"slices"
	"strings"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
)

// runtimesActivated are the runtimes, not ours, that differ between doc and dockerd, and those that dockerd
// loses because doc lacks them.
func runtimesActivated(c config.Config, info engine.Info, doc daemonjson.Document) []string {
	var all []string
	defined := doc.Runtimes()
	for name, want := range defined {
		_, ours := c.Docker.Runtimes[name]
		got, known := info.Runtimes[name]
		if !ours && !(known && SameRuntime(got, want)) {
			all = append(all, config.RuntimeItem(name))
		}
	}
	for name := range info.Runtimes {
		_, ours := c.Docker.Runtimes[name]
		if _, has := defined[name]; !has && !ours && !BuiltIn(name) {
			all = append(all, config.RuntimeItem(name))
		}
	}
	return all
}

// BuiltIn reports whether dockerd itself defines a runtime. 20.10 forgets those with a dot on each reload of a
// file with runtimes [20.10.24].
func BuiltIn(name string) bool { return name == config.RuncRuntime || strings.Contains(name, ".") }

// SameRuntime reports whether dockerd has a runtime as daemon.json defines it. dockerd 23.0 and 24.0 report
// the shim of a runtime. From 25.0 on it has one and does not report it, and 20.10 does not know shims.
func SameRuntime(got engine.Runtime, want daemonjson.Runtime) bool {
	if want.Path == "" {
		return got.Path == "" && (got.Type == "" || got.Type == want.Type)
	}
	return got.Path == want.Path && slices.Equal(got.Args, want.Args)
}

// ForgottenRuntimes names the runtimes that dockerd has from its flags and loses on a reload of doc. If
// daemon.json has runtimes, dockerd then has those and no others until it is restarted (20.10.24, 26.1.5,
// moby daemon/reload_unix.go). A runtime that doc defines in the same way is not lost.
func ForgottenRuntimes(o host.Observed, doc daemonjson.Document) []string {
	if !doc.Has("runtimes") {
		return nil
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(o.Flags.AddRuntimes)) {
		got, known := o.Engine.Runtimes[name]
		if want, defined := doc.Runtimes()[name]; known && !(defined && SameRuntime(got, want)) {
			names = append(names, name)
		}
	}
	return names
}

// ForeignRuntimes are the runtimes, not ours, that dockerd must still have after it has read doc: those that it
// has now, except those that another program has removed from doc or defined differently there.
func ForeignRuntimes(c config.Config, o host.Observed, doc daemonjson.Document) map[string]engine.Runtime {
	kept := map[string]engine.Runtime{}
	for name, got := range o.Engine.Runtimes {
		if _, ours := c.Docker.Runtimes[name]; ours || BuiltIn(name) {
			continue
		}
		_, flag := o.Flags.AddRuntimes[name]
		want, defined := doc.Runtimes()[name]
		if defined && SameRuntime(got, want) || !defined && flag {
			kept[name] = got
		}
	}
	return kept
}
