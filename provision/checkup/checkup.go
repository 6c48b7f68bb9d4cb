// Package checkup says how a host differs from its configuration: item by item for people and monitoring, and
// as drifts for the daemon. It is pure, and never decides what to do.
package checkup

import (
	"fmt"
	"path/filepath"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/dataroot"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/provision/subid"
)

// Health is the state of one item, in the terms of monitoring plugins.
type Health int

// From best to worst.
const (
	Healthy Health = iota
	Warning
	Unsure // it could not be determined
	Critical
)

func (s Health) String() string { return [...]string{"ok", "warning", "unknown", "critical"}[s] }

// MarshalText gives the name of s.
func (s Health) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a name that MarshalText gives. Any other text is an error.
func (s *Health) UnmarshalText(text []byte) error {
	for _, one := range []Health{Healthy, Warning, Unsure, Critical} {
		if one.String() == string(text) {
			*s = one
			return nil
		}
	}
	return fmt.Errorf("%q is not a status", text)
}

// Item is one part of a host that must be right.
type Item struct {
	Name   string `json:"name"`
	Health Health `json:"status"`
	Seen   string `json:"seen"`
	Remedy string `json:"remedy,omitempty"` // what to do if it is not ok
}

// Remedies for Docker as it is installed or started.
const (
	SnapRemedy = "`sudo snap disable docker` stops the snap's Docker and its containers, and keeps its data in /var/snap/docker; " +
		"then `sudo systemctl restart docker.socket docker.service`, after installing Docker from your distribution or docker.com if there is no docker.service"
	UnixSocketRemedy = "give dockerd a unix socket too: -H unix:///run/docker.sock among its flags, or unix:///run/docker.sock among the hosts in daemon.json; then restart Docker"
)

// FlagRemedy says what to do about an option of daemon.json that dockerd also has as a flag.
func FlagRemedy(option string) string {
	if option == host.OptionHosts {
		return "dockerd does not start with hosts in daemon.json and -H among its flags: remove one of them (systemctl edit docker.service changes the flags), then restart Docker"
	}
	return "remove the flag: dockerd does not start if an option is a flag and also in daemon.json"
}

// ApplyRemedy is the command that makes the host match its configuration.
const ApplyRemedy = "sudo runsc-provisioner apply"

// Items are the items of a host that shall match c: the release and its files, the link, daemon.json, dockerd's
// settings, and the runtimes. It is pure. The error is that of plan.Goal.DaemonJSON.
func Items(c config.Config, o host.Observed) ([]Item, error) {
	g := plan.NewGoal(c, o)
	wanted, err := g.DaemonJSON()
	if err != nil {
		return nil, err
	}
	items := []Item{ReleaseItem(g), linkItem(g), fileItem(c, o, plan.Differ(o.File.Doc, wanted))}
	settings, ids := completeSettings(g, steps.Settings{Runtimes: g.RuntimesIn(wanted)})
	if ids != nil {
		items = append(items, *ids)
	}
	items = append(items, EngineItem(g, settings))
	items = append(items, RuntimeItems(c, o)...)
	if item, managed := buildsItem(g); managed {
		items = append(items, item)
	}
	if o.WaitingImages != nil {
		items = append(items, Item{Name: "images", Health: Warning, Remedy: ApplyRemedy,
			Seen: fmt.Sprintf("%s saved for a switch of userns-remap are still in %s", steps.CountImages(o.WaitingImages.Images), o.WaitingImages.Path)})
	}
	items = append(items, StateItems(o.Refusals, o.Defects, o.Untrusted)...)
	items = AddJournalItem(items, o.Journal)
	if item, found := SetAsideItem(o.FailedRecoveries); found {
		items = append(items, item)
	}
	return items, nil
}

// completeSettings are settings with everything else that dockerd shall run with, and the item of the ids for
// containers; nil unless userns-remap is wanted.
func completeSettings(g plan.Goal, settings steps.Settings) (steps.Settings, *Item) {
	settings.Default, settings.Remap = g.DefaultIn(g.Observed.File.Doc), g.Config.Docker.Remap()
	if settings.Remap != config.RemapOn {
		return settings, nil
	}
	ids, item := idsItem(g)
	if e := g.Observed.Engine; ids != nil && e != nil {
		settings.Root = plan.RemappedRoot(dataroot.Of(*e), *ids)
	}
	return settings, &item
}

// ReleaseItem is the item of the release that the configuration asks for.
func ReleaseItem(g plan.Goal) Item {
	item := Item{Name: "release", Remedy: ApplyRemedy}
	installed, found := release.NewestSatisfying(g.Observed.Releases, g.Config.Spec())
	switch {
	case g.Withdrawn() != nil:
		w := g.Withdrawn()
		item.Health, item.Seen, item.Remedy = Warning, w.Release+" is held: "+w.Reason(), "sudo runsc-provisioner apply --release="+w.Release+" uses it again"
	case !found && g.Config.Release.Source == release.SourceSystem:
		item.Health, item.Seen = Critical, unadopted(g)
	case !found:
		item.Health, item.Seen = Critical, missing(g)
	case !installed.State.Intact():
		item.Health, item.Seen = Critical, installed.Dir+" is damaged: "+installed.State.Reason
	case g.Rejecting() != nil:
		r := g.Rejecting()
		item.Health, item.Seen, item.Remedy = Warning, r.Release+" is installed and held: "+r.Reason, r.Remedy
	default:
		item.Remedy = ""
		item.Seen = fmt.Sprintf("%s in %s, %d files as installed, trust %s", installed.Name, installed.FilesDir(), len(installed.Manifest.Files), installed.Manifest.Trust)
	}
	return item
}

