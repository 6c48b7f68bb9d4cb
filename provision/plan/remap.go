package plan

import (
	"encoding/json"
	"path/filepath"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/capability"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/dataroot"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/provision/subid"
)

// OtherIDsRemedy says how to get ids that no other user shares.
const OtherIDsRemedy = "to get other ids, switch userns-remap off and on again with --purge"

// finalRemap is chosen with as much of userns-remap as may be written now, and whether dockerd must be
// restarted for it.
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
		if reason := p.stoppedObjection(); reason != "" {
			p.hold(p.heldRemap(reason))
			return chosen, false, nil
		}
		return remapped, false, nil
	case stopped:
		return remapped, false, nil
	}
	if restart, p.ids, err = p.remapSwitch(); err != nil {
		return remapped, false, err
	}
	if p.ids != nil {
		p.beforeDocker = grantSteps(*p.ids)
		if p.ids.Clash != "" {
			p.warn(p.ids.Clash + ": containers can reach files of the other owner; " + OtherIDsRemedy)
		}
	}
	if !restart {
		return remapped, false, nil
	}
	if reason := p.options.objection(config.DisruptionRestart); reason != "" {
		p.beforeDocker = nil
		p.hold(p.heldRemap(reason))
		return chosen, false, nil
	}
	if p.Config.Docker.Remap() == config.RemapOn {
		if err := p.refuseRemap(); err != nil {
			return doc, false, err
		}
	}
	p.listHidden()
	held := false
	for _, h := range []steps.Held{p.heldByActivation(), p.heldByRestart(), p.heldByHiding()} {
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

// stoppedObjection says why userns-remap must not be written while Docker is stopped; "" if it may. To switch it
// off needs no proof, but consent: what the next start hides cannot be listed.
func (p *planner) stoppedObjection() string {
	switch reason := p.options.objection(config.DisruptionRestart); {
	case p.Config.Docker.Remap() == config.RemapOn:
		return unproven
	case reason != "":
		return reason
	case !p.options.AllowHiddenData:
		return "Docker is not running; its next start would use another data root, and hide what it has in the present one; allow it with --allow-hidden-data"
	}
	return ""
}

// remapSwitch reports whether dockerd must switch userns-remap, and the ids that containers get; nil if
// userns-remap shall be off.
func (g Goal) remapSwitch() (bool, *subid.Grant, error) {
	engine := *g.Observed.Engine
	if g.Config.Docker.Remap() == config.RemapOff {
		return engine.UsernsRemap, nil, nil
	}
	ids, err := g.Grant()
	if err != nil {
		return false, nil, err
	}
	return !engine.UsernsRemap || engine.RootDir != RemappedRoot(dataroot.Of(engine), ids), &ids, nil
}

// NeedsData reports whether a plan needs Observed.Data, which takes long to observe: it may switch
// userns-remap. Errors of the switch are left for New to report.
func NeedsData(c config.Config, o host.Observed, opts Options) bool {
	if o.Engine == nil || c.Docker.Remap() == config.RemapAny || opts.objection(config.DisruptionRestart) != "" {
		return false
	}
	switches, _, err := newGoal(c, o, opts).remapSwitch()
	return err == nil && switches
}

// refuseRemap refuses userns-remap if dockerd would not start with it, or containers would not work. The
// error is a *blocked.Refused.
func (p *planner) refuseRemap() error {
	what := "userns-remap " + p.Config.Docker.UsernsRemap
	data := p.Observed.Data
	switch {
	case p.Observed.Engine.Swarm:
		return blocked.Refuse(what, "this host is a node of a swarm, and dockerd would forget the swarm with another data root: run docker swarm leave first")
	case p.wantsSnapshotter():
		why := "dockerd does not start with both"
		if capability.Of(p.Observed.Engine.Version).Can(capability.RemapWithStore) {
			why = "no image builds with both, as BuildKit fails"
		}
		return blocked.Refuse(what, "features.containerd-snapshotter is on, which keeps images in containerd's store, and %s: first remove it from daemon.json and from dockerd's flags", why)
	case data.Unsearchable != "":
		return blocked.Refuse(what, "others may not search %s, which is above the data root: remapped containers could not reach their own files; run chmod o+x %s", data.Unsearchable, data.Unsearchable)
	case data.MaxUserNamespaces == 0:
		return blocked.Refuse(what, "the kernel allows no user namespaces: sysctl user.max_user_namespaces=31000 allows them")
	}
	if p.Observed.Engine.Snapshotter {
		p.warn("images are in containerd's store, which does not work with userns-remap: dockerd goes back to a graph driver, and the images are hidden until userns-remap is off again")
	}
	return nil
}

// wantsSnapshotter reports whether daemon.json or a flag turns on containerd's image store, in a dockerd that
// has it. The default of dockerd 29 gives way to userns-remap.
func (g Goal) wantsSnapshotter() bool {
	if !capability.Of(g.Observed.Engine.Version).Can(capability.ContainerdStore) {
		return false
	}
	var doc struct{ Features map[string]any }
	// An invalid text was refused long before.
	_ = json.Unmarshal(g.Observed.File.Bytes, &doc)
	return doc.Features[host.FeatureSnapshotter] == true || g.Observed.Flags.Features[host.FeatureSnapshotter]
}

// heldRemap is the switch of userns-remap, held for a reason.
func (g Goal) heldRemap(reason string) steps.Held {
	return steps.Held{What: "userns-remap " + g.Config.Docker.UsernsRemap, Why: reason}
}

// heldByRestart holds a switch that needs a forbidden restart of Docker; Why is empty if the restart is allowed.
func (g Goal) heldByRestart() steps.Held {
	reason := restartObjection(g.options, g.liveRestoreThen(), g.Observed.RunningContainers)
	if g.Observed.Engine.Swarm && g.liveRestoreThen() {
		reason = "dockerd does not start with live-restore on a node of a swarm: turn live-restore off, or run docker swarm leave, then run apply again"
	}
	if reason == "" {
		return steps.Held{}
	}
	held := g.heldRemap(reason)
	held.Containers = g.Observed.RunningContainers
	return held
}

// MayRestart reports whether a run with opts may restart dockerd while the named containers run.
func MayRestart(opts Options, info engine.Info, running []string) bool {
	return opts.objection(config.DisruptionRestart) == "" && restartObjection(opts, info.LiveRestore, running) == ""
}

// restartObjection says why Docker must not be restarted with another data root; "" if it may. An unattended
// run gets here only if MaxDisruption allows a restart.
func restartObjection(opts Options, liveRestore bool, running []string) string {
	switch {
	case len(running) == 0:
		return ""
	case liveRestore:
		// Docker 26.1 loses sight of them: they keep running, unmanaged, below the old data root.
		return "live-restore would keep containers running that dockerd cannot see with another data root; stop them first"
	case opts.AllowRestart, opts.Unattended != nil:
		return ""
	}
	return "it needs a restart of Docker, which stops the running containers; allow it with --allow-restart"
}

// planPurge removes the ranges and the account that this program made for userns-remap, once it is off.
func (p *planner) planPurge() {
	e := p.Observed.Engine
	if !p.options.Purge || p.Config.Docker.Remap() != config.RemapOff || e == nil || e.UsernsRemap || len(p.plan.Steps) > 0 {
		return
	}
	p.addIDRemoval()
	if p.Observed.RemapRoots > 0 && len(p.plan.Steps) > 0 {
		p.warn("Docker's data from userns-remap stays in " + filepath.Join(e.RootDir, "UID.GID") + ", owned by ids that no account has then")
	}
}
