package checkup

import (
	"path/filepath"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/runtimes"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/verify"
)

// RuntimeWrites says whether Docker keeps the changes that containers make to their root file system, under a
// runtime of ours as dockerd has it now.
type RuntimeWrites struct {
	Runtime  string
	Writes   verify.Writes // by its arguments
	Promised verify.Writes // by the configuration
	// Loss says what is lost, and which setting changes that; "" if nothing is, or if the configuration
	// asks for it.
	Loss string
	// Proven says that a proof showed that Docker sees such changes, with this release, these arguments
	// and this dockerd, since the host was booted.
	Proven bool
}

// Kept reports whether Docker sees such changes, by the runtime's arguments.
func (w RuntimeWrites) Kept() bool { return w.Writes == verify.WritesKept }

// WritesInEffect has one entry for each runtime of ours that dockerd has. It is pure.
func WritesInEffect(c config.Config, o host.Observed) []RuntimeWrites {
	if o.Engine == nil {
		return nil
	}
	var all []RuntimeWrites
	for _, name := range c.RuntimeNames() {
		runtime, known := o.Engine.Runtimes[name]
		if !known {
			continue
		}
		w := RuntimeWrites{Runtime: name, Writes: verify.WritesOf(runtime.Args)}
		var current string
		if !runtimes.RunsRelease(o, runtime.Path) && len(verify.OverlayArgs(runtime.Args)) == 0 {
			w.Writes = verify.WritesUnknown
		} else if o.Link.Kind == release.LinkOurs && filepath.Clean(runtime.Path) == o.Link.Path {
			w.Writes = verify.WritesUnder(o.Link.Release, runtime.Args)
		}
		for _, r := range o.Releases {
			if filepath.Clean(runtime.Path) != r.Runsc {
				continue
			}
			current, w.Writes = r.Name, verify.WritesUnder(r.Name, runtime.Args)
			w.Proven = w.Kept() && o.Proofs[state.ProofKey(r.ManifestDigest, runtime.Args, o.Engine.Version, o.BootAndMount, o.Engine.UsernsRemap, verify.WritesKept)]
		}
		wanted := runtimes.ArgumentsOf(c, o, current, name)
		w.Promised, w.Loss = wanted.Writes, runtimes.DescribeLoss(c, name, wanted)
		all = append(all, w)
	}
	return all
}

// Known reports whether the runtime's arguments tell.
func (w RuntimeWrites) Known() bool { return w.Writes != verify.WritesUnknown }

// addTo adds w to the item of its runtime. A missing proof does not change the health here.
func (w RuntimeWrites) addTo(item *Item) {
	seen, health, remedy := "", Healthy, ""
	switch {
	case w.Proven:
		seen = "Docker sees what containers write (proven)"
	case w.Kept():
		seen = "Docker sees what containers write (by its arguments; not proven)"
	case !w.Known():
		seen = "whether docker cp, commit and diff see what containers write is unknown: that program decides"
	case w.Promised == verify.WritesLost && w.Loss != "":
		seen = w.Loss
	case w.Promised == verify.WritesLost:
		seen = "as configured, what containers write stays in the sandbox: docker cp, commit and diff do not see it"
	default:
		seen = "docker cp, commit and diff do not see what containers write, although the configuration promises it: dockerd runs with other arguments"
		health, remedy = Warning, ApplyRemedy
	}
	if item.Seen != "" {
		seen = item.Seen + "; " + seen
	}
	item.Seen, item.Health = seen, max(item.Health, health)
	if item.Remedy == "" {
		item.Remedy = remedy
	}
}
