package plan

import (
	"maps"
	"path/filepath"
	"slices"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/runtimes"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/verify"
)

// ProofSteps prove the runtime called name as dockerd has it now. The error is a *blocked.Refused if dockerd
// lacks the runtime, or if the runtime runs something other than an installed release.
func ProofSteps(c config.Config, name string, o host.Observed) ([]steps.Step, error) {
	runtime, known := o.Engine.Runtimes[name]
	if !known {
		return nil, blocked.Refuse("runtime "+name, "dockerd does not have it: run apply first")
	}
	for _, r := range o.Releases {
		if filepath.Clean(runtime.Path) != r.Runsc {
			continue
		}
		return []steps.Step{
			steps.Prove{Release: r.Name, Runtime: name, Args: slices.Clone(runtime.Args), CgroupDriver: o.Engine.CgroupDriver},
			steps.ProveInDocker{Release: r.Name, Runtime: name, Args: slices.Clone(runtime.Args), Writes: writesPromised(c, o, r.Name, name)},
		}, nil
	}
	return nil, blocked.Refuse("runtime "+name, "dockerd runs %s for it, which is not an installed release: run apply first", runtime.Path)
}

// writesPromised is what the configuration promises for a runtime that it manages. For others it is what
// dockerd's arguments give.
func writesPromised(c config.Config, o host.Observed, release, name string) verify.Writes {
	if _, managed := c.Docker.Runtimes[name]; managed {
		return runtimes.ArgumentsOf(c, o, release, name).Writes
	}
	return verify.WritesUnder(release, o.Engine.Runtimes[name].Args)
}

// RuntimeMatches reports whether dockerd runs a runtime of ours as want defines it.
func RuntimeMatches(got engine.Runtime, want daemonjson.Runtime) bool {
	return got.Path == want.Path && slices.Equal(got.Args, want.Args)
}

// addUnproven adds to names the runtimes that need a proof although daemon.json has them already: those that
// dockerd has not loaded in that form, so that a reload would load an untested edit; and those that dockerd
// has loaded with arguments that were never proven, or that failed the last proof.
func (g Goal) addUnproven(names []string, want steps.Settings) []string {
	for _, name := range slices.Sorted(maps.Keys(want.Runtimes)) {
		if slices.Contains(names, name) {
			continue
		}
		got, known := g.Observed.Engine.Runtimes[name]
		switch {
		case !known, !RuntimeMatches(got, want.Runtimes[name]):
			names = append(names, name)
		case !g.options.NoProof && (!g.EverProven(got.Args) || g.ProofFailed(got.Args)):
			names = append(names, name)
		}
	}
	return names
}

// allProven reports whether each of the runtimes has a proof that still counts.
func (g Goal) allProven(names []string, remapped bool) bool {
	if g.Observed.Engine == nil || g.Current.ManifestDigest == "" {
		return len(names) == 0
	}
	return !slices.ContainsFunc(names, func(name string) bool {
		return !g.Observed.Proofs[g.proofKey(g.argsOf(name), remapped)]
	})
}

// EverProven reports whether the current release was ever proven with args, also under another dockerd. It is
// true if this user may not read the proofs.
func (g Goal) EverProven(args []string) bool {
	if g.Observed.Proofs == nil {
		return true
	}
	return g.Observed.Proofs[state.PastProofKey(g.Current.ManifestDigest, args, g.Observed.BootAndMount)] ||
		g.Observed.Proofs[g.proofKey(args, g.Observed.Engine.UsernsRemap)]
}

// ProofFailed reports whether the last proof with args failed.
func (g Goal) ProofFailed(args []string) bool {
	return g.Observed.FailedProofs[g.proofKey(args, g.Observed.Engine.UsernsRemap)]
}

// proofKey is the key of a proof of the current release with args, under this dockerd, with userns-remap or
// without.
func (g Goal) proofKey(args []string, remapped bool) string {
	return state.ProofKey(g.Current.ManifestDigest, args, g.Observed.Engine.Version, g.Observed.BootAndMount, remapped, verify.WritesUnder(g.Current.Name, args))
}
