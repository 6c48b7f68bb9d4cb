package plan

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/images"
	"runsc-provisioner/provision/release"
)

// Hidden is something that dockerd does not see any more with another data root,
// until it has the old one again. Nothing of it is deleted.
type Hidden struct {
	Kind  string `json:"kind"` // image, container, volume, network
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"` // -1 where that is not known
	Note  string `json:"note,omitempty"`
}

// refuseRemap refuses to switch userns-remap on where dockerd would not start with
// it, or nothing would work.
func (p *planner) refuseRemap() error {
	what := "userns-remap " + p.Config.Docker.UsernsRemap
	data := p.Observed.Data
	switch {
	case p.Observed.Engine.Swarm:
		return blocked.Refuse(what, "this host is a node of a swarm, which dockerd would not know any more with another data root: docker swarm leave first")
	case p.wantsSnapshotter():
		return blocked.Refuse(what, "features.containerd-snapshotter is on, and dockerd does not start with both: images are then kept in containerd's store; take it out of daemon.json and of dockerd's flags first")
	case data.Unsearchable != "":
		return blocked.Refuse(what, "others may not search %s, which is above the data root: remapped containers could not reach their own files; chmod o+x %s", data.Unsearchable, data.Unsearchable)
	case data.Namespaces == 0:
		return blocked.Refuse(what, "the kernel allows no user namespaces: sysctl user.max_user_namespaces=31000 allows them")
	}
	if p.Observed.Engine.Snapshotter {
		p.warn("images are in containerd's store, which cannot be used with userns-remap: dockerd goes back to a graph driver, and they are not seen until it is off again")
	}
	return nil
}

// wantsSnapshotter reports whether containerd's image store is asked for in so many
// words: dockerd 29 does not start with it and userns-remap.
func (g Goal) wantsSnapshotter() bool {
	var doc struct{ Features map[string]any }
	// A text that is no JSON was refused long before.
	_ = json.Unmarshal(g.Observed.File.Bytes, &doc)
	return doc.Features["containerd-snapshotter"] == true ||
		slices.ContainsFunc(g.Observed.Command, func(arg string) bool { return strings.HasSuffix(arg, "containerd-snapshotter=true") })
}

// listHidden lists what is not seen any more after a switch, and what will not start.
func (p *planner) listHidden() {
	data := p.Observed.Data
	if !p.options.MigrateImages || p.Config.Docker.Remap() == config.RemapOff {
		for _, image := range data.Images {
			p.hide(Hidden{Kind: "image", Name: image.Name(), Bytes: image.Bytes})
		}
	}
	var refused []string
	for _, c := range data.Containers {
		p.hide(Hidden{Kind: "container", Name: c.Name, Bytes: c.Bytes, Note: c.State})
		if why := startObjection(c); why != "" {
			refused = append(refused, c.Name+" ("+why+")")
		}
	}
	for _, v := range data.Volumes {
		p.hide(Hidden{Kind: "volume", Name: v.Name, Bytes: data.VolumeBytes[v.Name], Note: copyCommand(v)})
	}
	for _, name := range data.Networks {
		p.hide(Hidden{Kind: "network", Name: name})
	}
	if len(refused) > 0 && p.Config.Docker.Remap() == config.RemapOn {
		p.warn("with userns-remap these would not start as they were made, but with --userns=host, and then not remapped: " + strings.Join(refused, ", "))
	}
	if len(data.Volumes) > 0 {
		p.warn("volumes are not brought along: their files belong to ids that mean others on the other side, two copies go different ways, and what uses them has to be stopped; the command beside each copies it once the switch is done (with an image that has tar)")
	}
}

func (p *planner) hide(h Hidden) { p.plan.Hidden = append(p.plan.Hidden, h) }

// startObjection is why dockerd would not start c with userns-remap (moby
// daemon/daemon_unix.go, verifyPlatformContainerSettings), or "".
func startObjection(c engine.Stored) string {
	switch {
	case c.UsernsMode == "host":
		return ""
	case c.Privileged:
		return "privileged"
	case c.NetworkMode == "host":
		return "network of the host"
	case c.PidMode == "host":
		return "processes of the host"
	}
	return ""
}

