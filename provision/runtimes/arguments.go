// Package runtimes decides, from values alone, which arguments a runtime of ours gets. It is the only place that does. They
// follow from the configuration, from daemon.json, and from who registered the runtime.
package runtimes

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/verify"
)

// Origin says who registered a runtime.
type Origin int

// The origins.
const (
	// Created: this program did, and decides whether a container's writes are kept.
	Created Origin = iota
	// Adopted: the runtime is older than this program, and keeps its arguments. If it ran a program that
	// is not runsc of a release, nothing tells what became of writes, and they are kept.
	Adopted
)

// Arguments are those that a runtime shall have, and where they come from.
type Arguments struct {
	List   []string
	Origin Origin
	// Assumed says that Origin follows from daemon.json, because no record tells it.
	Assumed bool
	Writes  verify.Writes
	// Replaced is the program of an adopted runtime, or its runtimeType, if that is not runsc of a release
	// and its arguments set no overlay; otherwise "". It may add arguments of its own: a wrapper does.
	Replaced string
	// Explicit are arguments of the configuration that lose writes and override the default of an unset
	// rootfs.
	Explicit []string
}

// ArgumentsOf computes the arguments of the runtime called name under a release. It takes those of the
// configuration; or else those of daemon.json; or else, for an adopted runtime that another program removed,
// those that it had before. It then applies the configured rootfs.
func ArgumentsOf(c config.Config, o host.Observed, release, name string) Arguments {
	want := c.Docker.Runtimes[name]
	inFile, registered := o.File.Doc.Runtimes()[name]
	a := Arguments{List: want.Args}
	a.Origin, a.Assumed = OriginOf(c, o, name)
	switch {
	case want.Args != nil:
	case registered:
		a.List = inFile.Args
	case a.Origin == Adopted:
		before, _ := o.Before.Runtime(o.File.Path, name)
		a.List = before.Args
	}
	if a.Origin == Adopted {
		a.Replaced = replaced(o, name)
	}
	byDefault := a.Origin == Created || a.Replaced != ""
	switch set := verify.OverlayArgs(want.Args); {
	case want.Rootfs == config.RootfsSandbox && len(set) > 0: // Config.Validate saw that they agree
	case want.Rootfs != "":
		a.List = verify.Keep(release, a.List, want.Writes())
	case byDefault && len(set) > 0 && verify.WritesOf(want.Args) == verify.WritesLost:
		a.Explicit = set
	case byDefault:
		a.List = verify.Keep(release, a.List, verify.WritesKept)
	}
	a.Writes = verify.WritesUnder(release, a.List)
	return a
}

// OriginOf says who registered the runtime called name: by the record, or else by daemon.json. Without a
// record, a runtime with a release's path counts as registered by this program if it has no arguments except
// those of verify.Keep and those of the configuration.
func OriginOf(c config.Config, o host.Observed, name string) (origin Origin, assumed bool) {
	if key, ok := o.Before.Key(o.File, config.RuntimeItem(name)); ok {
		if key.Present {
			return Adopted, key.Assumed
		}
		return Created, key.Assumed
	}
	inFile, registered := o.File.Doc.Runtimes()[name]
	if !registered {
		return Created, false
	}
	own := verify.OnlyKept(inFile.Args) || slices.Equal(verify.WithoutRootfs(inFile.Args), verify.WithoutRootfs(c.Docker.Runtimes[name].Args))
	if own && isBelowStore(o, inFile.Path) {
		return Created, true
	}
	return Adopted, true
}

// Definition is the entry of a runtime that this program has not registered itself: as it was recorded, or
// else as daemon.json has it.
func Definition(o host.Observed, name string) (daemonjson.Runtime, bool) {
	if key, ok := o.Before.Key(o.File, config.RuntimeItem(name)); ok && key.Present {
		return o.Before.Runtime(o.File.Path, name)
	}
	entry, registered := o.File.Doc.Runtimes()[name]
	return entry, registered
}

// replaced is Arguments.Replaced of an adopted runtime. An overlay among its arguments decides, because they
// come after those that a wrapper adds.
func replaced(o host.Observed, name string) string {
	entry, found := Definition(o, name)
	if !found || RunsRelease(o, entry.Path) || len(verify.OverlayArgs(entry.Args)) > 0 {
		return ""
	}
	return steps.PathOrType(entry)
}

// isBelowStore reports whether path is in a store of releases, the current or an earlier one.
func isBelowStore(o host.Observed, path string) bool {
	return IsBelow(o.Store, path) || slices.ContainsFunc(o.EarlierStores, func(dir string) bool { return IsBelow(dir, path) })
}

// IsBelow reports whether a clean path is below a directory.
func IsBelow(dir, path string) bool { return strings.HasPrefix(path, dir+"/") }

// RunsRelease reports whether a path leads to runsc of a release: it is below the store, or our link.
func RunsRelease(o host.Observed, path string) bool {
	path = filepath.Clean(path)
	return isBelowStore(o, path) || o.Link.Kind == release.LinkOurs && path == o.Link.Path
}

// UnreadSettings says why a runtime must not be replaced yet: settings of its shim may isolate containers, and
// no arguments are configured that could take their place. It is "" if the runtime may be replaced.
func UnreadSettings(c config.Config, o host.Observed, name string) string {
	if c.Docker.Runtimes[name].Args != nil {
		return ""
	}
	entry, registered := o.File.Doc.Runtimes()[name]
	if !registered {
		entry, _ = Definition(o, name)
	}
	if entry.Path != "" || len(entry.Options) == 0 {
		return ""
	}
	return fmt.Sprintf("it is registered by %s, which may isolate its containers further (network = \"none\" in a runsc.toml), and this program does not read that: "+
		"set docker.runtimes.%s.args to the arguments of runsc that it must have, such as [\"--network=none\"], or to []", steps.PathOrType(entry), name)
}