// missing says why no release counts.
func missing(g plan.Goal) string {
	unpinned := g.Config.Spec()
	unpinned.SHA512 = nil
	if installed, found := release.NewestSatisfying(g.Observed.Releases, unpinned); found {
		return installed.Name + " is installed from files that release.sha512 does not pin"
	}
	return g.Config.Release.Version + " is not installed"
}

// unadopted says why no release of a package counts.
func unadopted(g plan.Goal) string {
	last, found := release.NewestOf(g.Observed.Releases)
	if !found {
		return "no release of a package was compared with what the package manager recorded"
	}
	return last.FilesDir() + " is not as release " + last.Name + " was: " + last.State.Reason
}

func linkItem(g plan.Goal) Item {
	link := g.Observed.Link
	item := Item{Name: "link", Seen: link.Path + " → " + g.Current.Runsc}
	cannot := plan.CannotLink(g.Observed)
	switch {
	case link.Path == "":
		item.Seen = "none, as configured"
	case link.LeadsTo(g.Current):
	case link.Kind != release.LinkForeign && cannot != "":
		item.Health, item.Seen = Warning, link.Path+" does not point to the release: "+cannot
		item.Remedy = "Docker does not need the link; " + plan.LinkRemedy
	case link.Kind == release.LinkForeign:
		item.Health, item.Seen = Warning, link.Path+" is "+link.Is
		item.Remedy = "Docker does not need the link; to get it, remove " + link.Path + " and apply again"
	default:
		item.Health, item.Seen, item.Remedy = Warning, link.Path+" does not point to the release", ApplyRemedy
	}
	return item
}

func fileItem(c config.Config, o host.Observed, differs bool) Item {
	item := Item{Name: "daemon.json", Seen: o.File.Path + " matches the configuration"}
	if differs {
		item.Health, item.Remedy = Critical, ApplyRemedy
		item.Seen = o.File.Path + " differs from the configuration"
	}
	if conflict := plan.FlagConflict(c, o); conflict != nil {
		item.Health, item.Seen, item.Remedy = Critical, conflict.Error(), FlagRemedy(conflict.Option)
	}
	if len(o.File.Misplaced) > 0 && item.Health == Healthy {
		item.reportMisplaced(o.File)
	}
	return item
}

// reportMisplaced reports a directory that was moved back too late, into the new one that had replaced it.
func (i *Item) reportMisplaced(file daemonfile.File) {
	late := file.Misplaced[0]
	i.Health = Warning
	i.Seen = fmt.Sprintf("%s was created again while it was missing, and the earlier one was then moved into it, as %s: its settings are not in effect", filepath.Dir(file.Path), filepath.Dir(late))
	i.Remedy = fmt.Sprintf("compare it with %s, then move it into place: mv -T %s %s; or remove %s", file.Path, late, file.Path, filepath.Dir(late))
}

// IDsItem is the item of the ids for containers, for a goal with userns-remap.
func IDsItem(g plan.Goal) Item {
	_, item := idsItem(g)
	return item
}

// idsItem is the item of the ids for containers, and those ids; nil if they cannot be allocated.
func idsItem(g plan.Goal) (*subid.Grant, Item) {
	item := Item{Name: "id ranges", Remedy: ApplyRemedy}
	ids, err := g.Grant()
	if err != nil {
		item.Health, item.Seen, item.Remedy = Critical, err.Error(), ""
		return nil, item
	}
	switch {
	case !ids.Complete():
		item.Health, item.Seen = Critical, fmt.Sprintf("%s lacks its own %d ids in %s and %s", ids.Account.Name, subid.RangeSize, g.Observed.IDs.UIDs.Path, g.Observed.IDs.GIDs.Path)
	case ids.Clash != "":
		item.Health, item.Seen, item.Remedy = Warning, ids.Clash, plan.OtherIDsRemedy
	default:
		item.Seen, item.Remedy = fmt.Sprintf("%s: uids %s, gids %s", ids.Account.Name, subid.FormatSpans(ids.UIDs), subid.FormatSpans(ids.GIDs)), ""
	}
	return &ids, item
}

// EngineItem is the item of dockerd, which shall run with want.
func EngineItem(g plan.Goal, want steps.Settings) Item {
	info := g.Observed.Engine
	if info == nil {
		unit := g.Observed.Unit
		item := Item{Name: "dockerd", Health: Unsure, Seen: unit.Name + " is " + unit.ActiveState, Remedy: "systemctl start " + unit.Name}
		if unit.Changing() {
			item.Remedy = "check again in a moment; journalctl -u " + unit.Name + " shows what it is waiting for"
		}
		return item
	}
	if err := want.Missing(*info); err != nil {
		return Item{Name: "dockerd", Health: Critical, Seen: err.Error(), Remedy: ApplyRemedy}
	}
	return Item{Name: "dockerd", Seen: fmt.Sprintf("%s runs with the configuration, default runtime %s", info.Version, info.DefaultRuntime)}
}
