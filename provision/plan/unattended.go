package plan

import (
	"fmt"
	"slices"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/release"
)

// Unattended bounds what is done where nobody is there to be asked.
type Unattended struct {
	MaxDisruption config.Disruption // what disturbs more is held
	// Contested says, by item, why what somebody else changes is not changed
	// back any more.
	Contested map[string]string
	// NoRestart says why Docker is not restarted now, although Most is restart.
	NoRestart string
	// NoFetch says why no release is fetched now.
	NoFetch string
}

// uncontestedNames are the runtimes that are looked after: all but those that are
// contested.
func (g Goal) uncontestedNames() []string {
	names := g.Config.RuntimeNames()
	if g.options.Unattended == nil {
		return names
	}
	return slices.DeleteFunc(names, func(name string) bool { return g.options.contestedReason(config.RuntimeItem(name)) != "" })
}

// objection says why something that disturbs as much as d is not done; "" when it
// may be.
func (o Options) objection(d config.Disruption) string {
	u := o.Unattended
	switch {
	case u == nil:
		return ""
	case d > u.MaxDisruption:
		return fmt.Sprintf("it needs a %s of Docker, which is beyond max_disruption (%s); `runsc-provisioner apply` does it", d, u.MaxDisruption)
	case d == config.DisruptionRestart:
		return u.NoRestart
	}
	return ""
}

// contestedReason says why item is left as another program has made it; "" when it is
// not.
func (o Options) contestedReason(item string) string {
	if o.Unattended == nil {
		return ""
	}
	return o.Unattended.Contested[item]
}

// standIn is what is gone on with while the release that is wanted cannot be
// had: the one that Docker is to run, or else the newest; in any case one that
// is as it was installed.
func (g Goal) standIn() (release.Installed, bool) {
	var intact []release.Installed
	for _, r := range g.Observed.Releases {
		if r.State.Intact() {
			intact = append(intact, r)
		}
	}
	for _, name := range g.uncontestedNames() {
		for _, r := range intact {
			if r.Runsc == g.Observed.File.Doc.Runtimes()[name].Path {
				return r, true
			}
			if e := g.Observed.Engine; e != nil && r.Runsc == e.Runtimes[name].Path {
				return r, true
			}
		}
	}
	if len(intact) == 0 {
		return release.Installed{}, false
	}
	return slices.MinFunc(intact, release.Newest), true
}
