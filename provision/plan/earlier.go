package plan

import (
	"path/filepath"
	"slices"

	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/runtimes"
	"runsc-provisioner/provision/steps"
)

// LinkRemedy says what to do about a link that cannot be made.
const LinkRemedy = `in [paths], set link to a path in a directory that can be written to, or to "" for none`

// NoLinkWarning is for a link that cannot be made, which nothing depends on.
func NoLinkWarning(path, why string) string {
	return "no link " + path + ": " + why + "; Docker does not need the link: " + LinkRemedy
}

// CannotLink says why the directory of the link cannot be written to; "" if it can.
func CannotLink(o host.Observed) string { return o.CannotWrite[filepath.Dir(o.Link.Path)] }

// planEarlier says what stays at places that are no longer configured, and removes it as soon as nothing uses it.
// It removes nothing in a plan that changes something else: Docker must have taken the new place first.
func (p *planner) planEarlier() {
	settled := p.plan.Empty() && !p.plan.Provisional && p.Observed.Engine != nil
	for _, link := range p.Observed.EarlierLinks {
		switch cannot := p.Observed.CannotWrite[filepath.Dir(link.Path)]; {
		case cannot != "":
			p.warn("the earlier link " + link.Path + " stays: " + cannot)
		case settled:
			p.add(steps.Unlink{Path: link.Path})
		default:
			p.warn("the earlier link " + link.Path + " is removed once Docker runs the release in " + p.Observed.Store)
		}
	}
	for _, r := range p.Observed.EarlierReleases {
		cannot := p.Observed.CannotWrite[filepath.Dir(r.Dir)]
		switch {
		case cannot != "":
			p.warn("the earlier release " + r.Dir + " stays: " + cannot)
		case p.Observed.EarlierInUse[r.Dir]:
			p.warn("the earlier release " + r.Dir + " stays while processes run from it")
		case p.registered(r), p.buildsRunFrom(r):
			p.warn("the earlier release " + r.Dir + " stays while Docker has a runtime, or a program of builds, that runs it")
		case settled && !p.stuckLink(r):
			p.add(steps.RemoveRelease{Name: r.Name, Dir: r.Dir})
		}
	}
}

// registered reports whether daemon.json or dockerd has a runtime that runs r.
func (g Goal) registered(r release.Installed) bool {
	for _, runtime := range g.Observed.File.Doc.Runtimes() {
		if runtimes.IsBelow(r.Dir, runtime.Path) {
			return true
		}
	}
	if g.Observed.Engine == nil {
		return true
	}
	for _, runtime := range g.Observed.Engine.Runtimes {
		if runtimes.IsBelow(r.Dir, runtime.Path) {
			return true
		}
	}
	return false
}

// stuckLink reports whether a link of ours that cannot be changed leads to r.
func (g Goal) stuckLink(r release.Installed) bool {
	return slices.ContainsFunc(append([]release.LinkState{g.Observed.Link}, g.Observed.EarlierLinks...), func(link release.LinkState) bool {
		return link.LeadsTo(r) && g.Observed.CannotWrite[filepath.Dir(link.Path)] != ""
	})
}
