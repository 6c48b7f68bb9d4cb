package provision

import (
	"path/filepath"
	"slices"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/subid"
)

// remap is doc with userns-remap as wanted.
func (b *builder) remap(doc daemonjson.Document) (daemonjson.Document, error) {
	if b.config.Docker.Remap() == config.RemapAny {
		return doc, nil
	}
	value := b.config.Docker.RemapValue()
	return b.edit(doc, daemonjson.Want{UsernsRemap: &value})
}

// remapped is chosen with userns-remap as far as it may be written now, and
// whether dockerd is to be restarted for it.
func (b *builder) remapped(chosen daemonjson.Document) (doc daemonjson.Document, restart bool, err error) {
	stopped := b.observed.Engine == nil
	remapped, err := b.remap(chosen)
	if err != nil {
		return doc, false, err
	}
	switch {
	case b.config.Docker.Remap() == config.RemapAny:
		return chosen, false, nil
	case differ(chosen, remapped) && b.contested(config.ItemUsernsRemap):
		return chosen, false, nil
	case stopped && differ(chosen, remapped):
		b.hold(b.remapHeld(unproven))
		return chosen, false, nil
	case stopped:
		return remapped, false, nil
	}
	if restart, err = b.switches(); err != nil || !restart {
		return remapped, false, err
	}
	if why := b.beyond(config.DisruptionRestart); why != "" {
		b.early = nil
		b.hold(b.remapHeld(why))
		return chosen, false, nil
	}
	if b.config.Docker.Remap() == config.RemapOn {
		if err := b.inTheWay(); err != nil {
			return doc, false, err
		}
	}
	b.hides()
	held := false
	for _, h := range []Held{b.activatesHeld(), b.restartHeld(), b.hiddenHeld()} {
		if h.Why != "" {
			b.hold(h)
			held = true
		}
	}
	if held {
		b.early = nil
		return chosen, false, nil
	}
	return remapped, true, b.save()
}

// switches reports whether dockerd runs with another userns-remap than is
// wanted, and settles whose ids it is to have.
func (b *builder) switches() (bool, error) {
	engine := *b.observed.Engine
	if b.config.Docker.Remap() == config.RemapOff {
		return engine.UsernsRemap, nil
	}
	ids, err := b.grant()
	if err != nil {
		return false, err
	}
	b.ids = &ids
	if ids.Clash != "" {
		b.warn(ids.Clash + ": containers can reach what belongs to the other; switch userns-remap off and on again, with --purge, to have other ids")
	}
	b.early = grantSteps(ids)
	return !engine.UsernsRemap || engine.RootDir != remappedRoot(dataRoot(engine), ids), nil
}

// remapHeld holds back the switch of userns-remap.
func (b *builder) remapHeld(why string) Held {
	return Held{What: "userns-remap " + b.config.Docker.UsernsRemap, Why: why}
}

// restartHeld says why Docker may not be restarted to change userns-remap; its
// Why is empty when it may be.
func (b *builder) restartHeld() Held {
	running := b.observed.Running
	switch {
	case len(running) == 0:
		return Held{}
	case b.observed.Engine.LiveRestore:
		// Docker 26.1 loses sight of them: they go on, unmanaged, below the old data root.
		held := b.remapHeld("live-restore would keep the running containers, where dockerd with another data root does not see them; stop them first")
		held.Containers = running
		return held
	case b.options.AllowRestart, b.options.Unattended != nil: // Unattended.Most allows it
		return Held{}
	}
	held := b.remapHeld("it needs a restart of Docker, which stops the running containers; consent to it with --allow-restart")
	held.Containers = running
	return held
}

// purge takes back the ranges and the account that were made for userns-remap,
// once it is off.
func (b *builder) purge() {
	e := b.observed.Engine
	if !b.options.Purge || b.config.Docker.Remap() != config.RemapOff || e == nil || e.UsernsRemap || len(b.plan.Steps) > 0 {
		return
	}
	all := b.observed.IDs
	for _, edit := range all.TakeBack() {
		b.add(EditIDs{edit})
	}
	if _, there := subid.Find(all.Users, config.RemapAccount); there && slices.Contains(all.Ours, subid.AccountKey(config.RemapAccount)) {
		b.add(RemoveAccount{Name: config.RemapAccount})
	}
	if b.observed.RemapRoots > 0 && len(b.plan.Steps) > 0 {
		b.warn("what Docker had with userns-remap stays below " + filepath.Join(e.RootDir, "UID.GID") + ", and belongs to ids that nobody has then")
	}
}
