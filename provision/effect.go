package provision

import (
	"maps"
	"slices"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/verify"
)

// sameOfOurs reports whether dockerd runs a runtime of ours as it is defined.
func sameOfOurs(got engine.Runtime, want daemonjson.Runtime) bool {
	return got.Path == want.Path && slices.Equal(got.Args, want.Args)
}

// unseen adds to names the runtimes that need a proof although daemon.json has
// them already: those that dockerd has otherwise, so that a reload brings an edit
// of daemon.json into effect that no one has tried, and those that dockerd has
// loaded with arguments that no container was ever seen to start with, or that
// failed when they were last tried.
func (b *builder) unseen(names []string, want Confirm) []string {
	for _, name := range slices.Sorted(maps.Keys(want.Runtimes)) {
		if slices.Contains(names, name) {
			continue
		}
		got, known := b.observed.Engine.Runtimes[name]
		switch {
		case !known, !sameOfOurs(got, want.Runtimes[name]):
			names = append(names, name)
		case !b.options.NoProof && (!b.everProven(got.Args) || b.failed(got.Args)):
			names = append(names, name)
		}
	}
	return names
}

// everProven reports whether a proof of the release with args is remembered, of
// whatever time, or may not be asked for.
func (b *builder) everProven(args []string) bool {
	if b.observed.Proofs == nil {
		return true
	}
	manifest := b.current.ManifestDigest
	if b.observed.Proofs[state.EverKey(manifest, args, b.observed.Since)] {
		return true
	}
	return b.observed.Proofs[b.proofKeyOf(args, b.observed.Engine.UsernsRemap)]
}

// failed reports whether a container with args did not start when that was last
// tried.
func (b *builder) failed(args []string) bool {
	return b.observed.Failed[b.proofKeyOf(args, b.observed.Engine.UsernsRemap)]
}

// proofKeyOf is the key of a proof of the current release with args, under this
// dockerd, with userns-remap or without.
func (b *builder) proofKeyOf(args []string, remapped bool) string {
	return state.ProofKey(b.current.ManifestDigest, args, b.observed.Engine.Version, b.observed.Since, remapped, verify.WritesUnder(b.current.Name, args))
}

// failedHeld holds a reload that would once more bring into effect an edit of
// daemon.json under which no container started. Only who asks for it tries again.
func (b *builder) failedHeld(all Confirm) bool {
	if b.options.Unattended == nil {
		return false
	}
	for _, name := range slices.Sorted(maps.Keys(all.Runtimes)) {
		want := all.Runtimes[name]
		if b.failed(want.Args) && !sameOfOurs(b.observed.Engine.Runtimes[name], want) {
			b.hold(Held{What: config.RuntimeItem(name), Why: "dockerd has not loaded its arguments in " + b.observed.File.Path +
				": a container that was started with them failed; change them, or try them again with `runsc-provisioner apply`"})
			return true
		}
	}
	return false
}
