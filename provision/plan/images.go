package plan

import (
	"slices"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/images"
	"runsc-provisioner/provision/room"
	"runsc-provisioner/provision/steps"
)

// saveImages adds the step that saves the images before the switch, if they shall be migrated. The error is a
// *room.Error if there is no room for them.
func (p *planner) saveImages() error {
	data := p.Observed.Data
	if !p.options.MigrateImages || p.Config.Docker.Remap() != config.RemapOn || len(data.Images) == 0 {
		return nil
	}
	if p.Observed.WaitingImages != nil && sameImages(p.Observed.WaitingImages.Images, data.Images) {
		return nil // an interrupted run saved them
	}
	need, free := images.ArchiveSize(data.LayersSize), data.Room
	spool := need
	if free.Same {
		spool += need
	}
	switch {
	case free.Spool < spool:
		return &room.Error{Path: free.SpoolPath, Need: spool, Have: free.Spool}
	case free.Root < need:
		return &room.Error{Path: p.Observed.Engine.RootDir, Need: need, Have: free.Root}
	}
	p.beforeDocker = append(p.beforeDocker, steps.SaveImages{Images: data.Images, Bytes: data.LayersSize, Path: images.Dir(free.SpoolPath).ArchivePath()})
	return nil
}

func sameImages(a, b []engine.Image) bool {
	return slices.EqualFunc(a, b, func(a, b engine.Image) bool { return a.ID == b.ID && slices.Equal(a.Tags, b.Tags) })
}

// planImages loads the saved images once userns-remap is on, or removes the archive if the switch did not
// happen and is not held.
func (p *planner) planImages() {
	saved := p.Observed.WaitingImages
	if saved == nil || p.Observed.Engine == nil || len(p.plan.Steps) > 0 {
		return
	}
	if p.Observed.Engine.UsernsRemap && p.Config.Docker.Remap() != config.RemapOff {
		p.add(steps.LoadImages{Images: saved.Images, Path: saved.Path})
		return
	}
	if !p.Observed.Engine.UsernsRemap && len(p.plan.Held) == 0 {
		p.add(steps.DropImages{Path: saved.Path})
	}
}
