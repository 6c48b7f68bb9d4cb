package checkup

import (
	"fmt"
	"strings"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/steps"
)

// Drift is one difference between a host and its configuration.
type Drift struct {
	Item string `json:"item"`
	Want string `json:"want"`
	Got  string `json:"got"` // other programs control it: escape it before you print it
}

// Drifts are the differences between o and c, also those that wait for consent or for Docker to run. It is
// pure. The error is that of plan.Goal.DaemonJSON.
func Drifts(c config.Config, o host.Observed) ([]Drift, error) {
	g := plan.NewGoal(c, o)
	wanted, err := g.DaemonJSON()
	if err != nil {
		return nil, err
	}
	var all []Drift
	add := func(item string, differs bool, want, got string) {
		if differs {
			all = append(all, Drift{Item: item, Want: want, Got: truncate(got)})
		}
	}
	item := ReleaseItem(g)
	add(config.ItemRelease, item.Health == Critical, c.Release.Version, item.Seen)
	if link := o.Link; link.Kind != release.LinkForeign && link.Path != "" && plan.CannotLink(o) == "" {
		got := link.Release
		if link.Kind == release.LinkAbsent {
			got = steps.Absent
		} else if got == g.Current.Name {
			got = link.Target
		}
		add(config.ItemLink, !link.LeadsTo(g.Current), g.Current.Name, got)
	}
	if item, managed := buildsItem(g); managed {
		add(config.ItemBuilds, item.Health == Critical, c.Docker.Builds, item.Seen)
	}
	outsideFile := len(all)
	at := o.File.Doc
	for _, name := range c.RuntimeNames() {
		want, got := steps.FormatRuntime(wanted, name), steps.FormatRuntime(at, name)
		add(config.RuntimeItem(name), !steps.SameRuntime(wanted, at, name), want, got)
	}
	add(config.ItemDefaultRuntime, config.DefaultRuntimeIn(at) != config.DefaultRuntimeIn(wanted), steps.OrAbsent(config.DefaultRuntimeIn(wanted)), steps.OrAbsent(config.DefaultRuntimeIn(at)))
	add(config.ItemUsernsRemap, config.UsernsRemapIn(at) != config.UsernsRemapIn(wanted), steps.OrAbsent(config.UsernsRemapIn(wanted)), steps.OrAbsent(config.UsernsRemapIn(at)))
	fileDiffers := len(all) > outsideFile
	want, ids := completeSettings(g, steps.Settings{Runtimes: g.RuntimesIn(wanted)})
	if ids != nil {
		add(config.ItemIDs, ids.Health == Critical, "ids that only containers have", ids.Seen)
	}
	if o.Engine == nil || fileDiffers {
		return all, nil // a dockerd with a different daemon.json differs because of that
	}
	if err := want.Missing(*o.Engine); err != nil {
		add(config.ItemDockerd, true, "runs with daemon.json", err.Error())
	}
	return all, nil
}

// truncate cuts s to at most 200 bytes, for a status line.
func truncate(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return fmt.Sprintf("%s… (%d bytes)", strings.ToValidUTF8(s[:most], ""), len(s))
}
