package plan

import (
	"fmt"
	"slices"
	"strings"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/dataroot"
	"runsc-provisioner/provision/steps"
)

// Hidden is something that dockerd does not see with another data root, until it uses the old one again. It
// is not deleted.
type Hidden struct {
	Kind  string `json:"kind"` // image, container, volume, network
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"` // -1 if unknown
	Note  string `json:"note,omitempty"`
}

// listHidden lists what a switch hides, and warns of containers that will not start after it.
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
		if reason := dataroot.StartObjection(c); reason != "" {
			refused = append(refused, c.Name+" ("+reason+")")
		}
	}
	for _, v := range data.Volumes {
		p.hide(Hidden{Kind: "volume", Name: v.Name, Bytes: data.VolumeBytes[v.Name], Note: dataroot.CopyCommand(v)})
	}
	for _, name := range data.Networks {
		p.hide(Hidden{Kind: "network", Name: name})
	}
	if len(refused) > 0 && p.Config.Docker.Remap() == config.RemapOn {
		p.warn("with userns-remap these containers do not start as they are, only with --userns=host, which turns it off for them: " + strings.Join(refused, ", "))
	}
	if len(data.Volumes) > 0 {
		p.warn("volumes are not copied: after the switch their files belong to other ids, and two copies would diverge; " +
			"after it, stop what uses a volume and copy it with the command beside it (IMAGE: any image with tar)")
	}
}

func (p *planner) hide(h Hidden) { p.plan.Hidden = append(p.plan.Hidden, h) }

// heldByHiding holds a switch that hides data without consent; Why is empty if it may happen.
func (p *planner) heldByHiding() steps.Held {
	if len(p.plan.Hidden) == 0 || p.options.AllowHiddenData {
		return steps.Held{}
	}
	reason := fmt.Sprintf("it gives Docker another data root, which hides existing data (%s) until you switch back; allow it with --allow-hidden-data", countHidden(p.plan.Hidden))
	if p.Config.Docker.Remap() == config.RemapOn && !p.options.MigrateImages && slices.ContainsFunc(p.plan.Hidden, func(h Hidden) bool { return h.Kind == "image" }) {
		reason += ", and copy the images with --migrate-images"
	}
	return p.heldRemap(reason)
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
