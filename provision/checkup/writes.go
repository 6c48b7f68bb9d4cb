package checkup

import (
	"path/filepath"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/verify"
)

// RuntimeWrites says what becomes of the changes that containers make to their
// root file system under a runtime of ours, as dockerd has it now.
type RuntimeWrites struct {
	Runtime  string
	Writes   verify.Writes // by its arguments
	Promised verify.Writes // by the configuration
	// Loss says what is lost, and the one setting that changes it, where the
	// configuration does not ask for that; "" elsewhere.
	Loss string
	// Proven is true where Docker was seen to see such changes, with this release
	// and these arguments, under this dockerd, since the host was booted.
	Proven bool
}

// Kept is true where Docker sees them, by the runtime's arguments.
func (w RuntimeWrites) Kept() bool { return w.Writes == verify.WritesKept }

// WritesInEffect is one for each runtime of ours that dockerd knows. It is pure.
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
		for _, r := range o.Releases {
			if filepath.Clean(runtime.Path) != r.Runsc {
				continue
			}
			current, w.Writes = r.Name, verify.WritesUnder(r.Name, runtime.Args)
			w.Proven = w.Kept() && o.Proofs[state.ProofKey(r.ManifestDigest, runtime.Args, o.Engine.Version, o.Since, o.Engine.UsernsRemap, verify.WritesKept)]
		}
		wanted := plan.ArgumentsOf(c, o, current, name)
		w.Promised, w.Loss = wanted.Writes, plan.DescribeLoss(c, name, wanted)
		all = append(all, w)
	}
	return all
}

// addTo says it in the item of its runtime. That no proof is remembered changes
// no health here.
func (w RuntimeWrites) addTo(item *Item) {
	seen, health, remedy := "", Healthy, ""
	switch {
	case w.Proven:
		seen = "Docker sees what containers write, as was proven"
	case w.Kept():
		seen = "by its arguments Docker sees what containers write; no proof of it is remembered"
	case w.Promised == verify.WritesLost && w.Loss != "":
		seen = w.Loss
	case w.Promised == verify.WritesLost:
		seen = "by its arguments what containers write stays in the sandbox: docker cp, commit and diff do not see it"
	default:
		seen = "by the arguments that dockerd has, docker cp, commit and diff do not see what containers write, although the configuration promises it"
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
