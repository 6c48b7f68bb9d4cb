package plan

import (
	"path/filepath"
	"slices"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/verify"
)

// ProofSteps is what proves the runtime called name.
func ProofSteps(c config.Config, name string, o host.Observed) ([]Step, error) {
	runtime, known := o.Engine.Runtimes[name]
	if !known {
		return nil, blocked.Refuse("runtime "+name, "dockerd does not know it: run apply first")
	}
	for _, r := range o.Releases {
		if filepath.Clean(runtime.Path) != r.Runsc {
			continue
		}
		return []Step{
			Prove{Release: r.Name, Runtime: name, Args: slices.Clone(runtime.Args), CgroupDriver: o.Engine.CgroupDriver},
			ProveInDocker{Release: r.Name, Runtime: name, Args: slices.Clone(runtime.Args), Writes: writesPromised(c, o, r.Name, name)},
		}, nil
	}
	return nil, blocked.Refuse("runtime "+name, "dockerd runs %s for it, which is no installed release: run apply first", runtime.Path)
}

// writesPromised is what a proof by hand is held against: what the configuration promises
// of a runtime that it manages, or else what the arguments of dockerd's say.
func writesPromised(c config.Config, o host.Observed, release, name string) verify.Writes {
	if _, managed := c.Docker.Runtimes[name]; managed {
		return ArgumentsOf(c, o, release, name).Writes
	}
	return verify.WritesUnder(release, o.Engine.Runtimes[name].Args)
}
