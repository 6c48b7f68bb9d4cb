// Package checkup says how a host differs from its goal: item by item for people and
// monitoring, and as drifts for the daemon. It is pure, and never decides what is done.
package checkup

import (
	"fmt"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/subid"
)

// Health is how one item of a host is, in the terms of monitoring plugins.
type Health int

// In the order of how bad they are.
const (
	Healthy Health = iota
	Warning
	Unsure // it could not be seen
	Critical
)

func (s Health) String() string { return [...]string{"ok", "warning", "unknown", "critical"}[s] }

// MarshalText gives the name of s.
func (s Health) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText gives.
func (s *Health) UnmarshalText(text []byte) error {
	for _, one := range []Health{Healthy, Warning, Unsure, Critical} {
		if one.String() == string(text) {
			*s = one
			return nil
		}
	}
	return fmt.Errorf("%q is no status", text)
}

// Item is one thing that has to be right about a host.
type Item struct {
	Name   string `json:"name"`
	Health Health `json:"status"`
	Seen   string `json:"seen"`
	Remedy string `json:"remedy,omitempty"` // what to do when it is not ok
}

const ApplyRemedy = "sudo runsc-provisioner apply"

// Items says how a host is that should be as c: its release, the files of
// it, the link, daemon.json, what dockerd runs with, and its runtimes. It is pure. The error
// is NewPlan's.
func Items(c config.Config, o host.Observed) ([]Item, error) {
	g := plan.NewGoal(c, o)
	wanted, err := g.DaemonJSON()
	if err != nil {
		return nil, err
	}
	items := []Item{ReleaseItem(g), linkItem(g)}
	file := Item{Name: "daemon.json", Seen: o.File.Path + " has what is wanted"}
	if plan.Differ(o.File.Doc, wanted) {
		file.Health, file.Remedy = Critical, ApplyRemedy
		file.Seen = o.File.Path + " differs from what is wanted"
	}
	if conflict := plan.FlagConflict(c, o); conflict != nil {
		file.Health, file.Remedy = Critical, "remove the flag: dockerd does not start with the option in both places"
		file.Seen = conflict.Error()
	}
	if len(o.File.Misplaced) > 0 && file.Health == Healthy {
		file.Health, file.Seen, file.Remedy = misplacedItem(o.File)
	}
	engine := plan.Settings{Runtimes: g.RuntimesIn(wanted), Default: c.Docker.DefaultRuntime, Remap: c.Docker.Remap()}
	items = append(items, file)
	if c.Docker.Remap() == config.RemapOn {
		items = append(items, idsItem(g, &engine))
	}
	items = append(items, EngineItem(g, engine))
	items = append(items, RuntimeItems(c, o)...)
	if o.Images != nil {
		items = append(items, Item{Name: "images", Health: Warning, Remedy: ApplyRemedy,
			Seen: fmt.Sprintf("%s of a switch of userns-remap are still in %s", plan.CountImages(o.Images.Images), o.Images.Path)})
	}
	if item, some := SetAsideItem(o.SetAside); some {
		items = append(items, item)
	}
	return items, nil
}

// idsItem says whose ids containers get, and adds to want where dockerd then has
// its data.
func idsItem(g plan.Goal, want *plan.Settings) Item {
	item := Item{Name: "id ranges", Remedy: ApplyRemedy}
	ids, err := g.Grant()
	switch {
	case err != nil:
		item.Health, item.Seen, item.Remedy = Critical, err.Error(), ""
	case !ids.Complete():
		item.Health, item.Seen = Critical, fmt.Sprintf("%s has not %d ids of its own in %s and %s", ids.Account.Name, subid.Count, g.Observed.IDs.UIDs.Path, g.Observed.IDs.GIDs.Path)
	case ids.Clash != "":
		item.Health, item.Seen, item.Remedy = Warning, ids.Clash, "switch userns-remap off and on again, with --purge, to have other ids"
	default:
		item.Seen, item.Remedy = fmt.Sprintf("%s: uids %s, gids %s", ids.Account.Name, subid.Spans(ids.UIDs), subid.Spans(ids.GIDs)), ""
	}
	if err == nil && g.Observed.Engine != nil {
		want.Root = plan.RemappedRoot(host.DataRootOf(*g.Observed.Engine), ids)
	}
	return item
}

func ReleaseItem(g plan.Goal) Item {
	item := Item{Name: "release", Remedy: ApplyRemedy}
	installed, found := plan.NewestSatisfying(g.Observed.Releases, g.Config.Spec())
	switch {
	case !found:
		item.Health, item.Seen = Critical, g.Config.Release.Version+" is not installed"
	case !installed.State.Intact():
		item.Health, item.Seen = Critical, installed.Dir+" is damaged: "+installed.State.Reason
	default:
		item.Remedy = ""
		item.Seen = fmt.Sprintf("%s in %s, %d files as installed, trust %s", installed.Name, installed.Dir, len(installed.Manifest.Files), installed.Manifest.Trust)
	}
	return item
}

func linkItem(g plan.Goal) Item {
	link := g.Observed.Link
	item := Item{Name: "link", Seen: link.Path + " → " + g.Current.Runsc}
	switch {
	case link.Kind == release.LinkForeign:
		item.Health, item.Seen = Warning, link.Path+" is "+link.Is
		item.Remedy = "nothing needs it; remove it to get the link"
	case link.Kind != release.LinkOurs || link.Release != g.Current.Name:
		item.Health, item.Seen, item.Remedy = Warning, link.Path+" does not lead to the release", ApplyRemedy
	}
	return item
}

func EngineItem(g plan.Goal, want plan.Settings) Item {
	info := g.Observed.Engine
	if info == nil {
		unit := g.Observed.Unit
		item := Item{Name: "dockerd", Health: Unsure, Seen: unit.Name + " is " + unit.ActiveState, Remedy: "systemctl start " + unit.Name}
		if unit.Changing() {
			item.Remedy = "look again in a moment; journalctl -u " + unit.Name + " says what takes so long"
		}
		return item
	}
	if err := want.Missing(*info); err != nil {
		return Item{Name: "dockerd", Health: Critical, Seen: err.Error(), Remedy: ApplyRemedy}
	}
	return Item{Name: "dockerd", Seen: fmt.Sprintf("%s runs with it, default runtime %s", info.Version, info.DefaultRuntime)}
}
