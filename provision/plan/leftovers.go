package plan

import (
	"path/filepath"
	"slices"
	"strings"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/dataroot"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/provision/subid"
)

// addLeftovers removes what Docker does not need, once it runs without us. changes says that the plan has other steps.
func (p *planner) addLeftovers(c config.Config, changes bool) {
	u, o := p.options.Uninstall, p.Observed
	for _, link := range append([]release.LinkState{o.Link}, o.EarlierLinks...) {
		if link.Kind == release.LinkOurs {
			p.add(steps.Unlink{Path: link.Path})
		}
	}
	if strings.HasPrefix(u.Service.UnitFileState, "enabled") {
		p.add(steps.DisableService{Unit: u.Service.Name})
	}
	if u.Recorded || changes {
		if c.Docker.Names == config.NamesMaintain && o.Engine != nil {
			p.add(steps.ClearNames{DataRoot: o.Engine.RootDir, Owner: dataroot.RemappedUID(*o.Engine)})
		}
		p.add(steps.Forget{})
	}
	if !u.Purge {
		return
	}
	for _, r := range append(slices.Clone(o.Releases), o.EarlierReleases...) {
		if len(p.plan.Held) == 0 && (o.InUse[r.Name] && filepath.Dir(r.Dir) == o.Store || o.EarlierInUse[r.Dir]) {
			p.hold(steps.Held{What: heldRelease + r.Name, Why: "processes run from " + r.Dir + "; end them, then run uninstall again"})
		}
		p.add(steps.RemoveRelease{Name: r.Name, Dir: r.Dir})
	}
	p.addIDRemoval()
	if len(u.Own) > 0 {
		p.add(steps.RemoveOwn{Paths: u.Own})
	}
}

// addIDRemoval removes the account and the ids that this program made, unless userns-remap stays on with them.
func (p *planner) addIDRemoval() {
	user, _ := config.RemapNames(p.Config.Docker.UsernsRemap)
	if p.Config.Docker.Remap() == config.RemapOn && (user == config.RemapAccount || p.Observed.IDs.MadeFor(user)) {
		return
	}
	for _, edit := range p.Observed.IDs.RemovalEdits() {
		p.add(steps.EditIDs{Edit: edit})
	}
	if _, exists := subid.Find(p.Observed.IDs.Users, config.RemapAccount); exists && slices.Contains(p.Observed.IDs.Made, subid.AccountKey(config.RemapAccount)) {
		p.add(steps.RemoveAccount{Name: config.RemapAccount})
	}
}
