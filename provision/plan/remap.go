package plan

import (
	"path/filepath"
	"slices"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/subid"
)

// withRemap is doc with userns-remap as wanted.
func (g Goal) withRemap(doc daemonjson.Document) (daemonjson.Document, error) {
	if g.Config.Docker.Remap() == config.RemapAny {
		return doc, nil
	}
	value := g.Config.Docker.RemapValue()
	return g.edit(doc, daemonjson.Want{UsernsRemap: &value})
}

// finalRemap is chosen with userns-remap as far as it may be written now, and
// whether dockerd is to be restarted for it.
func (p *planner) finalRemap(chosen daemonjson.Document) (doc daemonjson.Document, restart bool, err error) {
	stopped := p.Observed.Engine == nil
	remapped, err := p.withRemap(chosen)
	if err != nil {
		return doc, false, err
	}
	switch {
	case p.Config.Docker.Remap() == config.RemapAny:
		return chosen, false, nil
	case Differ(chosen, remapped) && p.holdContested(config.ItemUsernsRemap):
		return chosen, false, nil
	case stopped && Differ(chosen, remapped):
		p.hold(p.heldRemap(unproven))
		return chosen, false, nil
	case stopped:
		return remapped, false, nil
	}
	if restart, p.ids, err = p.remapSwitch(); err != nil {
		return remapped, false, err
	}
	if p.ids != nil {
		p.beforeDocker = grantSteps(*p.ids)
		if p.ids.Clash != "" {
			p.warn(p.ids.Clash + ": containers can reach what belongs to the other; switch userns-remap off and on again, with --purge, to have other ids")
		}
	}
	if !restart {
		return remapped, false, nil
	}
	if why := p.options.objection(config.DisruptionRestart); why != "" {
		p.beforeDocker = nil
		p.hold(p.heldRemap(why))
		return chosen, false, nil
	}
	if p.Config.Docker.Remap() == config.RemapOn {
		if err := p.refuseRemap(); err != nil {
			return doc, false, err
		}
	}
	p.listHidden()
	held := false
	for _, h := range []Held{p.heldByActivation(), p.heldByRestart(), p.heldByHiding()} {
		if h.Why != "" {
			p.hold(h)
			held = true
		}
	}
	if held {
		p.beforeDocker = nil
		return chosen, false, nil
	}
	return remapped, true, p.saveImages()
}

// remapSwitch reports whether dockerd runs with another userns-remap than is wanted,
// and whose ids it is to have; nil where userns-remap is to be off.
func (g Goal) remapSwitch() (bool, *subid.Grant, error) {
	engine := *g.Observed.Engine
	if g.Config.Docker.Remap() == config.RemapOff {
		return engine.UsernsRemap, nil, nil
	}
	ids, err := g.Grant()
	if err != nil {
		return false, nil, err
	}
	return !engine.UsernsRemap || engine.RootDir != RemappedRoot(host.DataRootOf(engine), ids), &ids, nil
}

// NeedsData reports whether a plan depends on what is below dockerd's data root
// (Observed.Data), which takes long to look at: it may switch userns-remap. What is
// wrong with the switch is for the plan to say.
func NeedsData(c config.Config, o host.Observed, opts Options) bool {
	if o.Engine == nil || c.Docker.Remap() == config.RemapAny || opts.objection(config.DisruptionRestart) != "" {
		return false
	}
	switches, _, err := newGoal(c, o, opts).remapSwitch()
	return err == nil && switches
}

// heldRemap holds back the switch of userns-remap.
func (g Goal) heldRemap(why string) Held {
	return Held{What: "userns-remap " + g.Config.Docker.UsernsRemap, Why: why}
}

// heldByRestart holds a restart of Docker that may not be made to change userns-remap;
// its Why is empty when it may be.
func (g Goal) heldByRestart() Held {
	running := g.Observed.Running
	why := restartObjection(g.options, g.Observed.Engine.LiveRestore, running)
	if why == "" {
		return Held{}
	}
	held := g.heldRemap(why)
	held.Containers = running
	return held
}

// MayRestart reports whether a run with opts may restart the dockerd of info while
// the containers called running run.
func MayRestart(opts Options, info engine.Info, running []string) bool {
	return opts.objection(config.DisruptionRestart) == "" && restartObjection(opts, info.LiveRestore, running) == ""
}

// restartObjection says why Docker may not be restarted with another data root; "" if
// it may. Where a run is unattended, Unattended.Most has allowed it.
func restartObjection(opts Options, liveRestore bool, running []string) string {
	switch {
	case len(running) == 0:
		return ""
	case liveRestore:
		// Docker 26.1 loses sight of them: they go on, unmanaged, below the old data root.
		return "live-restore would keep the running containers, where dockerd with another data root does not see them; stop them first"
	case opts.AllowRestart, opts.Unattended != nil:
		return ""
	}
	return "it needs a restart of Docker, which stops the running containers; consent to it with --allow-restart"
}

// planPurge takes back the ranges and the account that were made for userns-remap,
// once it is off.
func (p *planner) planPurge() {
	e := p.Observed.Engine
	if !p.options.Purge || p.Config.Docker.Remap() != config.RemapOff || e == nil || e.UsernsRemap || len(p.plan.Steps) > 0 {
		return
	}
	all := p.Observed.IDs
	for _, edit := range all.TakeBack() {
		p.add(EditIDs{edit})
	}
	if _, there := subid.Find(all.Users, config.RemapAccount); there && slices.Contains(all.Ours, subid.AccountKey(config.RemapAccount)) {
		p.add(RemoveAccount{Name: config.RemapAccount})
	}
	if p.Observed.RemapRoots > 0 && len(p.plan.Steps) > 0 {
		p.warn("what Docker had with userns-remap stays below " + filepath.Join(e.RootDir, "UID.GID") + ", and belongs to ids that nobody has then")
	}
}