// copyCommand is the command that copies a volume after the switch. Inside a container
// tar gives the files to the ids that they then have.
func copyCommand(v engine.Volume) string {
	switch {
	case v.Driver != "local" || v.Mountpoint == "":
		return "of driver " + v.Driver
	case v.Mounts:
		return "mounts what its options say: create it anew with the same ones"
	}
	return fmt.Sprintf("tar --numeric-owner -C %s -cf - . | docker run --rm -i -v %s:/to IMAGE tar -C /to -xf -", quoted(v.Mountpoint), quoted(v.Name))
}

// shellSafe are words that a shell takes as they are.
var shellSafe = regexp.MustCompile(`^[a-zA-Z0-9_./-]+$`)

// quoted is s as one word for a shell.
func quoted(s string) string {
	if shellSafe.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// heldByHiding is held where something would be hidden and nobody consented.
func (p *planner) heldByHiding() Held {
	if len(p.plan.Hidden) == 0 || p.options.AllowHiddenData {
		return Held{}
	}
	why := fmt.Sprintf("it gives Docker another data root, in which what it has now (%s) is not seen until it is switched back; consent to it with --allow-hidden-data", countHidden(p.plan.Hidden))
	if p.Config.Docker.Remap() == config.RemapOn && !p.options.MigrateImages && slices.ContainsFunc(p.plan.Hidden, func(h Hidden) bool { return h.Kind == "image" }) {
		why += ", and bring the images along with --migrate-images"
	}
	return p.heldRemap(why)
}

// countHidden says how many of each kind there are.
func countHidden(all []Hidden) string {
	var parts []string
	for _, kind := range []string{"image", "container", "volume", "network"} {
		n := 0
		for _, h := range all {
			if h.Kind == kind {
				n++
			}
		}
		switch n {
		case 0:
		case 1:
			parts = append(parts, "1 "+kind)
		default:
			parts = append(parts, fmt.Sprintf("%d %ss", n, kind))
		}
	}
	return strings.Join(parts, ", ")
}

// saveImages has the images written down before the switch, where they are to be
// brought along.
func (p *planner) saveImages() error {
	data := p.Observed.Data
	if !p.options.MigrateImages || p.Config.Docker.Remap() != config.RemapOn || len(data.Images) == 0 {
		return nil
	}
	if p.Observed.Images != nil && sameImages(p.Observed.Images.Images, data.Images) {
		return nil // by a run that got no further
	}
	need, room := images.ArchiveSize(data.LayersSize), data.Room
	spool := need
	if room.Same {
		spool += need
	}
	switch {
	case room.Spool < spool:
		return &release.SpaceError{Path: room.SpoolPath, Need: spool, Have: room.Spool}
	case room.Root < need:
		return &release.SpaceError{Path: p.Observed.Engine.RootDir, Need: need, Have: room.Root}
	}
	p.beforeDocker = append(p.beforeDocker, SaveImages{Images: data.Images, Bytes: data.LayersSize, Path: images.Dir(room.SpoolPath).ArchivePath()})
	return nil
}

func sameImages(a, b []engine.Image) bool {
	return slices.EqualFunc(a, b, func(a, b engine.Image) bool { return a.ID == b.ID && slices.Equal(a.Tags, b.Tags) })
}

// planImages has the images read that were written down before, or that archive
// removed that nobody asks for any more.
func (p *planner) planImages() {
	saved := p.Observed.Images
	if saved == nil || p.Observed.Engine == nil || len(p.plan.Steps) > 0 {
		return
	}
	if p.Observed.Engine.UsernsRemap && p.Config.Docker.Remap() != config.RemapOff {
		p.add(LoadImages{Images: saved.Images, Path: saved.Path})
		return
	}
	if !p.Observed.Engine.UsernsRemap && len(p.plan.Held) == 0 {
		p.add(DropImages{Path: saved.Path})
	}
}
