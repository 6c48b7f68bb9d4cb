package plan

import (
	"slices"

	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/runtimes"
	"runsc-provisioner/provision/steps"
)

// planRemovals removes old releases that nothing runs from and that no foreign runtime of daemon.json names.
// It keeps the newest few that are intact, for a way back.
func (p *planner) planRemovals() {
	if p.plan.Provisional || p.Observed.CannotWrite[p.Observed.Store] != "" {
		return
	}
	var old, damaged []release.Installed
	wanted, _ := release.NewestSatisfying(p.Observed.Releases, p.Config.Spec()) // a stand-in may be current instead
	for _, r := range p.Observed.Releases {
		if r.Name != p.Current.Name && r.Name != wanted.Name && !p.Observed.InUse[r.Name] && !p.registeredElsewhere(r) && !p.stuckLink(r) && !p.buildsRunFrom(r) {
			if r.State.Intact() {
				old = append(old, r)
			} else {
				damaged = append(damaged, r)
			}
		}
	}
	slices.SortFunc(old, release.NewestUsable)
	for _, r := range append(damaged, old[min(p.Config.Release.Keep, len(old)):]...) {
		p.add(steps.RemoveRelease{Name: r.Name, Dir: r.Dir})
	}
}

// registeredElsewhere reports whether a runtime of daemon.json that this plan leaves alone names r.
func (g Goal) registeredElsewhere(r release.Installed) bool {
	for name, runtime := range g.Observed.File.Doc.Runtimes() {
		if !slices.Contains(g.uncontestedNames(), name) && runtimes.IsBelow(r.Dir, runtime.Path) {
			return true
		}
	}
	return false
}
