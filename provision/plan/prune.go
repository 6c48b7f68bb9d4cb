package plan

import (
	"slices"
	"strings"

	"runsc-provisioner/provision/release"
)

// planRemovals removes old releases: those that nothing runs from and no runtime of
// daemon.json names, but for the newest few that are as they were installed.
func (p *planner) planRemovals() {
	if p.plan.Provisional {
		return
	}
	var old, unfit []release.Installed
	wanted, _ := NewestSatisfying(p.Observed.Releases, p.Config.Spec()) // may be contested, and then another one is current
	for _, r := range p.Observed.Releases {
		if r.Name != p.Current.Name && r.Name != wanted.Name && !p.Observed.InUse[r.Name] && !p.registeredElsewhere(r) {
			if r.State.Intact() {
				old = append(old, r)
			} else {
				unfit = append(unfit, r)
			}
		}
	}
	slices.SortFunc(old, release.Newest)
	for _, r := range append(unfit, old[min(p.Config.Release.Keep, len(old)):]...) {
		p.add(RemoveRelease{Name: r.Name, Dir: r.Dir})
	}
}

// registeredElsewhere reports whether a runtime that is not managed by us, or
// dockerd as it runs now, names r.
func (g Goal) registeredElsewhere(r release.Installed) bool {
	for name, runtime := range g.Observed.File.Doc.Runtimes() {
		if !slices.Contains(g.uncontestedNames(), name) && isBelow(r.Dir, runtime.Path) {
			return true
		}
	}
	return false
}

func isBelow(dir, path string) bool { return strings.HasPrefix(path, dir+"/") }
