package plan

import (
	"slices"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/verify"
)

// Origin says who registered a runtime.
type Origin int

// Who may have.
const (
	// Created: this program, which sets what becomes of a container's writes.
	Created Origin = iota
	// Adopted: it was there before, and keeps its arguments.
	Adopted
)

// Arguments are those that a runtime is to have, and how they came about.
type Arguments struct {
	List   []string
	Origin Origin
	// Assumed says that no record tells the origin, but what daemon.json has.
	Assumed bool
	Writes  verify.Writes
	// Explicit are arguments of the configuration that lose writes, and go before
	// the default of an unset rootfs.
	Explicit []string
}

// ArgumentsOf settles the arguments of the runtime called name, under a release.
// They are those of the configuration, or else those that daemon.json has, or else,
// of an adopted runtime that was removed there, those that it had before. What
// becomes of a container's writes is then set by rootfs. It is pure, and the one
// place where arguments are settled.
func ArgumentsOf(c config.Config, o host.Observed, release, name string) Arguments {
	want := c.Docker.Runtimes[name]
	there, registered := o.File.Doc.Runtimes()[name]
	a := Arguments{List: want.Args}
	a.Origin, a.Assumed = originOf(c, o, name)
	switch {
	case want.Args != nil:
	case registered:
		a.List = there.Args
	case a.Origin == Adopted:
		a.List = o.Before.ArgsOf(o.File.Path, name)
	}
	switch set := verify.OverlayArgs(want.Args); {
	case want.Rootfs == config.RootfsSandbox && len(set) > 0: // they say the same: Config.Validate
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

// originOf says who registered the runtime called name: by the record, or, where
// it has nothing of it, by what daemon.json has. Without a record, a release's own
// path counts as registered by this program if it has no arguments but those of
// verify.Keep and those that the configuration names.
func originOf(c config.Config, o host.Observed, name string) (origin Origin, assumed bool) {
	if key, ok := o.Before.Key(o.File, config.RuntimeItem(name)); ok {
		if key.Present {
			return Adopted, key.Assumed
		}
		return Created, key.Assumed
	}
	there, registered := o.File.Doc.Runtimes()[name]
	if !registered {
		return Created, false
	}
	own := verify.OnlyKept(there.Args) || slices.Equal(verify.WithoutRootfs(there.Args), verify.WithoutRootfs(c.Docker.Runtimes[name].Args))
	if own && isBelow(o.Store, there.Path) {
		return Created, true
	}
	return Adopted, true
}

// Arguments are those of a runtime under the current release.
func (g Goal) Arguments(name string) Arguments {
	return ArgumentsOf(g.Config, g.Observed, g.Current.Name, name)
}

// argsOf are those that the runtime will have.
func (g Goal) argsOf(name string) []string { return g.Arguments(name).List }

// WritesPromised is what the configuration promises of a container's writes under
// the runtime called name.
func (g Goal) WritesPromised(name string) verify.Writes { return g.Arguments(name).Writes }
