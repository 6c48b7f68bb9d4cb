package plan

import (
	"slices"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/verify"
)

// Origin says who registered a runtime.
type Origin int

// The origins.
const (
	// Created: this program did, and decides whether a container's writes are kept.
	Created Origin = iota
	// Adopted: the runtime is older than this program, and keeps its arguments.
	Adopted
)

// Arguments are those that a runtime shall have, and where they come from.
type Arguments struct {
	List   []string
	Origin Origin
	// Assumed says that Origin follows from daemon.json, because no record tells it.
	Assumed bool
	Writes  verify.Writes
	// Explicit are arguments of the configuration that lose writes and override the default of an unset
	// rootfs.
	Explicit []string
}

// ArgumentsOf computes the arguments of the runtime called name under a release. It takes those of the
// configuration; or else those of daemon.json; or else, for an adopted runtime that another program removed,
// those that it had before. It then applies the configured rootfs. It is pure, and the only place that
// decides arguments.
func ArgumentsOf(c config.Config, o host.Observed, release, name string) Arguments {
	want := c.Docker.Runtimes[name]
	inFile, registered := o.File.Doc.Runtimes()[name]
	a := Arguments{List: want.Args}
	a.Origin, a.Assumed = originOf(c, o, name)
	switch {
	case want.Args != nil:
	case registered:
		a.List = inFile.Args
	case a.Origin == Adopted:
		a.List = o.Before.RuntimeArgs(o.File.Path, name)
	}
	switch set := verify.OverlayArgs(want.Args); {
	case want.Rootfs == config.RootfsSandbox && len(set) > 0: // Config.Validate saw that they agree
	case want.Rootfs != "":
		a.List = verify.Keep(release, a.List, want.Writes())
	case a.Origin == Created && len(set) > 0 && verify.WritesOf(want.Args) == verify.WritesLost:
		a.Explicit = set
	case a.Origin == Created:
		a.List = verify.Keep(release, a.List, verify.WritesKept)
	}
	a.Writes = verify.WritesUnder(release, a.List)
	return a
}

// originOf says who registered the runtime called name: by the record, or else by daemon.json. Without a
// record, a runtime with a release's path counts as registered by this program if it has no arguments except
// those of verify.Keep and those of the configuration.
func originOf(c config.Config, o host.Observed, name string) (origin Origin, assumed bool) {
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
	if own && isBelow(o.Store, inFile.Path) {
		return Created, true
	}
	return Adopted, true
}

// Arguments are those of a runtime under the current release.
func (g Goal) Arguments(name string) Arguments {
	return ArgumentsOf(g.Config, g.Observed, g.Current.Name, name)
}

func (g Goal) argsOf(name string) []string { return g.Arguments(name).List }

// WritesPromised says whether a runtime shall keep a container's writes.
func (g Goal) WritesPromised(name string) verify.Writes { return g.Arguments(name).Writes }
