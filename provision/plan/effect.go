package plan

import (
	"maps"
	"slices"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/verify"
)

// RuntimeMatches reports whether dockerd runs a runtime of ours as it is defined.
func RuntimeMatches(got engine.Runtime, want daemonjson.Runtime) bool {
	return got.Path == want.Path && slices.Equal(got.Args, want.Args)
}

// addUnproven adds to names the runtimes that need a proof although daemon.json has
// them already: those that dockerd has otherwise, so that a reload brings an edit
// of daemon.json into effect that no one has tried, and those that dockerd has
// loaded with arguments that no container was ever seen to start with, or that
// failed when they were last tried.
func (g Goal) addUnproven(names []string, want Settings) []string {
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

// EverProven reports whether a proof of the release with args is remembered, of
// whatever time, or may not be asked for.
func (g Goal) EverProven(args []string) bool {
	if g.Observed.Proofs == nil {
		return true
	}
	manifest := g.Current.ManifestDigest
	if g.Observed.Proofs[state.EverKey(manifest, args, g.Observed.Since)] {
		return true
	}
	return g.Observed.Proofs[g.proofKeyOf(args, g.Observed.Engine.UsernsRemap)]
}

// ProofFailed reports whether a container with args did not start when that was last
// tried.
func (g Goal) ProofFailed(args []string) bool {
	return g.Observed.Failed[g.proofKeyOf(args, g.Observed.Engine.UsernsRemap)]
}

// proofKeyOf is the key of a proof of the current release with args, under this
// dockerd, with userns-remap or without.
func (g Goal) proofKeyOf(args []string, remapped bool) string {
	return state.ProofKey(g.Current.ManifestDigest, args, g.Observed.Engine.Version, g.Observed.Since, remapped, verify.WritesUnder(g.Current.Name, args))
}

// holdFailed holds a reload that would once more bring into effect an edit of
// daemon.json under which no container started. Only who asks for it tries again.
func (p *planner) holdFailed(all Settings) bool {
	if p.options.Unattended == nil {
		return false
	}
	for _, name := range slices.Sorted(maps.Keys(all.Runtimes)) {
		want := all.Runtimes[name]
		if p.ProofFailed(want.Args) && !RuntimeMatches(p.Observed.Engine.Runtimes[name], want) {
			p.hold(Held{What: config.RuntimeItem(name), Why: "dockerd has not loaded its arguments in " + p.Observed.File.Path +
				": a container that was started with them failed; change them, or try them again with `runsc-provisioner apply`"})
			return true
		}
	}
	return false
}
